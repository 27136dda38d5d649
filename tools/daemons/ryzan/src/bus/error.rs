//! Errors on the bus.

use super::text::sendable;
use crate::models::ModelsError;
use crate::openai::error::ApiError;

/// Errors on the bus.
#[derive(Debug, zbus::DBusError)]
#[zbus(prefix = "org.sigmavault.Ryzan.Error")]
pub enum BusError {
    /// The bus itself.
    #[zbus(error)]
    ZBus(zbus::Error),
    /// The arguments are invalid.
    InvalidArgument(String),
    /// The model is unknown.
    ModelNotFound(String),
    /// No model is available.
    NoModel(String),
    /// Too many answers are under way.
    Busy(String),
    /// Polkit denies the action.
    NotAuthorized(String),
    /// The computation failed.
    Failed(String),
}

impl From<ModelsError> for BusError {
    fn from(error: ModelsError) -> Self {
        ApiError::from(error).into()
    }
}

impl From<ApiError> for BusError {
    fn from(error: ApiError) -> Self {
        let message = sendable(&error.to_string());
        match error {
            ApiError::ModelNotFound { .. } => Self::ModelNotFound(message),
            ApiError::NoModel { .. } => Self::NoModel(message),
            ApiError::Busy { .. } | ApiError::TooManyRequests { .. } => Self::Busy(message),
            ApiError::Failed { .. } => Self::Failed(message),
            ApiError::Forbidden { .. } => Self::NotAuthorized(message),
            _ => Self::InvalidArgument(message),
        }
    }
}
