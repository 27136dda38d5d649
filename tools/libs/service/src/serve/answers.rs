//! What every answer has: an id, security headers, and a line in the log.

use std::time::Instant;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use log::{debug, warn};
use uuid::Uuid;

/// Header with the request's id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Answers are data for programs: nothing in them may run, be framed or be kept.
const SECURITY: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];

/// What differs between services.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Whether a client may name its request, by a well-formed [`REQUEST_ID`].
    pub client_ids: bool,
    /// Server errors that are part of the work, and no warning in the log.
    pub expected: &'static [StatusCode],
}

/// A request that was answered.
#[derive(Debug)]
pub struct Answered {
    /// The path of the request.
    pub path: String,
    /// The request's id.
    pub id: String,
}

/// The outermost layer: answers the request with what is within, hands the answer to `finish`, gives it its id and
/// security headers, and logs it.
pub async fn outermost(
    request: Request,
    next: Next,
    style: Style,
    finish: impl FnOnce(Response, &Answered) -> Response,
) -> Response {
    let id = match client_id(request.headers()).filter(|_| style.client_ids) {
        Some(id) => id.to_owned(),
        None => Uuid::now_v7().to_string(),
    };
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let began = Instant::now();
    let answered = Answered { path, id };
    let mut response = finish(next.run(request).await, &answered);
    let (status, Answered { path, id }) = (response.status(), answered);
    if status.is_server_error() && !style.expected.contains(&status) {
        warn!("{method} {path:?}: {status}, request {id}");
    } else {
        debug!(
            "{method} {path:?}: {status} after {} ms, request {id}",
            began.elapsed().as_millis()
        );
    }
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    for (name, value) in SECURITY {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The id that the client gave, when it is well-formed.
fn client_id(headers: &HeaderMap) -> Option<&str> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let fits = (1..=64).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    fits.then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_clients_are_kept_when_well_formed() {
        let with = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_str(value).unwrap());
            client_id(&headers).map(str::to_owned)
        };
        assert_eq!(with("backup-2026.1_a"), Some("backup-2026.1_a".into()));
        assert_eq!(with("a b"), None);
        assert_eq!(with(""), None);
        assert_eq!(with(&"a".repeat(64)), Some("a".repeat(64)));
        assert_eq!(with(&"a".repeat(65)), None);
        assert_eq!(client_id(&HeaderMap::new()), None);
    }
}
