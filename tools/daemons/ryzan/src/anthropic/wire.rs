//! What all of the interface has: its version, and errors.

use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::openai::error::ApiError;

/// The version of the interface.
pub const VERSION: &str = "2023-06-01";

/// Header with the version that a client expects.
pub const VERSION_HEADER: &str = "anthropic-version";

/// Refuses a client that expects another version. One that expects none gets this one.
pub fn check_version(headers: &HeaderMap) -> Result<(), ApiError> {
    match headers.get(VERSION_HEADER) {
        Some(version) if version != VERSION => Err(ApiError::invalid(
            VERSION_HEADER,
            format!("{VERSION_HEADER} is {version:?} and must be {VERSION}"),
        )),
        _ => Ok(()),
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
    fn another_version_is_refused() {
        let with = |version: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(VERSION_HEADER, HeaderValue::from_static(version));
            check_version(&headers)
        };
        assert_eq!(with("2023-06-01"), Ok(()));
        assert!(with("2023-01-01").is_err());
        assert_eq!(check_version(&HeaderMap::new()), Ok(()));
    }
}
