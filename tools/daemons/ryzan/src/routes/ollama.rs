//! `/api/*`: `Ollama`'s interface.

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::embeddings::vectors;
use crate::answer::{self, Answer};
use crate::body::JsonBody;
use crate::caller::Caller;
use crate::models::routing::Ask as Wish;
use crate::ollama::embed::EmbedRequest;
use crate::ollama::lines::{Lines, Shape};
use crate::ollama::request::{Ask, Request};
use crate::ollama::wire::{VERSION, model_name};
use crate::ollama::{about, embed};
use crate::openai::error::ApiError;
use crate::openai::fields::Fields;
use crate::room::Share;
use crate::sse;
use crate::state::{Service, Shared};

/// The version of the interface.
pub async fn version() -> Json<Value> {
    Json(json!({ "version": VERSION }))
}

/// Every name that a request can use.
pub async fn tags(State(service): Shared) -> Json<Value> {
    let entries = service.models.entries().into_iter();
    let models: Vec<Value> = entries
        .filter_map(|entry| {
            Some(about::tag(
                &entry.id,
                &service.models.describe(&entry.resolved).ok()?,
            ))
        })
        .collect();
    Json(json!({ "models": models }))
}

/// Everything about a model.
pub async fn show(State(service): Shared, JsonBody(body, _share): JsonBody) -> Result<Json<Value>, ApiError> {
    let mut fields = Fields::of(body, "")?;
    let older = fields.text("name")?;
    let name = match fields.text("model")?.or(older) {
        Some(name) => model_name(&name),
        None => fields.required("model", "the name of a model")?,
    };
    fields.leave();
    let model = service.models.describe(&name)?;
    let template = service.models.template_of(&model.id).unwrap_or_default();
    Ok(Json(about::show(&model, &template)))
}

/// The next message of a conversation.
pub async fn chat(
    State(service): Shared,
    caller: Caller,
    JsonBody(body, share): JsonBody,
) -> Result<Response, ApiError> {
    respond(&service, caller, Request::chat(body)?, share, Shape::Chat).await
}

/// The continuation of a text.
pub async fn generate(
    State(service): Shared,
    caller: Caller,
    JsonBody(body, share): JsonBody,
) -> Result<Response, ApiError> {
    respond(&service, caller, Request::generate(body)?, share, Shape::Generate).await
}

async fn respond(
    service: &std::sync::Arc<Service>,
    caller: Caller,
    request: Request,
    room: Share,
    shape: Shape,
) -> Result<Response, ApiError> {
    let lines = Lines {
        model: request.model,
        shape,
    };
    let answer: Answer = match request.ask {
        Ask::Load => {
            let _turn = service.turns.take(caller).await?;
            service.models.acquire(&lines.model, Wish::ANY).await?;
            return Ok(Json(lines.loaded()).into_response());
        }
        Ask::Chat(chat) => answer::chat(service, caller, *chat, room).await?,
        Ask::Raw(mut raw) => {
            let length = &mut raw.parameters.max_tokens;
            length.get_or_insert(service.config.engine.default_max_tokens);
            answer::completion(service, caller, *raw, room).await?
        }
    };
    if request.stream {
        return Ok(sse::response(answer, lines));
    }
    Ok(Json(lines.whole(&answer.whole().await?)).into_response())
}

/// The vectors of texts.
pub async fn embed(
    State(service): Shared,
    caller: Caller,
    JsonBody(body, _share): JsonBody,
) -> Result<Json<Value>, ApiError> {
    let request = EmbedRequest::read(body)?;
    let began = Instant::now();
    let _turn = service.turns.take(caller).await?;
    let embedding = service.models.acquire_embedding(&request.model).await?;
    let load = began.elapsed();
    let width = embedding.width();
    if request.dimensions.is_some_and(|dimensions| dimensions != width) {
        return Err(ApiError::invalid(
            "dimensions",
            format!("the vectors have {width} dimensions and cannot be shortened"),
        ));
    }
    let (vectors, tokens) = vectors(
        &service.admission,
        caller,
        embedding,
        request.inputs,
        request.truncate,
    )
    .await?;
    let answer = embed::answer(&request.model, &vectors, tokens, load, began.elapsed());
    Ok(Json(answer))
}
