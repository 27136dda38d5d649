//! From a request to the parts of its answer.
//!
//! - [`prepare`]: the prompt, how tokens are chosen, what they are held to
//! - [`grammar`]: calls of functions as a grammar
//! - [`pieces`]: what a model writes, taken apart

mod grammar;
pub mod pieces;
mod prepare;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use sigmavault_llm::engine::{self, FinishReason, Generation, Usage};
use uuid::Uuid;

use crate::models::Resident;
use crate::openai::chat::ChatRequest;
use crate::openai::completions::CompletionRequest;
use crate::openai::error::ApiError;
use crate::openai::messages::Call;
use crate::state::Service;
use pieces::{Part, Pieces};
use prepare::Prepared;

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The model was done, or a stop text came.
    Stop,
    /// It may not be longer.
    Length,
    /// It waits for the results of calls.
    ToolCalls,
}

impl Reason {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
        }
    }
}

/// A token with the logarithm of its likelihood, and its alternatives.
#[derive(Debug, Clone, PartialEq)]
pub struct Likelihood {
    /// The token's bytes.
    pub bytes: Vec<u8>,
    /// Natural logarithm.
    pub logprob: f32,
    /// Bytes and logarithm of the likeliest tokens.
    pub top: Vec<(Vec<u8>, f32)>,
}

/// Something of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Reasoning, which is not the answer.
    Reasoning(String),
    /// More of the answer.
    Content {
        /// The text.
        text: String,
        /// The tokens up to here, when their likelihoods were asked for.
        tokens: Vec<Likelihood>,
    },
    /// A call of a function.
    Call(Call),
    /// The end.
    Finished {
        /// Why.
        reason: Reason,
        /// What it took.
        usage: Usage,
    },
}

/// A whole answer.
#[derive(Debug, Default)]
pub struct Whole {
    /// Reasoning.
    pub reasoning: String,
    /// Text.
    pub content: String,
    /// Tokens of the text, when their likelihoods were asked for.
    pub tokens: Vec<Likelihood>,
    /// Calls.
    pub calls: Vec<Call>,
    /// Why it ended.
    pub reason: Option<Reason>,
    /// What it took.
    pub usage: Usage,
}

/// An answer on its way. Dropping it stops the computing.
#[derive(Debug)]
pub struct Answer {
    /// The model that answers.
    pub resident: Arc<Resident>,
    /// Why it is this one, when the request left that open.
    pub why: Option<String>,
    service: Arc<Service>,
    generation: Generation,
    pieces: Option<Pieces>,
    tokens: Vec<Likelihood>,
    ready: VecDeque<Event>,
    called: bool,
    ended: bool,
}

/// Begins an answer in a conversation.
pub async fn chat(service: &Arc<Service>, request: ChatRequest) -> Result<Answer, ApiError> {
    let ask = prepare::ask(&request);
    let (resident, why) = service.models.acquire(&request.model, ask).await?;
    let default_tokens = service.config.engine.default_max_tokens;
    let model = Arc::clone(&resident);
    let prepared = blocking(move || prepare::chat(&model, &request, default_tokens)).await?;
    let pieces = Pieces::new(prepared.thinking, prepared.calls);
    begin(service, resident, why, prepared, Some(pieces))
}

/// Begins the continuation of a text.
pub async fn completion(service: &Arc<Service>, request: CompletionRequest) -> Result<Answer, ApiError> {
    let ask = prepare::ask_of_text(&request);
    let (resident, why) = service.models.acquire(&request.model, ask).await?;
    let model = Arc::clone(&resident);
    let prepared = blocking(move || prepare::completion(&model, &request)).await?;
    begin(service, resident, why, prepared, None)
}

/// Templates, tokens and grammars of long requests take a while and must not hold up others.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(ApiError::Failed {
            reason: format!("the request could not be prepared: {error}"),
        })
    })
}

fn begin(
    service: &Arc<Service>,
    resident: Arc<Resident>,
    why: Option<String>,
    prepared: Prepared,
    pieces: Option<Pieces>,
) -> Result<Answer, ApiError> {
    let generation = resident.submit(prepared.request)?;
    Ok(Answer {
        resident,
        why,
        service: Arc::clone(service),
        generation,
        pieces,
        tokens: Vec::new(),
        ready: VecDeque::new(),
        called: false,
        ended: false,
    })
}

impl Answer {
    /// What comes next; none after the end. It may be dropped while it waits and asked for again.
    pub async fn next(&mut self) -> Option<Result<Event, ApiError>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(Ok(event));
            }
            if self.ended {
                return None;
            }
            match self.generation.next().await {
                Some(engine::Event::Token {
                    id,
                    text,
                    logprob,
                    top,
                }) => {
                    if let Some(logprob) = logprob {
                        let bytes = |id| self.resident.tokenizer.bytes(id).to_vec();
                        let top = top
                            .into_iter()
                            .map(|(id, logprob)| (bytes(id), logprob))
                            .collect();
                        self.tokens.push(Likelihood {
                            bytes: bytes(id),
                            logprob,
                            top,
                        });
                    }
                    self.take(&text);
                }
                Some(engine::Event::Finished { text, reason, usage }) => {
                    self.take(&text);
                    self.finish(reason, usage);
                }
                Some(engine::Event::Failed(why)) => {
                    self.ended = true;
                    return Some(Err(ApiError::Failed { reason: why }));
                }
                None => {
                    self.ended = true;
                    let reason = format!(
                        "{} was unloaded before the answer was done",
                        self.resident.found.id
                    );
                    return Some(Err(ApiError::Failed { reason }));
                }
            }
        }
    }

    /// All of it.
    pub async fn whole(mut self) -> Result<Whole, ApiError> {
        let mut whole = Whole::default();
        while let Some(event) = self.next().await {
            match event? {
                Event::Reasoning(text) => whole.reasoning.push_str(&text),
                Event::Content { text, tokens } => {
                    whole.content.push_str(&text);
                    whole.tokens.extend(tokens);
                }
                Event::Call(call) => whole.calls.push(call),
                Event::Finished { reason, usage } => {
                    whole.reason = Some(reason);
                    whole.usage = usage;
                }
            }
        }
        Ok(whole)
    }

    fn take(&mut self, text: &str) {
        let parts = match &mut self.pieces {
            Some(pieces) => pieces.push(text),
            None if text.is_empty() => Vec::new(),
            None => vec![Part::Content(text.to_owned())],
        };
        self.tell(parts);
    }

    fn tell(&mut self, parts: Vec<Part>) {
        for part in parts {
            // Tokens of reasoning and calls are not those of the text.
            let tokens = std::mem::take(&mut self.tokens);
            self.ready.push_back(match part {
                Part::Reasoning(text) => Event::Reasoning(text),
                Part::Content(text) => Event::Content { text, tokens },
                Part::Call { name, arguments } => {
                    self.called = true;
                    Event::Call(Call {
                        id: id("call"),
                        name,
                        arguments,
                    })
                }
            });
        }
    }

    fn finish(&mut self, reason: FinishReason, usage: Usage) {
        if let Some(pieces) = self.pieces.take() {
            let parts = pieces.finish();
            self.tell(parts);
        }
        let reason = match reason {
            FinishReason::Stop if self.called => Reason::ToolCalls,
            FinishReason::Stop => Reason::Stop,
            FinishReason::Length => Reason::Length,
        };
        self.ready.push_back(Event::Finished { reason, usage });
        self.ended = true;
        let meters = &self.service.meters;
        for (meter, count) in [
            (&meters.prompt_tokens, usage.prompt),
            (&meters.cached_tokens, usage.cached),
            (&meters.completion_tokens, usage.completion),
        ] {
            meter.fetch_add(count as u64, Ordering::Relaxed);
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if !self.ended {
            self.service.meters.abandoned.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A new id, such as `call_019…`.
pub fn id(kind: &str) -> String {
    format!("{kind}_{}", Uuid::now_v7().simple())
}
