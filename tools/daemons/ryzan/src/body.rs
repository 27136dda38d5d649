//! Reading JSON bodies.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::header;
use futures_util::StreamExt as _;
use serde_json::Value;
use sigmavault_service::serve::body::announces_more;

use crate::openai::error::ApiError;
use crate::state::Service;

/// Maximum number of values in a body, estimated from the commas, colons and brackets: a value takes far more space in memory than on
/// the wire. A prompt of this many token ids fits.
const VALUES: usize = 300_000;

/// A JSON body within the limits of size and time. Browsers send this content type to another origin only after a preflight.
#[derive(Debug)]
pub struct JsonBody(pub Value);

impl FromRequest<Arc<Service>> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, service: &Arc<Service>) -> Result<Self, ApiError> {
        let headers = request.headers();
        let json = match headers.get(header::CONTENT_TYPE) {
            Some(value) => value
                .to_str()
                .ok()
                .and_then(|value| value.split(';').next())
                .is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json")),
            // Some programs send none. A page can do that too, but not without naming its origin.
            None => !headers.contains_key(header::ORIGIN),
        };
        if !json {
            return Err(ApiError::NotJson);
        }
        let limit = service.config.body_limit_bytes;
        if announces_more(request.headers(), limit) {
            return Err(ApiError::BodyTooLarge { limit });
        }
        let patience = service.config.client_timeout();
        let bytes = tokio::time::timeout(patience, collect(request.into_body(), limit))
            .await
            .map_err(|_| ApiError::BodyTooSlow {
                seconds: patience.as_secs(),
            })??;
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

/// The whole body, of at most `limit` bytes.
async fn collect(body: Body, limit: usize) -> Result<Vec<u8>, ApiError> {
    let mut bytes = Vec::new();
    let mut parts = body.into_data_stream();
    while let Some(part) = parts.next().await {
        let part: Bytes = part.map_err(|error| ApiError::BodyBroken {
            why: error.to_string(),
        })?;
        if bytes.len() + part.len() > limit {
            return Err(ApiError::BodyTooLarge { limit });
        }
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
}

/// Approximate number of values in a JSON text, ignoring the contents of strings.
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
