//! `sigmavault-ryzan`: the local language model as a service.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::anyhow;
use clap::{CommandFactory as _, Parser};
use clap_complete::Shell;
use log::{LevelFilter, info, warn};
use sigmavault_facts::Files;
use sigmavault_ryzan::config::Config;
use sigmavault_ryzan::models::{AUTO, Models};
use sigmavault_ryzan::server::Listeners;
use sigmavault_ryzan::state::Service;
use sigmavault_ryzan::yielding::watch;
use sigmavault_ryzan::{bus, routes, watchdog};
use sigmavault_service::logging;
use sigmavault_service::manager::{NotifyState, notify};
use tokio::signal::unix::{SignalKind, signal};

/// The local language model, answering as OpenAI's interface does
///
/// Settings come from /usr/lib/sigmavault/ryzan.toml and, over it, key by key, /etc/sigmavault/ryzan.toml. Without a
/// model the service runs, says so, and answers everything that needs none.
#[allow(clippy::doc_markdown, reason = "these comments are the help text")]
#[derive(Debug, Parser)]
#[command(name = "sigmavault-ryzan", version)]
struct Arguments {
    /// Read settings from this file only
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Load this model, a GGUF file or a folder with safetensors, instead of the machine's
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Listen here instead of where the settings say; a loopback address
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Make the unix socket here instead of where the settings say
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// How much to log: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log_level: LevelFilter,
    /// Read /proc, /sys, /run, /etc and /usr below this folder
    #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
    root: PathBuf,
    /// Print shell completions
    #[arg(long, value_name = "SHELL", hide = true, exclusive = true)]
    completions: Option<Shell>,
    /// Print the manual page
    #[arg(long, hide = true, exclusive = true)]
    man: bool,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sigmavault-ryzan: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if let Some(shell) = arguments.completions {
        clap_complete::generate(shell, &mut Arguments::command(), "sigmavault-ryzan", &mut out);
        return Ok(());
    }
    if arguments.man {
        return Ok(clap_mangen::Man::new(Arguments::command())
            .section("8")
            .manual("SigmaVault NAS OS")
            .render(&mut out)?);
    }
    drop(out);

    logging::install("sigmavault-ryzan", arguments.log_level)?;
    let files = Files::new(&arguments.root);
    let mut config = Config::load(&files, arguments.config.as_deref())?;
    config.listen = arguments.listen.unwrap_or(config.listen);
    config.socket = arguments.socket.unwrap_or(config.socket);
    let config = config.checked()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(32)
        .enable_all()
        .build()
        .map_err(|error| anyhow!("cannot start the threads of the service: {error}"))?;
    let result = runtime.block_on(serve(config, files, arguments.model));
    runtime.shutdown_background();
    result
}

async fn serve(config: Config, files: Files, model: Option<PathBuf>) -> anyhow::Result<()> {
    let mut terminate =
        signal(SignalKind::terminate()).map_err(|error| anyhow!("cannot wait for SIGTERM: {error}"))?;
    let mut interrupt =
        signal(SignalKind::interrupt()).map_err(|error| anyhow!("cannot wait for SIGINT: {error}"))?;
    let models = Arc::new(Models::new(files.clone(), config.clone(), model.as_deref()));
    let service = Arc::new(Service::new(config, files, models));
    let listeners = Listeners::bind(&service).await?;
    let address = listeners.address();
    tokio::spawn(watchdog::run(address));
    tokio::spawn(watch::run(
        service.files.clone(),
        service.config.yielding.clone(),
        Arc::clone(&service.models),
    ));
    let on_bus = bus::serve_on_system_bus(Arc::clone(&service)).await;
    info!(
        "listening on http://{address} and {}",
        service.config.socket.display()
    );
    tokio::spawn(load_first(Arc::clone(&service)));
    let status = format!("Listening on http://{address}");
    notify(&[NotifyState::Ready, NotifyState::Status(&status)]);
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        info!("stopping");
        notify(&[
            NotifyState::Stopping,
            NotifyState::Status("Letting requests finish"),
        ]);
    };
    listeners
        .run(&service, routes::router(Arc::clone(&service)), stop)
        .await;
    drop(on_bus);
    Ok(())
}

/// Loads what `auto` means, so that the first request need not wait, or says why there is nothing to load.
async fn load_first(service: Arc<Service>) {
    match service.models.load(AUTO).await {
        Ok(model) => info!("{model} is ready"),
        Err(error) => warn!("without a model: {error}"),
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
