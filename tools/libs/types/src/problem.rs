//! Errors on the wire: problem details for HTTP APIs (RFC 9457).

use serde::{Deserialize, Serialize};

/// Media type of a [`Problem`].
pub const MEDIA_TYPE: &str = "application/problem+json";

/// One problem, as RFC 9457 describes it, with a stable code and the request's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// Stable URI of the kind of problem: `urn:sigmavault:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// Stable code of the kind of problem, such as `not-ready`.
    pub code: String,
    /// What kind of problem it is, for people; the same for every occurrence.
    pub title: String,
    /// HTTP status code.
    pub status: u16,
    /// What went wrong this time, and what to do.
    pub detail: String,
    /// Id of the request, also in the `X-Request-Id` header and in the journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The single faults, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// One fault in a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldError {
    /// Where in the request's body: a JSON Pointer (RFC 6901).
    pub pointer: String,
    /// What is wrong there, and what to do.
    pub detail: String,
}

impl Problem {
    /// A problem without request id and single faults.
    pub fn new(status: u16, code: &str, title: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:sigmavault:problem:{code}"),
            code: code.to_owned(),
            title: title.to_owned(),
            status,
            detail: detail.into(),
            request_id: None,
            errors: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_members_are_those_of_rfc_9457() {
        let problem = Problem::new(503, "not-ready", "Not ready", "hardware.json is missing");
        assert_eq!(
            serde_json::to_value(&problem).unwrap(),
            serde_json::json!({
                "type": "urn:sigmavault:problem:not-ready",
                "code": "not-ready",
                "title": "Not ready",
                "status": 503,
                "detail": "hardware.json is missing",
            })
        );
    }
}
