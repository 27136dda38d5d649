//! `/v1/models`: in `OpenAI`'s shape, or in `Anthropic`'s for clients that name a version of it.

use std::time::{Duration, UNIX_EPOCH};

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde_json::{Value, json};
use sigmavault_facts::time::timestamp;

use crate::anthropic::wire::VERSION_HEADER;
use crate::models::Entry;
use crate::openai::error::ApiError;
use crate::state::Shared;

/// Every name that a request can use.
pub async fn list(State(service): Shared, headers: HeaderMap) -> Json<Value> {
    let entries = service.models.entries();
    if !headers.contains_key(VERSION_HEADER) {
        let data: Vec<Value> = entries.iter().map(object).collect();
        return Json(json!({"object": "list", "data": data}));
    }
    let id = |entry: Option<&Entry>| entry.map(|entry| entry.id.clone());
    Json(json!({
        "data": entries.iter().map(anthropics).collect::<Vec<Value>>(),
        "first_id": id(entries.first()),
        "last_id": id(entries.last()),
        "has_more": false,
    }))
}

/// One model.
pub async fn one(
    State(service): Shared,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let write = if headers.contains_key(VERSION_HEADER) {
        anthropics
    } else {
        object
    };
    service
        .models
        .entries()
        .iter()
        .find(|entry| entry.id == id)
        .map(|entry| Json(write(entry)))
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

fn anthropics(entry: &Entry) -> Value {
    json!({
        "type": "model",
        "id": entry.id,
        "display_name": entry.resolved,
        "created_at": timestamp(UNIX_EPOCH + Duration::from_secs(entry.created)),
    })
}
