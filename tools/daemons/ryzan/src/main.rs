//! `sigmavault-ryzan`: the local language model as a service.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory as _, Parser};
use log::{info, warn};
use sigmavault_facts::Files;
use sigmavault_ryzan::config::Config;
use sigmavault_ryzan::models::{AUTO, Models};
use sigmavault_ryzan::server::Listeners;
use sigmavault_ryzan::state::Service;
use sigmavault_ryzan::yielding::watch;
use sigmavault_ryzan::{bus, routes, watchdog};
use sigmavault_service::logging;
use sigmavault_service::manager::{NotifyState, notify};
use sigmavault_service::program::{self, Options, Stop};

/// The local language model, answering as OpenAI's interface does
///
/// Settings come from /usr/lib/sigmavault/ryzan.toml and, over it, key by key, /etc/sigmavault/ryzan.toml. Without a
/// model the service runs, says so, and answers everything that needs none.
#[allow(clippy::doc_markdown, reason = "these comments are the help text")]
#[derive(Debug, Parser)]
#[command(name = "sigmavault-ryzan", version)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    /// Load this model, a GGUF file or a folder with safetensors, instead of the machine's
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Listen here instead of where the settings say; a loopback address
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Make the unix socket here instead of where the settings say
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
    program::run(serve(config, files, arguments.model))
}

async fn serve(config: Config, files: Files, model: Option<PathBuf>) -> anyhow::Result<()> {
    let stop = Stop::listen()?;
    let models = Arc::new(Models::new(files.clone(), config.clone(), model.as_deref()));
    let service = Arc::new(Service::new(config, files, models));
    let listeners = Listeners::bind(&service).await?;
    let address = listeners.address();
    let socket = listeners
        .socket()
        .unwrap_or_else(|| service.config.socket.clone());
    tokio::spawn(watchdog::run(socket));
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
    listeners
        .run(&service, routes::router(Arc::clone(&service)), stop.asked())
        .await;
    service.models.close().await;
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
