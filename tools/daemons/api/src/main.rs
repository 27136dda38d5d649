//! `sigmavault-api`: REST interface of `SigmaVault` on the loopback address.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::anyhow;
use clap::{CommandFactory as _, Parser};
use clap_complete::Shell;
use log::{LevelFilter, info};
use sigmavault_api::config::Config;
use sigmavault_api::server::Server;
use sigmavault_api::state::AppState;
use sigmavault_api::{openapi, sampler, watchdog};
use sigmavault_facts::Files;
use sigmavault_service::logging;
use sigmavault_service::manager::{NotifyState, notify};
use tokio::signal::unix::{SignalKind, signal};

/// REST interface of SigmaVault on the loopback address
///
/// Settings come from /usr/lib/sigmavault/api.toml and, over it, key by key, /etc/sigmavault/api.toml.
#[allow(clippy::doc_markdown, reason = "these comments are the help text")]
#[derive(Debug, Parser)]
#[command(name = "sigmavault-api", version)]
struct Arguments {
    /// Read settings from this file only
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Listen here instead of where the settings say; a loopback address
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// How much to log: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log_level: LevelFilter,
    /// Read /proc, /sys, /run, /etc and /usr below this folder
    #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
    root: PathBuf,
    /// Print the OpenAPI document
    #[arg(long, hide = true, exclusive = true)]
    openapi: bool,
    /// Print shell completions
    #[arg(long, value_name = "SHELL", hide = true, exclusive = true)]
    completions: Option<Shell>,
    /// Print the manual page
    #[arg(long, hide = true, exclusive = true)]
    man: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sigmavault-api: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if arguments.openapi {
        return Ok(out.write_all(openapi::document()?.as_bytes())?);
    }
    if let Some(shell) = arguments.completions {
        clap_complete::generate(shell, &mut Arguments::command(), "sigmavault-api", &mut out);
        return Ok(());
    }
    if arguments.man {
        return Ok(clap_mangen::Man::new(Arguments::command())
            .section("8")
            .manual("SigmaVault NAS OS")
            .render(&mut out)?);
    }
    drop(out);

    logging::install("sigmavault-api", arguments.log_level)?;
    let files = Files::new(&arguments.root);
    let mut config = Config::load(&files, arguments.config.as_deref())?;
    if let Some(listen) = arguments.listen {
        config.listen = listen;
        config = config.checked()?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(32)
        .enable_all()
        .build()
        .map_err(|error| anyhow!("cannot start the threads of the service: {error}"))?;
    let result = runtime.block_on(serve(AppState::of_this_machine(config, files)));
    // A thread that waits for a file system that hangs must not keep the service from stopping.
    runtime.shutdown_background();
    result
}

async fn serve(state: AppState) -> anyhow::Result<()> {
    let mut terminate =
        signal(SignalKind::terminate()).map_err(|error| anyhow!("cannot wait for SIGTERM: {error}"))?;
    let mut interrupt =
        signal(SignalKind::interrupt()).map_err(|error| anyhow!("cannot wait for SIGINT: {error}"))?;
    let server = Server::bind(state.clone()).await?;
    let address = server.address();
    tokio::spawn(sampler::run(state));
    tokio::spawn(watchdog::run(address));
    info!("listening on http://{address}");
    let status = format!("Listening on http://{address}");
    notify(&[NotifyState::Ready, NotifyState::Status(&status)]);
    server
        .run(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            info!("stopping");
            notify(&[
                NotifyState::Stopping,
                NotifyState::Status("Letting requests finish"),
            ]);
        })
        .await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
