//! Errors in `OpenAI`'s shape: `{"error": {"message", "type", "param", "code"}}`.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::models::ModelsError;

/// What can go wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// The request is invalid.
    #[error("{message}")]
    Invalid {
        /// What is wrong, and what is allowed.
        message: String,
        /// The field, as a path such as `messages[0].content`.
        param: Option<String>,
        /// Error code for programs, if there is one.
        code: Option<&'static str>,
    },
    /// There is nothing at this path.
    #[error(
        "{path} does not exist; this service has /v1/models, /v1/chat/completions, /v1/completions, /v1/embeddings, /v1/responses, /v1/rerank, /tokenize, /detokenize, /v1/messages, /api/chat and others of Ollama, /health and /metrics"
    )]
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
    /// The model is unknown.
    #[error(
        "there is no model {model:?}; /v1/models lists the available ones, sigmavault model pull gets others"
    )]
    ModelNotFound {
        /// The name as it was given.
        model: String,
    },
    /// No model is available.
    #[error("{reason}")]
    NoModel {
        /// Reason and remedy.
        reason: String,
    },
    /// The queue is full.
    #[error("{waiting} requests are waiting already; try again later")]
    Busy {
        /// Length of the queue.
        waiting: usize,
    },
    /// Too many requests of one user are under way.
    #[error(
        "{limit} of your requests are under way, and this one has waited {waited} s for one of them to end; try again later"
    )]
    TooManyRequests {
        /// Requests of one user at a time.
        limit: usize,
        /// Seconds that this one has waited.
        waited: u64,
    },
    /// The memory for bodies is taken.
    #[error("your large requests wait for each other, and this one has waited {waited} s; try again later")]
    NoRoom {
        /// Seconds that this one has waited.
        waited: u64,
    },
    /// The Host header names another machine.
    #[error(
        "this service does not answer for the host {host:?}; call it by its address, or add the name to allowed-hosts"
    )]
    HostNotAllowed {
        /// The host of the request.
        host: String,
    },
    /// A web page of another origin sent the request.
    #[error(
        "this service does not answer pages from {origin:?}; to let them ask, add the origin to allowed-origins"
    )]
    OriginNotAllowed {
        /// The origin of the page.
        origin: String,
    },
    /// The content type is not JSON.
    #[error("the body must be JSON; send it with Content-Type: application/json")]
    NotJson,
    /// The body is too large.
    #[error("the body is larger than {limit} bytes; send less")]
    BodyTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The body ended before its end, or is not encoded as announced.
    #[error("the body is broken: {why}; send it again, with the right Content-Length or well-formed chunks")]
    BodyBroken {
        /// What is wrong.
        why: String,
    },
    /// The body did not arrive in time.
    #[error("the body did not arrive within {seconds} s; send it at once")]
    BodyTooSlow {
        /// The limit in seconds.
        seconds: u64,
    },
    /// The peer lacks permission.
    #[error("{reason}")]
    Forbidden {
        /// Reason, and who has permission.
        reason: String,
    },
    /// The computation failed.
    #[error("{reason}; for details see: journalctl -u sigmavault-ryzan.service")]
    Failed {
        /// What failed.
        reason: String,
    },
}

impl ApiError {
    /// A field of the request is invalid.
    pub fn invalid(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid {
            message: message.into(),
            param: Some(param.into()),
            code: None,
        }
    }

    /// The peer's user is not known.
    pub fn nobody() -> Self {
        Self::Forbidden {
            reason: "the kernel does not say whose program this is; keep the connection open until it is answered, or \
                     use the unix socket"
                .to_owned(),
        }
    }

    /// The peer's user may not use the service.
    pub fn not_a_member(uid: u32, group: &str) -> Self {
        Self::Forbidden {
            reason: format!(
                "user {uid} may not use the language model; members of the group {group} may, and root: sudo usermod -aG {group} USER"
            ),
        }
    }

    /// Status, type and code.
    fn kind(&self) -> (StatusCode, &'static str, Option<&'static str>) {
        const REQUEST: &str = "invalid_request_error";
        match self {
            Self::Invalid { code, .. } => (StatusCode::BAD_REQUEST, REQUEST, *code),
            Self::NotFound { .. } => (StatusCode::NOT_FOUND, REQUEST, Some("unknown_url")),
            Self::MethodNotAllowed { .. } => (
                StatusCode::METHOD_NOT_ALLOWED,
                REQUEST,
                Some("method_not_supported"),
            ),
            Self::ModelNotFound { .. } => (StatusCode::NOT_FOUND, REQUEST, Some("model_not_found")),
            Self::NoModel { .. } => (StatusCode::SERVICE_UNAVAILABLE, "server_error", Some("no_model")),
            Self::Busy { .. } => (
                StatusCode::TOO_MANY_REQUESTS,
                "requests",
                Some("engine_overloaded"),
            ),
            Self::TooManyRequests { .. } | Self::NoRoom { .. } => (
                StatusCode::TOO_MANY_REQUESTS,
                "requests",
                Some("rate_limit_exceeded"),
            ),
            Self::HostNotAllowed { .. } => {
                (StatusCode::MISDIRECTED_REQUEST, REQUEST, Some("host_not_allowed"))
            }
            Self::OriginNotAllowed { .. } => (StatusCode::FORBIDDEN, REQUEST, Some("origin_not_allowed")),
            Self::NotJson => (StatusCode::UNSUPPORTED_MEDIA_TYPE, REQUEST, Some("not_json")),
            Self::BodyTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, REQUEST, Some("body_too_large")),
            Self::BodyBroken { .. } => (StatusCode::BAD_REQUEST, REQUEST, Some("body_broken")),
            Self::BodyTooSlow { .. } => (StatusCode::REQUEST_TIMEOUT, REQUEST, Some("body_too_slow")),
            Self::Forbidden { .. } => (StatusCode::FORBIDDEN, "permission_error", Some("forbidden")),
            Self::Failed { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "server_error", None),
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.kind().0
    }

    /// The error on the wire.
    pub fn body(&self) -> Value {
        let (_, kind, code) = self.kind();
        let param = match self {
            Self::Invalid { param, .. } => param.as_deref(),
            Self::ModelNotFound { .. } => Some("model"),
            _ => None,
        };
        json!({"error": {"message": self.to_string(), "type": kind, "param": param, "code": code}})
    }
}

impl From<ModelsError> for ApiError {
    fn from(error: ModelsError) -> Self {
        let message = error.to_string();
        match error {
            ModelsError::Unknown(model) => Self::ModelNotFound { model },
            ModelsError::Unavailable(reason) => Self::NoModel { reason },
            ModelsError::OtherUse(_) => Self::invalid("model", message),
            ModelsError::NoTemplate { .. } => Self::Invalid {
                message,
                param: Some("model".to_owned()),
                code: Some("no_chat_template"),
            },
            ModelsError::Busy(waiting) => Self::Busy { waiting },
            ModelsError::TooLong { at, .. } => Self::Invalid {
                message,
                param: Some(at),
                code: Some("context_length_exceeded"),
            },
            ModelsError::Invalid { at, .. } => Self::invalid(at, message),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status(), Json(self.body())).into_response();
        if self.status() == StatusCode::TOO_MANY_REQUESTS {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        // Other interfaces write errors in their own shapes.
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_is_openais() {
        let error = ApiError::invalid("messages[0].role", "no");
        assert_eq!(
            error.body(),
            json!({"error": {"message": "no", "type": "invalid_request_error", "param": "messages[0].role", "code": null}})
        );
        assert_eq!(error.status().as_u16(), 400);
        let error = ApiError::ModelNotFound {
            model: "gpt-4".into(),
        };
        assert_eq!(error.status().as_u16(), 404);
        assert_eq!(error.body()["error"]["param"], "model");
        assert_eq!(error.body()["error"]["code"], "model_not_found");
    }

    #[test]
    fn who_should_wait_is_told_how_long() {
        let response = ApiError::TooManyRequests {
            limit: 16,
            waited: 60,
        }
        .into_response();
        assert_eq!(response.status().as_u16(), 429);
        assert_eq!(response.headers()["retry-after"], "2");
    }
}
