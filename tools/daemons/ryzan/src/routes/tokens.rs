//! `POST /tokenize` and `POST /detokenize`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use crate::admission::Gone;
use crate::body::JsonBody;
use crate::caller::Caller;
use crate::models::routing::Ask;
use crate::openai::error::ApiError;
use crate::openai::tokens::{DetokenizeRequest, TokenizeRequest, Tokenized};
use crate::state::Shared;

/// The tokens of a text.
pub async fn tokenize(
    State(service): Shared,
    caller: Caller,
    JsonBody(body, _share): JsonBody,
) -> Result<Json<Tokenized>, ApiError> {
    let request = TokenizeRequest::read(body)?;
    let bytes = request.content.len();
    let _turn = service.turns.take(caller).await?;
    let (resident, _) = service.models.acquire(&request.model, Ask::ANY).await?;
    let answer = move |gone: &Gone| request.answer(Arc::clone(&resident.tokenizer), gone);
    service.admission.run(caller, bytes, answer).await.map(Json)
}

/// The text of tokens.
pub async fn detokenize(
    State(service): Shared,
    caller: Caller,
    JsonBody(body, _share): JsonBody,
) -> Result<Json<Value>, ApiError> {
    let request = DetokenizeRequest::read(body)?;
    let _turn = service.turns.take(caller).await?;
    let (resident, _) = service.models.acquire(&request.model, Ask::ANY).await?;
    let answer = move |_: &Gone| Ok(request.answer(&resident.tokenizer));
    service.admission.run(caller, 0, answer).await.map(Json)
}
