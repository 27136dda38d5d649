//! Errors as RFC 9457 problems.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sigmavault_facts::FactError;
use sigmavault_types::problem::{MEDIA_TYPE, Problem};

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The path does not exist.
    #[error("{path} does not exist; /api/v1/openapi.json lists every path")]
    NotFound {
        /// The path of the request.
        path: String,
    },
    /// The path exists, but not with this method.
    #[error("{method} is not allowed on {path}; the Allow header lists the methods that are")]
    MethodNotAllowed {
        /// The method of the request.
        method: String,
        /// The path of the request.
        path: String,
    },
    /// The Host header names another machine.
    #[error(
        "this service does not answer for the host {host:?}; call it by its address, or add the name to allowed-hosts"
    )]
    HostNotAllowed {
        /// The host of the request.
        host: String,
    },
    /// The body is too large.
    #[error("the body is larger than {limit} bytes; send less")]
    BodyTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The handler did not finish in time.
    #[error("no answer within {} s; try again later", after.as_secs())]
    TimedOut {
        /// The limit.
        after: Duration,
    },
    /// The service is not ready.
    #[error("{reason}")]
    NotReady {
        /// Reason and remedy.
        reason: String,
    },
    /// There is no hardware report.
    #[error("{0}; see: systemctl status sigmavault-detect.service")]
    HardwareUnknown(FactError),
    /// A fact could not be read.
    #[error("{0}")]
    Facts(#[from] FactError),
}

impl ApiError {
    const fn kind(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::NotFound { .. } => (StatusCode::NOT_FOUND, "not-found", "Not found"),
            Self::MethodNotAllowed { .. } => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "Method not allowed",
            ),
            Self::HostNotAllowed { .. } => (
                StatusCode::MISDIRECTED_REQUEST,
                "host-not-allowed",
                "Host not allowed",
            ),
            Self::BodyTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", "Body too large"),
            Self::TimedOut { .. } => (StatusCode::GATEWAY_TIMEOUT, "timed-out", "Timed out"),
            Self::NotReady { .. } => (StatusCode::SERVICE_UNAVAILABLE, "not-ready", "Not ready"),
            Self::HardwareUnknown(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "hardware-unknown",
                "Hardware not known",
            ),
            Self::Facts(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "facts-unavailable",
                "Facts not available",
            ),
        }
    }

    /// The problem on the wire, still without the request's id.
    pub fn problem(&self) -> Problem {
        let (status, code, title) = self.kind();
        Problem::new(status.as_u16(), code, title, self.to_string())
    }
}

/// The response carries its problem as an extension; the outermost layer knows the request's id and writes the body.
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.kind().0.into_response();
        response.extensions_mut().insert(self.problem());
        response
    }
}

/// Writes the body of a response that carries a problem.
pub fn render(mut response: Response, request_id: &str) -> Response {
    let Some(mut problem) = response.extensions_mut().remove::<Problem>() else {
        return response;
    };
    problem.request_id = Some(request_id.to_owned());
    // A problem is strings and numbers: it always serialises.
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    *response.body_mut() = Body::from(body);
    response
}
