//! Errors on the bus.

use crate::plans::PlanError;
use crate::service::ServiceError;

/// Errors on the bus.
#[derive(Debug, zbus::DBusError)]
#[zbus(prefix = "org.sigmavault.Storage1.Error")]
pub enum BusError {
    /// The bus itself.
    #[zbus(error)]
    ZBus(zbus::Error),
    /// The arguments are invalid.
    InvalidArgument(String),
    /// The change is impossible as things are.
    Refused(String),
    /// There is no such plan, job or dataset.
    NotFound(String),
    /// The plan was not approved by this user, or the approval was used or is too old.
    NotApproved(String),
    /// What was typed does not confirm the plan.
    NotConfirmed(String),
    /// polkit denies it.
    NotAuthorized(String),
    /// The pools cannot be read now.
    Stale(String),
    /// Something failed.
    Failed(String),
}

impl From<ServiceError> for BusError {
    fn from(error: ServiceError) -> Self {
        // The bus disconnects a sender of strings that hold NUL, which a label on a disk may.
        let text = error.to_string().replace('\0', "\u{fffd}");
        match error {
            ServiceError::Refusal(_) => Self::Refused(text),
            ServiceError::Plan(PlanError::Unknown(_)) => Self::NotFound(text),
            ServiceError::Plan(PlanError::NotApproved) => Self::NotApproved(text),
            ServiceError::Plan(PlanError::Confirmation(_)) => Self::NotConfirmed(text),
            ServiceError::Stale(_) => Self::Stale(text),
            ServiceError::Digest(_) | ServiceError::Audit(_) | ServiceError::Stopping => Self::Failed(text),
        }
    }
}
