//! What happens to every request: an id, the host check, the rate limit, security headers; and how bodies are read.

use std::time::Instant;

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header, uri::Authority};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use log::{debug, warn};
use serde_json::Value;
use sigmavault_service::host;
use uuid::Uuid;

use super::Peer;
use crate::openai::error::ApiError;
use crate::state::Shared;

/// Header with the request's id, as `OpenAI` names it.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Most values in a body, as the commas, colons and brackets tell that divide them: in memory each takes many times what it takes on
/// the wire. A prompt of as many tokens fits.
const VALUES: usize = 300_000;

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

/// The outermost layer: gives the answer an id and headers, counts it and logs it.
pub async fn outermost(State(service): Shared, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let began = Instant::now();
    let mut response = next.run(request).await;
    let (status, id) = (response.status(), Uuid::now_v7().to_string());
    service.meters.answered(&path, status.as_u16());
    if status.is_server_error() && status.as_u16() != 503 {
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

/// Refuses foreign hosts and pages, and, over TCP, too many requests.
pub async fn limits(State(service): Shared, request: Request, next: Next) -> Response {
    let tcp = matches!(request.extensions().get(), Some(Peer::Tcp(_)));
    if tcp {
        if let Err(error) = check_names(&request, &service.config.allowed_hosts) {
            return error.into_response();
        }
        let counted =
            !(*request.method() == Method::GET && matches!(request.uri().path(), "/health" | "/metrics"));
        if counted && let Err(wait) = service.take_turn(Instant::now()) {
            return ApiError::TooManyRequests {
                limit: service.config.requests_per_minute,
                retry_after: wait.as_secs() + 1,
            }
            .into_response();
        }
    }
    next.run(request).await
}

/// The host must be this machine, and so must be the page that sent the request, if one did.
fn check_names(request: &Request, allowed: &[String]) -> Result<(), ApiError> {
    let text = |headers: &HeaderMap, name| {
        headers
            .get(name)
            .map(|value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let is_own = |authority: &str| {
        authority
            .parse::<Authority>()
            .is_ok_and(|authority| host::is_own(authority.host(), allowed))
    };
    let host = text(request.headers(), header::HOST)
        .or_else(|| request.uri().authority().map(ToString::to_string))
        .unwrap_or_default();
    if !is_own(&host) {
        return Err(ApiError::HostNotAllowed { host });
    }
    match text(request.headers(), header::ORIGIN) {
        Some(origin) if !is_own(origin.split_once("://").map_or("", |(_, rest)| rest)) => {
            Err(ApiError::OriginNotAllowed { origin })
        }
        _ => Ok(()),
    }
}

/// A JSON body within the limits of size and time. Browsers ask before they send this content type to another origin.
#[derive(Debug)]
pub struct JsonBody(pub Value);

impl FromRequest<std::sync::Arc<crate::state::Service>> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(
        request: Request,
        service: &std::sync::Arc<crate::state::Service>,
    ) -> Result<Self, ApiError> {
        let json = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json"));
        if !json {
            return Err(ApiError::NotJson);
        }
        let limit = service.config.body_limit_bytes;
        let announced = request
            .headers()
            .get(header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        if announced.is_some_and(|length: usize| length > limit) {
            return Err(ApiError::BodyTooLarge { limit });
        }
        let patience = service.config.client_timeout();
        let bytes = tokio::time::timeout(patience, to_bytes(request.into_body(), limit))
            .await
            .map_err(|_| ApiError::BodyTooSlow {
                seconds: patience.as_secs(),
            })?
            .map_err(|_| ApiError::BodyTooLarge { limit })?;
        if values(&bytes) > VALUES {
            return Err(ApiError::Invalid {
                message: format!("the body has more than {VALUES} values"),
                param: None,
                code: Some("too_many_values"),
            });
        }
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|error| ApiError::Invalid {
                message: format!("the body is not JSON: {error}"),
                param: None,
                code: Some("invalid_json"),
            })
    }
}

/// About how many values a JSON text holds. What stands in strings does not count.
fn values(text: &[u8]) -> usize {
    let (mut count, mut inside, mut escaped) = (1, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if inside => escaped = true,
            b'"' => inside = !inside,
            b',' | b':' | b'[' | b'{' if !inside => count += 1,
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_outside_of_strings() {
        for (text, expected) in [
            ("1", 1),
            ("[1,2,3]", 4),
            (r#"{"a": [1, "x,y[{\\", "\",,\""]}"#, 6),
            ("[[[[", 5),
            (r#""a,b,c"#, 1),
        ] {
            assert_eq!(values(text.as_bytes()), expected, "{text}");
        }
    }
}
