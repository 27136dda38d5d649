//! `POST /v1/embeddings`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use crate::admission::{Admission, Gone};
use crate::body::JsonBody;
use crate::caller::Caller;
use crate::models::Input;
use crate::models::embedding::Embedding;
use crate::openai::embeddings::{EmbeddingRequest, answer};
use crate::openai::error::ApiError;
use crate::state::Shared;

/// The vectors of texts.
pub async fn embed(
    State(service): Shared,
    caller: Caller,
    JsonBody(body, _share): JsonBody,
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
    let (vectors, tokens) = vectors(&service.admission, caller, embedding, request.inputs, false).await?;
    Ok(Json(answer(&model, &vectors, encoding, tokens)))
}

/// Computes vectors on a thread for blocking tasks, and counts the tokens of their texts.
pub async fn vectors(
    admission: &Admission,
    caller: Caller,
    embedding: Arc<Embedding>,
    inputs: Vec<Input>,
    truncate: bool,
) -> Result<(Vec<Vec<f32>>, usize), ApiError> {
    let length = |input: &Input| match input {
        Input::Text(text) => text.len(),
        Input::Tokens(_) => 0,
    };
    let bytes = inputs.iter().map(length).sum();
    let embed = move |gone: &Gone| embedding.embed(&inputs, truncate, gone).map_err(ApiError::from);
    admission.run(caller, bytes, embed).await
}
