//! What happens to every request: an id, the limits, the host check, security headers.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header, uri::Authority};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http_body_util::Limited;
use log::{debug, warn};
use sigmavault_service::host;
use uuid::Uuid;

use crate::problem::{ApiError, render};
use crate::state::AppState;

/// Header with the request's id: taken from the client when it is well-formed, else made.
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

/// The outermost layer: gives the request an id, writes problems, adds headers, logs.
pub async fn outermost(mut request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    if let Ok(value) = HeaderValue::from_str(&id) {
        request.headers_mut().insert(REQUEST_ID, value);
    }
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut response = render(next.run(request).await, &id);
    let status = response.status();
    if status.is_server_error() {
        warn!("{method} {path:?}: {status}, request {id}");
    } else {
        debug!("{method} {path:?}: {status}, request {id}");
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

/// Refuses foreign hosts and large bodies, and gives up after the configured time.
pub async fn limits(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let config = &state.config;
    if let Err(error) = check_host(&request, &state) {
        return error.into_response();
    }
    let limit = config.body_limit_bytes;
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > limit) {
        return ApiError::BodyTooLarge { limit }.into_response();
    }
    let request = request.map(|body| Body::new(Limited::new(body, limit)));
    let after = config.request_timeout();
    tokio::time::timeout(after, next.run(request))
        .await
        .unwrap_or_else(|_| ApiError::TimedOut { after }.into_response())
}

/// A page from elsewhere whose name was made to point at this machine (DNS rebinding) still sends its own name.
fn check_host(request: &Request, state: &AppState) -> Result<(), ApiError> {
    let named = request
        .headers()
        .get(header::HOST)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let called = named
        .or_else(|| request.uri().authority().map(ToString::to_string))
        .unwrap_or_default();
    let name = called
        .parse::<Authority>()
        .map(|authority| authority.host().to_owned())
        .unwrap_or_default();
    if host::is_own(&name, &state.config.allowed_hosts) {
        Ok(())
    } else {
        Err(ApiError::HostNotAllowed { host: called })
    }
}

fn request_id(headers: &HeaderMap) -> String {
    headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| {
            (1..=64).contains(&id.len())
                && id
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        })
        .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_clients_are_kept_when_well_formed() {
        let with = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_static(value));
            request_id(&headers)
        };
        assert_eq!(with("backup-2026.1_a"), "backup-2026.1_a");
        assert_eq!(with("a b").len(), 36);
        assert_eq!(with("").len(), 36);
        assert_eq!(request_id(&HeaderMap::new()).len(), 36);
    }
}
