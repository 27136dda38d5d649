//! Reading JSON bodies.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts as _, Request};
use axum::http::header;
use futures_util::StreamExt as _;
use serde_json::Value;
use sigmavault_service::serve::body::{announced, announces_more};
use tokio::time::Instant;

use crate::caller::Caller;
use crate::openai::error::ApiError;
use crate::room::{Share, VALUES};
use crate::state::Service;

/// Bytes of a body that are read without a share of the memory for bodies.
const FIRST: usize = 64 << 10;

/// The least speed of a body with a share of the memory, in bytes per second, after [`HEAD_START`].
const SPEED: usize = 1 << 20;

/// The time that every such body has.
const HEAD_START: Duration = Duration::from_secs(4);

/// How often a body whose share others of its user wait for must have come on, by [`AT_LEAST`] bytes.
const WINDOW: Duration = Duration::from_millis(500);

/// See [`WINDOW`].
const AT_LEAST: usize = 256 << 10;

/// A JSON body within the limits of size and time. Browsers send this content type to another origin only after a preflight.
///
/// With it comes its share of the memory for bodies, which is to be kept as long as something of the body is in memory.
#[derive(Debug)]
pub struct JsonBody(pub Value, pub Share);

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
        let (mut parts, body) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, service).await?;
        let (bytes, share) = collect(body, announced(&parts.headers), service, caller).await?;
        let (value, share) = read(service, caller, bytes, share).await?;
        Ok(Self(value, share))
    }
}

/// The value of a JSON text that is in memory already, with its share of the memory for bodies.
pub async fn parse(service: &Service, caller: Caller, text: &str) -> Result<(Value, Share), ApiError> {
    let limit = service.config.body_limit_bytes;
    if text.len() > limit {
        return Err(ApiError::BodyTooLarge { limit });
    }
    read(service, caller, text, Share::default()).await
}

/// Reads a JSON text, which is dropped afterwards.
async fn read(
    service: &Service,
    caller: Caller,
    text: impl AsRef<[u8]>,
    mut share: Share,
) -> Result<(Value, Share), ApiError> {
    let bytes = text.as_ref();
    let values = values(bytes);
    if values > VALUES {
        return Err(ApiError::Invalid {
            message: "the body has too many values, such as more than 150000 numbers; send it in parts"
                .to_owned(),
            param: None,
            code: Some("too_many_values"),
        });
    }
    if !share.is_held() {
        share = service.room.take(caller, 2 * bytes.len() + values).await?;
    }
    let length = bytes.len();
    let value = serde_json::from_slice(bytes).map_err(|error| ApiError::Invalid {
        message: format!("the body is not JSON: {error}"),
        param: None,
        code: Some("invalid_json"),
    })?;
    drop(text);
    share.shrink(length + values);
    Ok((value, share))
}

/// The whole body, with its share if it is large.
async fn collect(
    body: Body,
    announced: Option<usize>,
    service: &Service,
    caller: Caller,
) -> Result<(Vec<u8>, Share), ApiError> {
    let (limit, patience) = (service.config.body_limit_bytes, service.config.client_timeout());
    let expected = announced.unwrap_or(limit);
    let mut began = Instant::now();
    let mut deadline = began + patience;
    let (mut bytes, mut share) = (Vec::new(), Share::default());
    // Nothing of it is read while it waits.
    let mut large = announced.is_some_and(|length| length > FIRST);
    let mut parts = body.into_data_stream();
    // What was there when the window opened, and when it ends.
    let mut window = (0, deadline);
    loop {
        if large && !share.is_held() {
            // What its values take is not known before they are there.
            let values = expected.saturating_mul(WORST).min(VALUES);
            share = service.room.take(caller, 2 * expected + values).await?;
            // Others wait for it from now on.
            let time = HEAD_START + Duration::from_secs((expected / SPEED) as u64);
            began = Instant::now();
            deadline = began + patience.min(time);
            window = (bytes.len(), began + WINDOW);
            // Grown by doubling, it would take twice as much.
            bytes.reserve_exact(expected.max(bytes.len()) - bytes.len());
        }
        let part = match tokio::time::timeout_at(deadline.min(window.1), parts.next()).await {
            Ok(Some(part)) => part,
            Ok(None) => return Ok((bytes, share)),
            Err(_) => {
                let now = Instant::now();
                if now >= deadline || bytes.len() < window.0 + AT_LEAST && service.room.is_wanted(caller) {
                    return Err(ApiError::BodyTooSlow {
                        seconds: began.elapsed().as_secs(),
                    });
                }
                window = (bytes.len(), now + WINDOW);
                continue;
            }
        };
        let part: Bytes = part.map_err(|error| ApiError::BodyBroken {
            why: error.to_string(),
        })?;
        let length = bytes.len() + part.len();
        if length > limit {
            return Err(ApiError::BodyTooLarge { limit });
        }
        large |= length > FIRST;
        bytes.extend_from_slice(&part);
    }
}

/// The most memory that a byte of text takes as values: in arrays of arrays.
const WORST: usize = 160;

/// The most memory that the values of a JSON text take beside their text, in bytes, ignoring the contents of strings. Where the text is no
/// JSON, it takes less.
fn values(text: &[u8]) -> usize {
    let (mut bytes, mut inside, mut escaped) = (size_of::<Value>(), false, false);
    for byte in text {
        bytes += match byte {
            _ if escaped => {
                escaped = false;
                0
            }
            b'\\' if inside => {
                escaped = true;
                0
            }
            b'"' => {
                inside = !inside;
                0
            }
            _ if inside => 0,
            // Room for four values, and three entries with their index.
            b'[' => 4 * size_of::<Value>() + ALLOCATION,
            b'{' => 3 * ENTRY + 64 + 2 * ALLOCATION,
            b',' => size_of::<Value>(),
            // Of an entry, twice as many are allocated at most.
            b':' => 2 * ENTRY + 32,
            _ => 0,
        };
    }
    bytes
}

/// What the allocator adds.
const ALLOCATION: usize = 16;

/// An entry of an object: the value, the key and its hash.
const ENTRY: usize = size_of::<Value>() + size_of::<String>() + size_of::<u64>();

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers, arrays and objects of a text, by what they take.
    #[test]
    fn values_are_counted_outside_of_strings() {
        let value = size_of::<Value>();
        let (array, object, entry) = (4 * value + 16, 3 * ENTRY + 96, 2 * ENTRY + 32);
        for (text, expected) in [
            ("1", value),
            ("[1,2,3]", 3 * value + array),
            (
                r#"{"a": [1, "x,y[{\\", "\",\""]}"#,
                3 * value + array + object + entry,
            ),
            ("[[[[", value + 4 * array),
            (r#""a,b,c"#, value),
        ] {
            assert_eq!(values(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn no_text_takes_more_than_was_reserved_for_it() {
        for unit in [
            "{\"\":0},",
            "[0],",
            "0,",
            "{},",
            "[{\"\":[0]}],",
            "[[[[0]]]],",
            "\"\",",
        ] {
            let text = unit.repeat(1000);
            assert!(
                values(text.as_bytes()) <= text.len() * WORST + size_of::<Value>(),
                "{unit}"
            );
        }
        // A list of token ids as long as the context of the largest model.
        assert!(values("12345,".repeat(150_000).as_bytes()) <= VALUES);
    }
}
