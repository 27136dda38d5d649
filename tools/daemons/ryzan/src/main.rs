//! `sigmavault-ryzan`: the local language model as a service.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory as _, Parser};
use log::{info, warn};
use sigmavault_facts::Files;
use sigmavault_ryzan::config::{Config, VENDOR_PATH};
use sigmavault_ryzan::models::{AUTO, Models};
use sigmavault_ryzan::state::Service;
use sigmavault_ryzan::yielding::watch;
use sigmavault_ryzan::{bus, routes};
use sigmavault_service::ask::Endpoint;
use sigmavault_service::manager::{NotifyState, notify};
use sigmavault_service::program::{self, Options, StartError, Stop};
use sigmavault_service::serve::{Limits, Listeners};
use sigmavault_service::{logging, watchdog};

/// The local language model, with an OpenAI-compatible interface
///
/// Settings come from /usr/lib/sigmavault/ryzan.toml and, over it, key by key, /etc/sigmavault/ryzan.toml. Without a
/// model the service runs, reports that, and answers every request that needs no model.
#[allow(clippy::doc_markdown, reason = "these comments are the help text")]
#[derive(Debug, Parser)]
#[command(name = "sigmavault-ryzan", version)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    /// Load this model, a GGUF file or a folder with safetensors, instead of the machine's
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Listen on this loopback address instead of the one in the settings
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Create the unix socket here instead of at the path in the settings
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

fn main() -> ExitCode {
    program::exit("sigmavault-ryzan", run(Arguments::parse()))
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    let options = &arguments.options;
    if options.print(Arguments::command())? {
        return Ok(());
    }
    logging::install("sigmavault-ryzan", options.log_level)?;
    let files = options.files();
    let mut config = Config::load(&files, options.config.as_deref())?;
    config.listen = arguments.listen.unwrap_or(config.listen);
    config.socket = arguments.socket.unwrap_or(config.socket);
    let config = config.checked()?;
    if config.former_requests_per_minute.is_some() {
        warn!(
            "requests-per-minute has no effect any more; see user-requests and queue-seconds in {VENDOR_PATH}"
        );
    }
    program::run(serve(config, files, arguments.model))
}

async fn serve(config: Config, files: Files, model: Option<PathBuf>) -> anyhow::Result<()> {
    let stop = Stop::listen()?;
    let models = Arc::new(Models::new(files.clone(), config.clone(), model.as_deref()));
    let service = Arc::new(Service::new(config, files, models));
    let listeners = Listeners::bind("ryzan", service.config.listen)
        .await?
        .and_socket(&service.config.socket, &service.config.socket_group)?;
    let address = listeners.address();
    let socket = listeners
        .socket()
        .unwrap_or_else(|| service.config.socket.clone());
    // Over TCP, anybody on the machine could hold all connections and so have the service killed.
    watchdog::start(Endpoint::Unix(socket), "/health").map_err(StartError::Threads)?;
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
    let limits = Limits {
        connections: service.config.connection_limit,
        headers: service.config.client_timeout(),
        stalled: Some(service.config.client_timeout()),
        shutdown: service.config.shutdown_timeout(),
    };
    listeners
        .run(routes::router(Arc::clone(&service)), limits, stop.asked())
        .await;
    service.models.close().await;
    drop(on_bus);
    Ok(())
}

/// Loads the model behind `auto`, so that the first request does not wait, or logs why there is none.
async fn load_first(service: Arc<Service>) {
    match service.models.load(AUTO).await {
        Ok(model) => info!("{model} is ready"),
        Err(error) => warn!("no model is loaded: {error}"),
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
