//! Why a schema is rejected.

/// A schema is rejected, with the reason and its location.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at {place}")]
pub struct SchemaError {
    /// A JSON pointer, preceded by `#`.
    pub place: String,
    /// Why it is rejected.
    pub reason: String,
}

/// Rejects the schema at a place.
pub(in crate::constraint) fn refuse<T>(place: &str, reason: impl Into<String>) -> Result<T, SchemaError> {
    Err(SchemaError {
        place: place.to_owned(),
        reason: reason.into(),
    })
}
