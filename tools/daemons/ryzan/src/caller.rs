//! Who asks.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use sigmavault_service::serve::Peer;

use crate::openai::error::ApiError;

/// The user whose program asks. Their prefixes, and the limits of their work, are their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// Their number in the user database.
    pub uid: u32,
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let peer = parts.extensions.get::<Peer>();
        match peer.and_then(Peer::uid) {
            Some(uid) => Ok(Self { uid }),
            None => Err(ApiError::nobody()),
        }
    }
}
