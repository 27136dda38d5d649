//! `sigmavault-storage`: pools, datasets and snapshots as a service.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{CommandFactory as _, Parser};
use log::info;
use sigmavault_bus::storage::NAME;
use sigmavault_service::logging;
use sigmavault_service::manager::{NotifyState, notify};
use sigmavault_service::program::{self, Options, StartError, Stop};
use sigmavault_storage::config::Config;
use sigmavault_storage::machine::Machine;
use sigmavault_storage::service::Service;
use sigmavault_storage::{bus, orders, queue, reader, waker, watchers, writer};
use tokio::sync::mpsc::unbounded_channel;
use zbus::connection;

/// Pools, datasets and snapshots as a service: every change is a plan that somebody approved
///
/// On the system bus as org.sigmavault.Storage1. Settings come from /usr/lib/sigmavault/storage.toml and, over it, key by key,
/// /etc/sigmavault/storage.toml. The command `sigmavault pool` and its neighbours show and change what this service knows.
#[allow(clippy::doc_markdown, reason = "these comments are the help text")]
#[derive(Debug, Parser)]
#[command(name = "sigmavault-storage", version)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    /// Work on the simulated machine in this file instead of this one
    #[arg(long, value_name = "FILE")]
    simulate: Option<PathBuf>,
    /// Folder in which policies, jobs and audit records are kept, instead of the one in the settings
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

fn main() -> ExitCode {
    program::exit("sigmavault-storage", run(Arguments::parse()))
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    let options = &arguments.options;
    if options.print(Arguments::command())? {
        return Ok(());
    }
    logging::install("sigmavault-storage", options.log_level)?;
    let files = options.files();
    let mut config = Config::load(&files, options.config.as_deref())?;
    config.state = arguments.state.unwrap_or(config.state);
    std::fs::create_dir_all(&config.state)?;
    let machine = match &arguments.simulate {
        Some(file) => Machine::simulated(file)?,
        None => Machine::Zfs(files, config.clone()),
    };
    program::run(serve(config, machine))
}

async fn serve(config: Config, machine: Machine) -> anyhow::Result<()> {
    let stop = Stop::listen()?;
    let (wake, woken) = waker::waker();
    let (sender, queued) = queue::queue();
    let (news, told) = unbounded_channel();
    let service = Arc::new(Service::new(config, wake, sender, news));
    let serving = bus::serve(Arc::clone(&service), connection::Builder::system(), told)
        .await
        .map_err(|error| match error {
            zbus::Error::NameTaken => anyhow::anyhow!(
                "another {NAME} is on the bus; see: systemctl status sigmavault-storage.service"
            ),
            error => {
                anyhow::anyhow!("the system bus cannot be used: {error}; see: systemctl status dbus.service")
            }
        })?;
    info!("on the system bus as {NAME}");
    reader::start(Arc::clone(&service), machine.engine(), woken).map_err(StartError::Threads)?;
    writer::start(Arc::clone(&service), machine.engine(), queued).map_err(StartError::Threads)?;
    orders::start(Arc::clone(&service)).map_err(StartError::Threads)?;
    if !machine.is_simulated() {
        watchers::start(&service.waker).map_err(StartError::Threads)?;
    }
    notify(&[NotifyState::Ready, NotifyState::Status("Watching the pools")]);
    tokio::spawn(alive(serving.bus.clone()));
    stop.asked().await;
    drop(serving);
    Ok(())
}

/// Tells the service manager that the service lives, as long as the bus answers on the service's own connection.
async fn alive(bus: zbus::Connection) {
    let Some(period) = sigmavault_service::watchdog::period() else {
        return;
    };
    let interval: Duration = period / 3;
    loop {
        let asked = async {
            let proxy = zbus::fdo::PeerProxy::new(&bus, NAME, sigmavault_bus::storage::PATH).await?;
            proxy.ping().await
        };
        match tokio::time::timeout(interval, asked).await {
            Ok(Ok(())) => notify(&[NotifyState::Watchdog]),
            Ok(Err(error)) => log::error!("not alive: {error}"),
            Err(_) => log::error!("not alive: no answer on the bus"),
        }
        tokio::time::sleep(interval).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
