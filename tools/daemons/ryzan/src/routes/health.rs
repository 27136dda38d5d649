//! `/health` and `/metrics`.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use crate::state::Shared;

/// Liveness and the current model. The status is 200 even without a model.
pub async fn health(State(service): Shared) -> Json<Value> {
    let status = service.models.status();
    Json(json!({
        "status": "ok",
        "model": status.resolved_model,
        "reason": status.reason,
    }))
}

/// Counters as Prometheus text.
pub async fn metrics(State(service): Shared) -> Response {
    let mut text = service.meters.text();
    text.push_str(&service.models.metrics());
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        text,
    )
        .into_response()
}
