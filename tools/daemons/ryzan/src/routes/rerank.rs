//! `POST /v1/rerank`.

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use super::embeddings::vectors;
use crate::answer;
use crate::body::JsonBody;
use crate::caller::Caller;
use crate::openai::error::ApiError;
use crate::openai::rerank::RerankRequest;
use crate::state::Shared;

/// The documents of a request, ordered.
pub async fn rerank(
    State(service): Shared,
    caller: Caller,
    JsonBody(body, _share): JsonBody,
) -> Result<Json<Value>, ApiError> {
    let request = RerankRequest::read(body)?;
    let _turn = service.turns.take(caller).await?;
    let embedding = service.models.acquire_embedding(&request.model).await?;
    let model = embedding.found.id.clone();
    let (vectors, tokens) = vectors(&service.admission, caller, embedding, request.inputs(), true).await?;
    Ok(Json(request.answer(
        &answer::id("rerank"),
        &model,
        &vectors,
        tokens,
    )))
}
