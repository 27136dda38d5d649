//! Who may load and unload models.

use sigmavault_service::authority::{self, Interaction, NotAuthorized};
use zbus::Connection;
use zbus::message::Header;

use super::error::BusError;

/// Action of loading a model, as in the polkit policy.
pub const LOAD: &str = "org.sigmavault.ryzan.load-model";

/// Action of unloading a model.
pub const UNLOAD: &str = "org.sigmavault.ryzan.unload-model";

/// Asks polkit, which may prompt the user. The dialog shows `model`, so it must be the real name of a model, not what a
/// caller wrote.
pub async fn check(bus: &Connection, header: &Header<'_>, action: &str, model: &str) -> Result<(), BusError> {
    let checked = authority::check(bus, header, action, &[("model", model)], Interaction::Allowed).await;
    checked.map_err(|NotAuthorized(why)| BusError::NotAuthorized(why))
}
