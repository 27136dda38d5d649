//! The connection to the bus.

use std::sync::Arc;

use log::{info, warn};
use zbus::{Connection, connection};

use super::object::Ryzan;
use super::streams::Streams;
use super::watch;
use crate::state::Service;

/// Name on the bus.
pub const NAME: &str = "org.sigmavault.Ryzan";

/// Path of the object.
pub const PATH: &str = "/org/sigmavault/Ryzan";

/// Puts the object on the bus, for as long as the connection is kept.
pub async fn serve(service: Arc<Service>, builder: connection::Builder<'_>) -> zbus::Result<Connection> {
    let streams = Streams::default();
    let object = Ryzan::new(service, streams.clone());
    // Another program of the service's user could take the name otherwise, and with it what is asked.
    let builder = builder
        .allow_name_replacements(false)
        .replace_existing_names(false);
    let bus = builder.serve_at(PATH, object).name(NAME).build().await?;
    watch::start(&bus, streams).await?;
    Ok(bus)
}

/// Puts the object on the system bus if there is one. The service works without it.
pub async fn serve_on_system_bus(service: Arc<Service>) -> Option<Connection> {
    match serve(service, connection::Builder::system()).await {
        Ok(bus) => {
            info!("on the system bus as {NAME}");
            Some(bus)
        }
        Err(error) => {
            warn!("not on the system bus: {error}");
            None
        }
    }
}
