//! What all of the interface has: its version, and errors.

use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::openai::error::ApiError;

/// The version of the interface that this follows.
pub const VERSION: &str = "2023-06-01";

/// Header with the version that a client expects.
pub const VERSION_HEADER: &str = "anthropic-version";

/// Refuses a client that expects an older version, whose events were others, or what is no version. Later ones, which clients
/// name as they are released, have extended this one; a client that names none gets it too.
pub fn check_version(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(version) = headers.get(VERSION_HEADER) else {
        return Ok(());
    };
    let is_date = |text: &&str| {
        let pattern = VERSION.bytes().map(|byte| byte.is_ascii_digit());
        text.len() == VERSION.len() && text.bytes().map(|byte| byte.is_ascii_digit()).eq(pattern)
    };
    match version.to_str().ok().filter(is_date) {
        Some(date) if date >= VERSION => Ok(()),
        _ => Err(ApiError::invalid(
            VERSION_HEADER,
            format!("{VERSION_HEADER} is {version:?} and must be {VERSION} or a later date"),
        )),
    }
}

/// An error in `Anthropic`'s shape.
pub fn error(error: &ApiError, request_id: Option<&str>) -> Value {
    let kind = match error.status() {
        StatusCode::FORBIDDEN => "permission_error",
        StatusCode::NOT_FOUND => "not_found_error",
        StatusCode::PAYLOAD_TOO_LARGE => "request_too_large",
        StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
        StatusCode::SERVICE_UNAVAILABLE => "overloaded_error",
        status if status.is_server_error() => "api_error",
        _ => "invalid_request_error",
    };
    json!({
        "type": "error",
        "error": {"type": kind, "message": error.to_string()},
        "request_id": request_id,
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn errors_have_anthropics_shape() {
        let unknown = ApiError::ModelNotFound { model: "x".into() };
        let body = error(&unknown, Some("id"));
        assert_eq!(
            (&body["type"], &body["error"]["type"], &body["request_id"]),
            (&json!("error"), &json!("not_found_error"), &json!("id"))
        );
        let busy = error(&ApiError::Busy { waiting: 3 }, None);
        assert_eq!(busy["error"]["type"], "rate_limit_error");
    }

    #[test]
    fn versions_before_this_one_are_refused() {
        let with = |version: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(VERSION_HEADER, HeaderValue::from_static(version));
            check_version(&headers)
        };
        assert_eq!(with("2023-06-01"), Ok(()));
        assert_eq!(with("2026-10-21"), Ok(()));
        for wrong in ["2023-01-01", "latest", "2023-06-1x", ""] {
            assert!(with(wrong).is_err(), "{wrong}");
        }
        assert_eq!(check_version(&HeaderMap::new()), Ok(()));
    }
}
