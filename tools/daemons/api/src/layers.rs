//! Layers around every handler: request id, limits, host check, security headers.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use sigmavault_service::serve::answers::{self, Style};
use sigmavault_service::serve::{body, names};

use crate::problem::{ApiError, render};
use crate::state::AppState;

const STYLE: Style = Style {
    client_ids: true,
    expected: &[],
};

/// The outermost layer: gives the request an id, writes problems, adds headers, logs.
pub async fn outermost(request: Request, next: Next) -> Response {
    answers::outermost(request, next, STYLE, |response, answered| {
        render(response, &answered.id)
    })
    .await
}

/// Refuses foreign hosts and large bodies, and gives up after the configured time.
pub async fn limits(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let config = &state.config;
    if let Err(host) = names::check_host(&request, &config.allowed_hosts) {
        return ApiError::HostNotAllowed { host }.into_response();
    }
    let limit = config.body_limit_bytes;
    if body::announces_more(request.headers(), limit) {
        return ApiError::BodyTooLarge { limit }.into_response();
    }
    let after = config.request_timeout();
    tokio::time::timeout(after, next.run(request))
        .await
        .unwrap_or_else(|_| ApiError::TimedOut { after }.into_response())
}
