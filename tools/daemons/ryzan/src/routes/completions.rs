//! `POST /v1/completions`: the answer.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};

use super::chat::{finite, now, usage};
use crate::answer::{self, Event, Likelihood, Reason};
use crate::body::JsonBody;
use crate::openai::completions::CompletionRequest;
use crate::openai::error::ApiError;
use crate::sse::{self, Encode, Frame};
use crate::state::Shared;

/// Continues a text completely or as a stream.
pub async fn complete(State(service): Shared, JsonBody(body): JsonBody) -> Result<Response, ApiError> {
    let request = CompletionRequest::read(body)?;
    let (stream, logprobs) = (request.stream, request.logprobs.is_some());
    let answer = answer::completion(&service, request).await?;
    let mut chunks = Chunks {
        id: answer::id("cmpl"),
        created: now(),
        model: answer.resident.found.id.clone(),
        why: answer.why.clone(),
        usage: stream.usage,
        logprobs,
        length: 0,
    };
    if stream.on {
        return Ok(sse::response(answer, chunks));
    }
    let whole = answer.whole().await?;
    let mut body = chunks.choice(&whole.content, &whole.tokens, whole.reason);
    body["usage"] = usage(whole.usage);
    Ok(Json(body).into_response())
}

/// Writes a text as `text_completion` objects.
#[derive(Debug)]
struct Chunks {
    id: String,
    created: u64,
    model: String,
    /// Why this model was chosen; sent once.
    why: Option<String>,
    usage: bool,
    logprobs: bool,
    length: usize,
}

impl Chunks {
    fn object(&self, choices: &Value) -> Value {
        json!({
            "id": self.id,
            "object": "text_completion",
            "created": self.created,
            "model": self.model,
            "resolved_model": self.model,
            "choices": choices,
        })
    }

    fn choice(&mut self, text: &str, tokens: &[Likelihood], reason: Option<Reason>) -> Value {
        let logprobs = if self.logprobs {
            self.likelihoods(tokens)
        } else {
            Value::Null
        };
        let reason = reason.map(Reason::name);
        let mut object =
            self.object(&json!([{"index": 0, "text": text, "logprobs": logprobs, "finish_reason": reason}]));
        if let Some(why) = self.why.take() {
            object["resolved_reason"] = json!(why);
        }
        object
    }

    /// The older shape: parallel arrays.
    fn likelihoods(&mut self, tokens: &[Likelihood]) -> Value {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut offsets = Vec::with_capacity(tokens.len());
        for token in tokens {
            offsets.push(self.length);
            self.length += text(&token.bytes).chars().count();
        }
        let top: Vec<Map<String, Value>> = tokens
            .iter()
            .map(|token| {
                let one = |(bytes, logprob): &(Vec<u8>, f32)| (text(bytes), json!(finite(*logprob)));
                token.top.iter().map(one).collect()
            })
            .collect();
        json!({
            "tokens": tokens.iter().map(|token| text(&token.bytes)).collect::<Vec<_>>(),
            "token_logprobs": tokens.iter().map(|token| finite(token.logprob)).collect::<Vec<_>>(),
            "top_logprobs": top,
            "text_offset": offsets,
        })
    }
}

impl Encode for Chunks {
    fn begin(&mut self) -> Vec<Frame> {
        Vec::new()
    }

    fn event(&mut self, event: Event) -> Vec<Frame> {
        match event {
            Event::Content { text, tokens } => vec![Frame::data(self.choice(&text, &tokens, None))],
            // Continued text is not split into parts.
            Event::Reasoning(_) | Event::Call(_) => Vec::new(),
            Event::Finished { reason, usage: used } => {
                let mut frames = vec![Frame::data(self.choice("", &[], Some(reason)))];
                if self.usage {
                    let mut last = self.object(&json!([]));
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
