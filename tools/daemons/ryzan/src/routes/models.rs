//! `/v1/models`.

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use crate::models::Entry;
use crate::openai::error::ApiError;
use crate::state::Shared;

/// Every name that a request can use.
pub async fn list(State(service): Shared) -> Json<Value> {
    let data: Vec<Value> = service.models.entries().iter().map(object).collect();
    Json(json!({"object": "list", "data": data}))
}

/// One model.
pub async fn one(State(service): Shared, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    service
        .models
        .entries()
        .iter()
        .find(|entry| entry.id == id)
        .map(|entry| Json(object(entry)))
        .ok_or(ApiError::ModelNotFound { model: id })
}

fn object(entry: &Entry) -> Value {
    json!({
        "id": entry.id,
        "object": "model",
        "created": entry.created,
        "owned_by": entry.owner,
        "resolved_model": entry.resolved,
        "loaded": entry.loaded,
    })
}
