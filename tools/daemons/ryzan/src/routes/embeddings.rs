//! `POST /v1/embeddings`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use crate::body::JsonBody;
use crate::caller::Caller;
use crate::models::embedding::Embedding;
use crate::openai::completions::Prompt;
use crate::openai::embeddings::{EmbeddingRequest, answer};
use crate::openai::error::ApiError;
use crate::state::Shared;

/// The vectors of texts.
pub async fn embed(
    State(service): Shared,
    caller: Caller,
    JsonBody(body): JsonBody,
) -> Result<Json<Value>, ApiError> {
    let request = EmbeddingRequest::read(body)?;
    let _turn = service.turns.take(caller).await?;
    let embedding = service.models.acquire_embedding(&request.model).await?;
    let width = embedding.width();
    if request.dimensions.is_some_and(|dimensions| dimensions != width) {
        return Err(ApiError::invalid(
            "dimensions",
            format!(
                "the vectors of {} have {width} dimensions and cannot be shortened",
                embedding.found.id
            ),
        ));
    }
    let (encoding, model) = (request.encoding, embedding.found.id.clone());
    let (vectors, tokens) = vectors(embedding, request.inputs, false).await?;
    Ok(Json(answer(&model, &vectors, encoding, tokens)))
}

/// Computes vectors on a thread for blocking tasks, and counts the tokens of their texts.
pub async fn vectors(
    embedding: Arc<Embedding>,
    inputs: Vec<Prompt>,
    truncate: bool,
) -> Result<(Vec<Vec<f32>>, usize), ApiError> {
    tokio::task::spawn_blocking(move || embedding.embed(&inputs, truncate))
        .await
        .map_err(|error| ApiError::Failed {
            reason: format!("the vectors could not be computed: {error}"),
        })?
}
