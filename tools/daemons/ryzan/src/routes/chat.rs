//! `POST /v1/chat/completions`: the answer.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use sigmavault_llm::engine::Usage;

use crate::answer::{self, Event, Likelihood, Reason};
use crate::body::JsonBody;
use crate::caller::Caller;
use crate::openai::chat::ChatRequest;
use crate::openai::error::ApiError;
use crate::openai::messages::Call;
use crate::sse::{self, Encode, Frame};
use crate::state::Shared;

/// Answers completely or as a stream.
pub async fn chat(
    State(service): Shared,
    caller: Caller,
    JsonBody(body, share): JsonBody,
) -> Result<Response, ApiError> {
    let request = ChatRequest::read(body)?;
    let (stream, logprobs) = (request.stream, request.logprobs.is_some());
    let answer = answer::chat(&service, caller, request, share).await?;
    let model = answer.resident.found.id.clone();
    let why = answer.why.clone();
    if stream.on {
        return Ok(sse::response(
            answer,
            Chunks {
                id: answer::id("chatcmpl"),
                created: now(),
                model,
                why,
                usage: stream.usage,
                calls: 0,
            },
        ));
    }
    let whole = answer.whole().await?;
    let mut message = json!({"role": "assistant", "content": whole.content, "refusal": null});
    if !whole.reasoning.is_empty() {
        message["reasoning_content"] = json!(whole.reasoning);
    }
    if !whole.calls.is_empty() {
        message["tool_calls"] = whole.calls.iter().map(call).collect();
        if whole.content.is_empty() {
            message["content"] = Value::Null;
        }
    }
    let likelihoods = logprobs.then(|| json!({"content": likelihoods(&whole.tokens), "refusal": null}));
    let mut body = json!({
        "id": answer::id("chatcmpl"),
        "object": "chat.completion",
        "created": now(),
        "model": model,
        "resolved_model": model,
        "choices": [{
            "index": 0,
            "message": message,
            "logprobs": likelihoods,
            "finish_reason": whole.reason.unwrap_or(Reason::Stop).name(),
        }],
        "usage": usage(whole.usage),
    });
    if let Some(why) = why {
        body["resolved_reason"] = json!(why);
    }
    Ok(Json(body).into_response())
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Usage on the wire.
pub fn usage(usage: Usage) -> Value {
    json!({
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
    })
}

fn call(call: &Call) -> Value {
    json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}})
}

fn likelihoods(tokens: &[Likelihood]) -> Value {
    let one = |bytes: &[u8], logprob: Option<f32>| json!({"token": String::from_utf8_lossy(bytes), "logprob": logprob.map(finite), "bytes": bytes});
    tokens
        .iter()
        .map(|token| {
            let mut value = one(&token.bytes, token.logprob);
            value["top_logprobs"] = token
                .top
                .iter()
                .map(|(bytes, logprob)| one(bytes, Some(*logprob)))
                .collect();
            value
        })
        .collect()
}

/// JSON has no infinity; `OpenAI` writes -9999 for negligible probabilities.
pub fn finite(logprob: f32) -> f32 {
    logprob.max(-9999.0)
}

/// Writes an answer as `chat.completion.chunk` objects.
#[derive(Debug)]
struct Chunks {
    id: String,
    created: u64,
    model: String,
    /// Why this model was chosen; sent with the first chunk.
    why: Option<String>,
    usage: bool,
    /// Calls that have begun.
    calls: usize,
}

impl Chunks {
    fn chunk(&self, choices: &Value) -> Value {
        let mut chunk = json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "resolved_model": self.model,
            "choices": choices,
        });
        if self.usage {
            chunk["usage"] = Value::Null;
        }
        chunk
    }

    /// More of the latest call.
    fn call(&self, mut value: Value) -> Frame {
        value["index"] = json!(self.calls.saturating_sub(1));
        self.delta(&json!({"tool_calls": [value]}), &Value::Null, None)
    }

    fn delta(&self, delta: &Value, logprobs: &Value, reason: Option<Reason>) -> Frame {
        let reason = reason.map(Reason::name);
        Frame::data(self.chunk(&json!([
            {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": reason}
        ])))
    }
}

impl Encode for Chunks {
    fn begin(&mut self) -> Vec<Frame> {
        let mut first = self.delta(&json!({"role": "assistant", "content": ""}), &Value::Null, None);
        if let Some(why) = self.why.take() {
            first.data["resolved_reason"] = json!(why);
        }
        vec![first]
    }

    fn event(&mut self, event: Event) -> Vec<Frame> {
        match event {
            // The one was not asked for, and all of the other has been sent.
            Event::Prompt(_) | Event::Call(_) => Vec::new(),
            Event::Reasoning(text) => {
                vec![self.delta(&json!({"reasoning_content": text}), &Value::Null, None)]
            }
            Event::Content { text, tokens } => {
                let logprobs = match tokens.as_slice() {
                    [] => Value::Null,
                    tokens => json!({"content": likelihoods(tokens), "refusal": null}),
                };
                vec![self.delta(&json!({"content": text}), &logprobs, None)]
            }
            Event::CallBegun(begun) => {
                self.calls += 1;
                vec![self.call(call(&begun))]
            }
            Event::Arguments(text) => vec![self.call(json!({"function": {"arguments": text}}))],
            Event::Finished {
                reason, usage: used, ..
            } => {
                let mut frames = vec![self.delta(&json!({}), &Value::Null, Some(reason))];
                if self.usage {
                    let mut last = self.chunk(&json!([]));
                    last["usage"] = usage(used);
                    frames.push(Frame::data(last));
                }
                frames
            }
        }
    }

    fn failed(&mut self, error: &ApiError) -> Vec<Frame> {
        vec![Frame::data(error.body())]
    }

    fn end(&self) -> &'static str {
        "data: [DONE]\n\n"
    }
}
