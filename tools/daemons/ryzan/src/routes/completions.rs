//! `POST /v1/completions`: the answer.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};
use sigmavault_llm::engine::Usage;
use tokio::task::JoinSet;

use super::chat::{finite, now, usage};
use crate::answer::{self, Answer, Event, Likelihood, Reason};
use crate::body::JsonBody;
use crate::caller::Caller;
use crate::models::Input;
use crate::openai::completions::CompletionRequest;
use crate::openai::error::ApiError;
use crate::sse::{self, Encode, Frame};
use crate::state::{Service, Shared};

/// Continues a text completely or as a stream.
pub async fn complete(
    State(service): Shared,
    caller: Caller,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    let mut requests = CompletionRequest::read(body)?;
    match requests.pop() {
        Some(only) if requests.is_empty() => one(&service, caller, only).await,
        last => {
            requests.extend(last);
            several(&service, caller, requests).await
        }
    }
}

async fn one(
    service: &Arc<Service>,
    caller: Caller,
    request: CompletionRequest,
) -> Result<Response, ApiError> {
    let stream = request.stream;
    let (answer, mut chunks) = begin(service, caller, request).await?;
    if stream.on {
        return Ok(sse::response(answer, chunks));
    }
    let whole = answer.whole().await?;
    let mut body = chunks.choice(&whole.content, &whole.tokens, whole.reason);
    body["usage"] = usage(whole.usage);
    Ok(Json(body).into_response())
}

/// Continues several texts at a time. Dropping the set, when the client goes, stops all of them.
async fn several(
    service: &Arc<Service>,
    caller: Caller,
    requests: Vec<CompletionRequest>,
) -> Result<Response, ApiError> {
    let mut under_way = JoinSet::new();
    for (index, request) in requests.into_iter().enumerate() {
        let service = Arc::clone(service);
        under_way.spawn(async move {
            let (answer, mut chunks) = begin(&service, caller, request).await?;
            let whole = answer.whole().await?;
            let mut body = chunks.choice(&whole.content, &whole.tokens, whole.reason);
            let mut choice = body["choices"][0].take();
            choice["index"] = json!(index);
            Ok::<_, ApiError>((index, choice, body, whole.usage))
        });
    }
    let mut done = Vec::new();
    while let Some(ended) = under_way.join_next().await {
        let ended = ended.map_err(|error| ApiError::Failed {
            reason: format!("a prompt could not be continued: {error}"),
        })?;
        done.push(ended?);
    }
    done.sort_by_key(|(index, ..)| *index);
    let mut sum = Usage::default();
    let mut choices = Vec::with_capacity(done.len());
    let mut body = Value::Null;
    for (_, choice, own, usage) in done {
        sum.prompt += usage.prompt;
        sum.cached += usage.cached;
        sum.completion += usage.completion;
        choices.push(choice);
        body = own;
    }
    body["choices"] = json!(choices);
    body["usage"] = usage(sum);
    Ok(Json(body).into_response())
}

async fn begin(
    service: &Arc<Service>,
    caller: Caller,
    request: CompletionRequest,
) -> Result<(Answer, Chunks), ApiError> {
    let (stream, logprobs) = (request.stream, request.logprobs.is_some());
    let echo = request.echo.then(|| request.prompt.clone());
    let answer = answer::completion(service, caller, request).await?;
    let echo = echo.map(|prompt| match prompt {
        Input::Text(text) => text,
        Input::Tokens(ids) => answer.resident.tokenizer.decode(&ids, true),
    });
    let chunks = Chunks {
        id: answer::id("cmpl"),
        created: now(),
        model: answer.resident.found.id.clone(),
        why: answer.why.clone(),
        echo,
        usage: stream.usage,
        logprobs,
        length: 0,
    };
    Ok((answer, chunks))
}

/// Writes a text as `text_completion` objects.
#[derive(Debug)]
struct Chunks {
    id: String,
    created: u64,
    model: String,
    /// Why this model was chosen; sent once.
    why: Option<String>,
    /// The prompt, where the answer begins with it; sent once.
    echo: Option<String>,
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
        let text = self.echo.take().unwrap_or_default() + text;
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
            Event::Finished {
                reason, usage: used, ..
            } => {
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
