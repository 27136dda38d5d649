//! `POST /v1/completions`: the answer.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};
use sigmavault_llm::engine::Usage;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::chat::{finite, now, usage};
use crate::answer::{self, Answer, Event, Likelihood, Reason, Whole};
use crate::body::JsonBody;
use crate::caller::Caller;
use crate::models::Input;
use crate::openai::completions::CompletionRequest;
use crate::openai::error::ApiError;
use crate::room::Share;
use crate::sse::{self, Encode, Frame};
use crate::state::{Service, Shared};

/// The end of a stream.
const END: &str = "data: [DONE]\n\n";

/// Frames of several texts that wait for a slow client.
const FRAMES: usize = 16;

/// Continues a text completely or as a stream.
pub async fn complete(
    State(service): Shared,
    caller: Caller,
    JsonBody(body, share): JsonBody,
) -> Result<Response, ApiError> {
    let mut requests = CompletionRequest::read(body)?;
    match requests.pop() {
        Some(only) if requests.is_empty() => one(&service, caller, only, share).await,
        last => {
            requests.extend(last);
            if requests.iter().any(|request| request.stream.on) {
                return Ok(streamed(&service, caller, requests, share));
            }
            several(&service, caller, requests, share).await
        }
    }
}

async fn one(
    service: &Arc<Service>,
    caller: Caller,
    request: CompletionRequest,
    share: Share,
) -> Result<Response, ApiError> {
    let stream = request.stream;
    let (answer, mut chunks) = begin(service, caller, request, share, &Place::only()).await?;
    if stream.on {
        return Ok(sse::response(answer, chunks));
    }
    let whole = answer.whole().await?;
    let mut body = chunks.whole(&whole);
    body["usage"] = usage(whole.usage);
    Ok(Json(body).into_response())
}

/// Continues several texts at a time. Dropping the set, when the client goes, stops all of them.
async fn several(
    service: &Arc<Service>,
    caller: Caller,
    requests: Vec<CompletionRequest>,
    share: Share,
) -> Result<Response, ApiError> {
    let mut under_way = JoinSet::new();
    let first = Place::only();
    for (index, request) in requests.into_iter().enumerate() {
        let (service, place, share) = (Arc::clone(service), first.number(index), share.clone());
        under_way.spawn(async move {
            let (answer, mut chunks) = begin(&service, caller, request, share, &place).await?;
            let whole = answer.whole().await?;
            let mut body = chunks.whole(&whole);
            let choice = body["choices"][0].take();
            Ok::<_, ApiError>((index, choice, body, whole.usage))
        });
    }
    drop(share);
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
        add(&mut sum, usage);
        choices.push(choice);
        body = own;
    }
    body["choices"] = json!(choices);
    body["usage"] = usage(sum);
    Ok(Json(body).into_response())
}

/// Streams the continuations of several texts, as they come. Dropping the stream stops all of them.
fn streamed(
    service: &Arc<Service>,
    caller: Caller,
    requests: Vec<CompletionRequest>,
    share: Share,
) -> Response {
    let (sender, frames) = mpsc::channel(FRAMES);
    let service = Arc::clone(service);
    let all = async move {
        let first = Place::only();
        let mut under_way = JoinSet::new();
        let mut last = None;
        for (index, request) in requests.into_iter().enumerate() {
            let (service, place, sender) = (Arc::clone(&service), first.number(index), sender.clone());
            let share = share.clone();
            under_way.spawn(async move { stream(&service, caller, request, share, &place, &sender).await });
        }
        drop(share);
        let mut sum = Usage::default();
        while let Some(ended) = under_way.join_next().await {
            if let Ok(Some((chunks, usage))) = ended {
                add(&mut sum, usage);
                last = Some(chunks);
            }
        }
        if let Some(chunks) = last.filter(|chunks| chunks.usage) {
            // The client may have gone.
            let _ = sender.send(chunks.used(sum)).await;
        }
    };
    sse::frames::<Chunks>(all, frames, END)
}

/// Sends the frames of one of several texts. Returns its encoder and its usage unless it failed or the client has gone.
async fn stream(
    service: &Arc<Service>,
    caller: Caller,
    request: CompletionRequest,
    share: Share,
    place: &Place,
    frames: &mpsc::Sender<Frame>,
) -> Option<(Chunks, Usage)> {
    let begun = begin(service, caller, request, share, place).await;
    let (mut answer, mut chunks) = match begun {
        Ok(begun) => begun,
        Err(error) => {
            let _ = frames.send(Frame::data(error.body())).await;
            return None;
        }
    };
    let mut used = None;
    while let Some(event) = answer.next().await {
        if let Ok(Event::Finished { usage, .. }) = &event {
            used = Some(*usage);
        }
        let told = match event {
            Ok(event) => chunks.event(event),
            Err(error) => chunks.failed(&error),
        };
        // The tokens used by all texts are told after the last one.
        if let Some(frame) = told.into_iter().next() {
            frames.send(frame).await.ok()?;
        }
    }
    Some((chunks, used?))
}

fn add(sum: &mut Usage, usage: Usage) {
    sum.prompt += usage.prompt;
    sum.cached += usage.cached;
    sum.completion += usage.completion;
}

/// Which of the texts of a request it is.
#[derive(Debug, Clone)]
struct Place {
    id: String,
    created: u64,
    index: usize,
}

impl Place {
    /// The only one, or the first.
    fn only() -> Self {
        Self {
            id: answer::id("cmpl"),
            created: now(),
            index: 0,
        }
    }

    /// Another one of the same request.
    fn number(&self, index: usize) -> Self {
        Self {
            index,
            ..self.clone()
        }
    }
}

async fn begin(
    service: &Arc<Service>,
    caller: Caller,
    request: CompletionRequest,
    share: Share,
    place: &Place,
) -> Result<(Answer, Chunks), ApiError> {
    let (stream, logprobs) = (request.stream, request.logprobs.is_some());
    let echo = request.echo.then(|| request.prompt.clone());
    let answer = answer::completion(service, caller, request, share).await?;
    let echo = echo.map(|prompt| match prompt {
        Input::Text(text) => text,
        Input::Tokens(ids) => answer.resident.tokenizer.decode(&ids, true),
    });
    let chunks = Chunks {
        place: place.clone(),
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
    place: Place,
    model: String,
    /// Why this model was chosen; sent once.
    why: Option<String>,
    /// The prompt, where the answer begins with it; sent once.
    echo: Option<String>,
    usage: bool,
    logprobs: bool,
    /// Characters so far.
    length: usize,
}

impl Chunks {
    fn object(&self, choices: &Value) -> Value {
        json!({
            "id": self.place.id,
            "object": "text_completion",
            "created": self.place.created,
            "model": self.model,
            "resolved_model": self.model,
            "choices": choices,
        })
    }

    fn whole(&mut self, whole: &Whole) -> Value {
        let tokens: Vec<Likelihood> = whole.prompt.iter().chain(&whole.tokens).cloned().collect();
        self.choice(&whole.content, &tokens, whole.reason)
    }

    /// The chunk with the tokens used by all texts.
    fn used(&self, sum: Usage) -> Frame {
        let mut last = self.object(&json!([]));
        last["usage"] = usage(sum);
        Frame::data(last)
    }

    fn choice(&mut self, text: &str, tokens: &[Likelihood], reason: Option<Reason>) -> Value {
        let logprobs = if self.logprobs {
            self.likelihoods(tokens)
        } else {
            Value::Null
        };
        let (index, reason) = (self.place.index, reason.map(Reason::name));
        let text = self.echo.take().unwrap_or_default() + text;
        let mut object = self
            .object(&json!([{"index": index, "text": text, "logprobs": logprobs, "finish_reason": reason}]));
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
            // What marks the beginning is no part of the text.
            if !token.is_mark {
                self.length += text(&token.bytes).chars().count();
            }
        }
        let top: Vec<Option<Map<String, Value>>> = tokens
            .iter()
            .map(|token| {
                let one = |(bytes, logprob): &(Vec<u8>, f32)| (text(bytes), json!(finite(*logprob)));
                token.logprob.map(|_| token.top.iter().map(one).collect())
            })
            .collect();
        json!({
            "tokens": tokens.iter().map(|token| text(&token.bytes)).collect::<Vec<_>>(),
            "token_logprobs": tokens.iter().map(|token| token.logprob.map(finite)).collect::<Vec<_>>(),
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
            Event::Prompt(tokens) => vec![Frame::data(self.choice("", &tokens, None))],
            Event::Content { text, tokens } => vec![Frame::data(self.choice(&text, &tokens, None))],
            // Continued text is not split into parts.
            Event::Reasoning(_) | Event::CallBegun(_) | Event::Arguments(_) | Event::Call(_) => Vec::new(),
            Event::Finished {
                reason, usage: used, ..
            } => {
                let mut frames = vec![Frame::data(self.choice("", &[], Some(reason)))];
                if self.usage {
                    frames.push(self.used(used));
                }
                frames
            }
        }
    }

    fn failed(&mut self, error: &ApiError) -> Vec<Frame> {
        vec![Frame::data(error.body())]
    }

    fn end(&self) -> &'static str {
        END
    }
}
