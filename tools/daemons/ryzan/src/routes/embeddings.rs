//! `POST /v1/embeddings`.

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use crate::body::JsonBody;
use crate::openai::embeddings::{EmbeddingRequest, answer};
use crate::openai::error::ApiError;
use crate::state::Shared;

/// The vectors of texts.
pub async fn embed(State(service): Shared, JsonBody(body): JsonBody) -> Result<Json<Value>, ApiError> {
    let request = EmbeddingRequest::read(body)?;
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
    let (inputs, encoding) = (request.inputs, request.encoding);
    let model = embedding.found.id.clone();
    let (vectors, tokens) = tokio::task::spawn_blocking(move || embedding.embed(&inputs))
        .await
        .map_err(|error| ApiError::Failed {
            reason: format!("the vectors could not be computed: {error}"),
        })??;
    Ok(Json(answer(&model, &vectors, encoding, tokens)))
}
