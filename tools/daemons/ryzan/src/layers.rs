//! Layers around every handler: request id, host check, rate limit, security headers.

use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use sigmavault_service::serve::answers::{self, Style};
use sigmavault_service::serve::{Peer, names};

use crate::openai::error::ApiError;
use crate::state::Shared;

/// Status 503 is expected as long as there is no model.
const STYLE: Style = Style {
    client_ids: false,
    expected: &[StatusCode::SERVICE_UNAVAILABLE],
};

/// The outermost layer: gives the answer an id and headers, counts it and logs it.
pub async fn outermost(State(service): Shared, request: Request, next: Next) -> Response {
    answers::outermost(request, next, STYLE, |response, answered| {
        service
            .meters
            .answered(&answered.path, response.status().as_u16());
        response
    })
    .await
}

/// Over TCP, refuses foreign hosts and web pages, and limits the rate of requests.
pub async fn limits(State(service): Shared, request: Request, next: Next) -> Response {
    let tcp = matches!(request.extensions().get(), Some(Peer::Tcp(_)));
    if tcp {
        let allowed = &service.config.allowed_hosts;
        if let Err(host) = names::check_host(&request, allowed) {
            return ApiError::HostNotAllowed { host }.into_response();
        }
        if let Err(origin) = names::check_origin(&request, allowed) {
            return ApiError::OriginNotAllowed { origin }.into_response();
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
