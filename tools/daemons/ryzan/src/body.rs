//! Reading JSON bodies.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use futures_util::StreamExt as _;
use serde_json::Value;
use sigmavault_service::serve::body::{announced, announces_more};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::admission::LARGE;
use crate::openai::error::ApiError;
use crate::state::Service;

/// Maximum number of values in a body, estimated from the commas, colons and brackets: a value takes far more space in memory than on
/// the wire. A prompt of this many token ids fits.
const VALUES: usize = 300_000;

/// A JSON body within the limits of size and time. Browsers send this content type to another origin only after a preflight.
///
/// With a large body comes a place, which is to be kept as long as something of the body is in memory.
#[derive(Debug)]
pub struct JsonBody(pub Value, pub Option<OwnedSemaphorePermit>);

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
        let (bytes, place) = collect(request, service).await?;
        if values(&bytes) > VALUES {
            return Err(ApiError::Invalid {
                message: format!("the body has more than {VALUES} values"),
                param: None,
                code: Some("too_many_values"),
            });
        }
        serde_json::from_slice(&bytes)
            .map(|value| Self(value, place))
            .map_err(|error| ApiError::Invalid {
                message: format!("the body is not JSON: {error}"),
                param: None,
                code: Some("invalid_json"),
            })
    }
}

/// The whole body, with its place if it is large.
async fn collect(
    request: Request,
    service: &Service,
) -> Result<(Vec<u8>, Option<OwnedSemaphorePermit>), ApiError> {
    let (limit, patience) = (service.config.body_limit_bytes, service.config.client_timeout());
    let announced = announced(request.headers());
    let mut deadline = Instant::now() + patience;
    let (mut bytes, mut place) = (Vec::new(), None);
    let mut parts = request.into_body().into_data_stream();
    loop {
        let part = match tokio::time::timeout_at(deadline, parts.next()).await {
            Ok(Some(part)) => part,
            Ok(None) => return Ok((bytes, place)),
            Err(_) => {
                return Err(ApiError::BodyTooSlow {
                    seconds: patience.as_secs(),
                });
            }
        };
        let part: Bytes = part.map_err(|error| ApiError::BodyBroken {
            why: error.to_string(),
        })?;
        let length = bytes.len() + part.len();
        if length > limit {
            return Err(ApiError::BodyTooLarge { limit });
        }
        if length > LARGE && place.is_none() {
            let began = Instant::now();
            place = Some(service.admission.place(service.config.queue_timeout()).await?);
            deadline += began.elapsed();
            // Grown by doubling, it would take twice as much.
            bytes.reserve_exact(announced.unwrap_or(length).max(length) - bytes.len());
        }
        bytes.extend_from_slice(&part);
    }
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
