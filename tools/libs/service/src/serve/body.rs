//! The size of a request's body.

use axum::http::{HeaderMap, header};

/// The size of the body that these headers announce, in bytes.
pub fn announced(headers: &HeaderMap) -> Option<usize> {
    let value = headers.get(header::CONTENT_LENGTH)?;
    value.to_str().ok()?.parse().ok()
}

/// Whether the body that these headers announce is larger than `limit`.
pub fn announces_more(headers: &HeaderMap, limit: usize) -> bool {
    announced(headers).is_some_and(|length| length > limit)
}
