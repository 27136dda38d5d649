//! Authorisation by polkit. The subject is the caller's unique name on the bus, which is never reused.

use std::collections::HashMap;

use zbus::Connection;
use zbus::message::Header;
use zbus_polkit::policykit1::{AuthorityProxy, CheckAuthorizationFlags, Subject};

/// Why somebody may not do something, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAuthorized(pub String);

/// Whether polkit may ask the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interaction {
    /// It may show a dialog. Its text can hold `details`, so these must be the service's own words and not a caller's.
    Allowed,
    /// It answers at once.
    None,
}

/// Asks polkit whether the caller may carry out an action of the policy.
pub async fn check(
    bus: &Connection,
    header: &Header<'_>,
    action: &str,
    details: &[(&str, &str)],
    interaction: Interaction,
) -> Result<(), NotAuthorized> {
    let subject = Subject::new_for_message_header(header)
        .map_err(|error| NotAuthorized(format!("the caller has no name on the bus: {error}")))?;
    let silent = |error: zbus::Error| NotAuthorized(format!("polkit does not answer: {error}"));
    let details: HashMap<&str, &str> = details.iter().copied().collect();
    let authority = AuthorityProxy::new(bus).await.map_err(silent)?;
    let flags = match interaction {
        Interaction::Allowed => CheckAuthorizationFlags::ALLOW_USER_INTERACTION,
        Interaction::None => CheckAuthorizationFlags::empty(),
    };
    let answer = authority
        .check_authorization(&subject, action, &details, flags, "")
        .await
        .map_err(silent)?;
    if answer.is_authorized {
        Ok(())
    } else {
        Err(NotAuthorized(format!(
            "polkit does not allow {action} for you; an administrator may"
        )))
    }
}
