//! The size of a request's body.

use axum::http::{HeaderMap, header};

/// Whether the body that these headers announce is larger than `limit`.
pub fn announces_more(headers: &HeaderMap, limit: usize) -> bool {
    headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .is_some_and(|length: usize| length > limit)
}
