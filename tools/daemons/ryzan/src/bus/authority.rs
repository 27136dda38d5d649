//! Authorisation by polkit. The subject is the caller's unique name on the bus, which is never reused.

use std::collections::HashMap;

use zbus::Connection;
use zbus::message::Header;
use zbus_polkit::policykit1::{AuthorityProxy, CheckAuthorizationFlags, Subject};

use super::error::BusError;

/// Action of loading a model, as in the polkit policy.
pub const LOAD: &str = "org.sigmavault.ryzan.load-model";

/// Action of unloading a model.
pub const UNLOAD: &str = "org.sigmavault.ryzan.unload-model";

/// Asks polkit, which may prompt the user. The dialog shows `model`, so it must be the real name of a model, not what a
/// caller wrote.
pub async fn check(bus: &Connection, header: &Header<'_>, action: &str, model: &str) -> Result<(), BusError> {
    let subject = Subject::new_for_message_header(header)
        .map_err(|error| BusError::NotAuthorized(format!("the caller has no name on the bus: {error}")))?;
    let authority = AuthorityProxy::new(bus).await?;
    let answer = authority
        .check_authorization(
            &subject,
            action,
            &HashMap::from([("model", model)]),
            CheckAuthorizationFlags::ALLOW_USER_INTERACTION,
            "",
        )
        .await
        .map_err(|error| BusError::NotAuthorized(format!("polkit does not answer: {error}")))?;
    if answer.is_authorized {
        Ok(())
    } else {
        Err(BusError::NotAuthorized(format!(
            "polkit does not allow {action} for you; an administrator may"
        )))
    }
}
