//! `POST /v1/messages` and `POST /v1/messages/count_tokens`: `Anthropic`'s interface.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use crate::answer;
use crate::anthropic::message::{Writer, whole};
use crate::anthropic::request::{Purpose, read};
use crate::anthropic::wire::check_version;
use crate::body::JsonBody;
use crate::caller::Caller;
use crate::openai::error::ApiError;
use crate::sse;
use crate::state::Shared;

/// The next message of a conversation, completely or as events.
pub async fn messages(
    State(service): Shared,
    caller: Caller,
    headers: HeaderMap,
    JsonBody(body, share): JsonBody,
) -> Result<Response, ApiError> {
    check_version(&headers)?;
    let request = read(body, Purpose::Answer)?;
    let stream = request.stream.on;
    let answer = answer::chat(&service, caller, request, share).await?;
    let (id, model) = (answer::id("msg"), answer.resident.found.id.clone());
    if stream {
        let prompt = answer.prompt_tokens;
        return Ok(sse::response(answer, Writer::new(id, model, prompt)));
    }
    Ok(Json(whole(&id, &model, &answer.whole().await?)).into_response())
}

/// The number of tokens of a conversation.
pub async fn count_tokens(
    State(service): Shared,
    caller: Caller,
    headers: HeaderMap,
    JsonBody(body, share): JsonBody,
) -> Result<Json<Value>, ApiError> {
    check_version(&headers)?;
    let request = read(body, Purpose::Count)?;
    let tokens = answer::count(&service, caller, request, share).await?;
    Ok(Json(json!({ "input_tokens": tokens })))
}
