//! `sigmavault-api`: REST interface of `SigmaVault` on the loopback address.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser};
use log::info;
use sigmavault_api::config::Config;
use sigmavault_api::server::Server;
use sigmavault_api::state::AppState;
use sigmavault_api::{router, sampler};
use sigmavault_service::manager::{NotifyState, notify};
use sigmavault_service::program::{self, Options, StartError, Stop};
use sigmavault_service::{logging, watchdog};

/// REST interface of SigmaVault on the loopback address
///
/// Settings come from /usr/lib/sigmavault/api.toml and, over it, key by key, /etc/sigmavault/api.toml.
#[allow(clippy::doc_markdown, reason = "these comments are the help text")]
#[derive(Debug, Parser)]
#[command(name = "sigmavault-api", version)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    /// Listen on this loopback address instead of the one in the settings
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Print the OpenAPI document
    #[arg(long, hide = true, exclusive = true)]
    openapi: bool,
}

fn main() -> ExitCode {
    program::exit("sigmavault-api", run(&Arguments::parse()))
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    if arguments.openapi {
        return Ok(io::stdout().lock().write_all(router::document()?.as_bytes())?);
    }
    let options = &arguments.options;
    if options.print(Arguments::command())? {
        return Ok(());
    }
    logging::install("sigmavault-api", options.log_level)?;
    let files = options.files();
    let mut config = Config::load(&files, options.config.as_deref())?;
    if let Some(listen) = arguments.listen {
        config.listen = listen;
        config = config.checked()?;
    }
    program::run(serve(AppState::of_this_machine(config, files)))
}

async fn serve(state: AppState) -> anyhow::Result<()> {
    let stop = Stop::listen()?;
    let server = Server::bind(state.clone()).await?;
    let address = server.address();
    tokio::spawn(sampler::run(state.files, state.clock, state.sampler));
    watchdog::start(address.into(), "/health/live").map_err(StartError::Threads)?;
    info!("listening on http://{address}");
    let status = format!("Listening on http://{address}");
    notify(&[NotifyState::Ready, NotifyState::Status(&status)]);
    server.run(stop.asked()).await;
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
