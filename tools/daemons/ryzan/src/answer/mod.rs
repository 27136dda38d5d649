//! From a request to the parts of its answer.
//!
//! - [`prepare`]: prompt, sampling and constraint
//! - [`grammar`]: the grammar of function calls
//! - [`spelled`]: calls as text, for chat templates that know none
//! - [`pieces`]: splitting the output into reasoning, text and calls

mod grammar;
pub mod pieces;
mod prepare;
mod spelled;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use sigmavault_llm::constraint::Arguments;
use sigmavault_llm::engine::{self, FinishReason, Generation, Usage};
use uuid::Uuid;

use crate::admission::Gone;
use crate::caller::Caller;
use crate::models::Resident;
use crate::openai::chat::ChatRequest;
use crate::openai::completions::CompletionRequest;
use crate::openai::error::ApiError;
use crate::openai::messages::Call;
use crate::room::Share;
use crate::state::Service;
use crate::turns::Turn;
use pieces::{Part, Pieces};
use prepare::Prepared;
pub use prepare::{COMPILED, SCHEMAS};

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The model finished, or wrote a stop text.
    Stop,
    /// The length limit was reached.
    Length,
    /// The model called functions and waits for their results.
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

/// A token with its log probability and its alternatives.
#[derive(Debug, Clone, PartialEq)]
pub struct Likelihood {
    /// The token's bytes.
    pub bytes: Vec<u8>,
    /// Log probability (natural logarithm); `None` for the first token of a prompt, which follows nothing.
    pub logprob: Option<f32>,
    /// Bytes and log probabilities of the likeliest tokens.
    pub top: Vec<(Vec<u8>, f32)>,
    /// Whether it marks the beginning of the prompt, and is no part of its text.
    pub is_mark: bool,
}

/// An event of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The tokens of the prompt, if the request asked for their log probabilities.
    Prompt(Vec<Likelihood>),
    /// Reasoning, which is not part of the answer.
    Reasoning(String),
    /// More of the answer.
    Content {
        /// The text.
        text: String,
        /// Its tokens, if the request asked for log probabilities.
        tokens: Vec<Likelihood>,
    },
    /// A call of a function begins; it has no arguments yet.
    CallBegun(Call),
    /// More of its arguments. The piece that completes them comes once they are valid.
    Arguments(String),
    /// The call whose arguments have come, with all of them.
    Call(Call),
    /// The end.
    Finished {
        /// Why.
        reason: Reason,
        /// The stop text that ended it, if one did.
        stop: Option<String>,
        /// Token counts.
        usage: Usage,
        /// How long its parts took.
        timing: Timing,
    },
}

/// How long the parts of an answer took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timing {
    /// Until the model was loaded.
    pub load: Duration,
    /// From then until the first token: preparing, waiting and computing the prompt.
    pub prompt: Duration,
    /// From the first token to the end.
    pub answer: Duration,
}

/// When a request came, and when its model was there.
#[derive(Debug, Clone, Copy)]
struct Began {
    at: Instant,
    loaded: Instant,
}

/// A complete answer.
#[derive(Debug, Default)]
pub struct Whole {
    /// Reasoning.
    pub reasoning: String,
    /// Text.
    pub content: String,
    /// Tokens of the text, if the request asked for log probabilities.
    pub tokens: Vec<Likelihood>,
    /// Tokens of the prompt, if the request asked for their log probabilities.
    pub prompt: Vec<Likelihood>,
    /// Calls.
    pub calls: Vec<Call>,
    /// Why it ended.
    pub reason: Option<Reason>,
    /// The stop text that ended it, if one did.
    pub stop: Option<String>,
    /// Token counts.
    pub usage: Usage,
    /// How long its parts took.
    pub timing: Timing,
}

/// An answer under way. Dropping it stops the computation.
#[derive(Debug)]
pub struct Answer {
    /// The model that answers.
    pub resident: Arc<Resident>,
    /// Why this model was chosen, if the request left the choice open.
    pub why: Option<String>,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Its turn, and its share of the memory for constraints.
    _held: (Turn, Share),
    began: Began,
    first_token: Option<Instant>,
    service: Arc<Service>,
    generation: Generation,
    pieces: Option<Pieces>,
    arguments: Option<Arc<Arguments>>,
    /// The call whose arguments are coming.
    open: Option<Call>,
    tokens: Vec<Likelihood>,
    /// The scored tokens of the prompt so far; empty if they are not scored.
    prompt: Vec<Likelihood>,
    ready: VecDeque<Result<Event, ApiError>>,
    called: bool,
    ended: bool,
}

/// Begins an answer in a conversation. The share of its body is given back once it is prepared.
pub async fn chat(
    service: &Arc<Service>,
    caller: Caller,
    request: ChatRequest,
    share: Share,
) -> Result<Answer, ApiError> {
    let turn = service.turns.take(caller).await?;
    let at = Instant::now();
    let constraint = service
        .constraints
        .take(caller, prepare::constraint_bytes(&request)?)
        .await?;
    let ask = prepare::ask(&request);
    let (resident, why) = service.models.acquire(&request.model, ask).await?;
    let began = Began {
        at,
        loaded: Instant::now(),
    };
    let default_tokens = service.config.engine.default_max_tokens;
    let model = Arc::clone(&resident);
    let bytes = prepare::bytes(&request);
    let prepare = move |gone: &Gone| {
        let prepared = prepare::chat(&model, &request, default_tokens, gone);
        drop((request, share));
        prepared
    };
    let mut prepared = service.admission.run(caller, bytes, prepare).await?;
    prepared.request.owner = caller.uid;
    if prepared.calls {
        let (opening, closing) = pieces::CALL;
        prepared.request.stop_exempt = Some((opening.to_owned(), closing.to_owned()));
    }
    let pieces = Pieces::new(prepared.thinking, prepared.calls);
    let held = (turn, constraint);
    begin(service, held, began, (resident, why), prepared, Some(pieces))
}

/// The number of tokens of the prompt that a conversation makes.
pub async fn count(
    service: &Arc<Service>,
    caller: Caller,
    request: ChatRequest,
    share: Share,
) -> Result<usize, ApiError> {
    let _turn = service.turns.take(caller).await?;
    let _constraint = service
        .constraints
        .take(caller, prepare::constraint_bytes(&request)?)
        .await?;
    let (resident, _) = service
        .models
        .acquire(&request.model, prepare::ask(&request))
        .await?;
    let bytes = prepare::bytes(&request);
    let prepare = move |gone: &Gone| {
        let prepared = prepare::chat(&resident, &request, 1, gone);
        drop((request, share));
        prepared
    };
    let prepared = service.admission.run(caller, bytes, prepare).await?;
    Ok(prepared.request.prompt.len())
}

/// Begins the continuation of a text. The share of its body is given back once it is prepared.
pub async fn completion(
    service: &Arc<Service>,
    caller: Caller,
    request: CompletionRequest,
    share: Share,
) -> Result<Answer, ApiError> {
    let turn = service.turns.take(caller).await?;
    let at = Instant::now();
    let ask = prepare::ask_of_text(&request);
    let (resident, why) = service.models.acquire(&request.model, ask).await?;
    let began = Began {
        at,
        loaded: Instant::now(),
    };
    let model = Arc::clone(&resident);
    let bytes = prepare::bytes_of_text(&request);
    let prepare = move |gone: &Gone| {
        let prepared = prepare::completion(&model, &request, gone);
        drop((request, share));
        prepared
    };
    let mut prepared = service.admission.run(caller, bytes, prepare).await?;
    prepared.request.owner = caller.uid;
    let held = (turn, Share::default());
    begin(service, held, began, (resident, why), prepared, None)
}

fn begin(
    service: &Arc<Service>,
    held: (Turn, Share),
    began: Began,
    (resident, why): (Arc<Resident>, Option<String>),
    prepared: Prepared,
    pieces: Option<Pieces>,
) -> Result<Answer, ApiError> {
    let prompt_tokens = prepared.request.prompt.len();
    let first = prepared.request.prompt.first().copied();
    let first = first.filter(|_| prepared.request.prompt_logprobs.is_some());
    let prompt = first.map(|id| Likelihood {
        bytes: resident.tokenizer.bytes(id).to_vec(),
        logprob: None,
        top: Vec::new(),
        is_mark: prepared.framed && resident.tokenizer.is_control(id),
    });
    let generation = resident.submit(prepared.request)?;
    Ok(Answer {
        resident,
        why,
        prompt_tokens,
        _held: held,
        began,
        first_token: None,
        service: Arc::clone(service),
        generation,
        pieces,
        arguments: prepared.arguments,
        open: None,
        tokens: Vec::new(),
        prompt: prompt.into_iter().collect(),
        ready: VecDeque::new(),
        called: false,
        ended: false,
    })
}

impl Answer {
    /// The next event; `None` after the end. The future may be dropped and requested again.
    pub async fn next(&mut self) -> Option<Result<Event, ApiError>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            match self.generation.next().await {
                Some(engine::Event::Prompt(scored)) => {
                    for engine::Scored { id, logprob, top } in scored {
                        let likelihood = self.likelihood(id, logprob, top);
                        self.prompt.push(likelihood);
                    }
                }
                Some(engine::Event::Token {
                    id,
                    text,
                    logprob,
                    top,
                }) => {
                    self.first_token.get_or_insert_with(Instant::now);
                    self.tell_prompt();
                    if let Some(logprob) = logprob {
                        let likelihood = self.likelihood(id, logprob, top);
                        self.tokens.push(likelihood);
                    }
                    self.take(&text);
                }
                Some(engine::Event::Finished {
                    text,
                    reason,
                    stop,
                    usage,
                }) => {
                    self.tell_prompt();
                    self.take(&text);
                    self.finish(reason, stop, usage);
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

    /// Collects the complete answer.
    pub async fn whole(mut self) -> Result<Whole, ApiError> {
        let mut whole = Whole::default();
        while let Some(event) = self.next().await {
            match event? {
                Event::Prompt(tokens) => whole.prompt = tokens,
                Event::Reasoning(text) => whole.reasoning.push_str(&text),
                Event::Content { text, tokens } => {
                    whole.content.push_str(&text);
                    whole.tokens.extend(tokens);
                }
                Event::CallBegun(_) | Event::Arguments(_) => {}
                Event::Call(call) => whole.calls.push(call),
                Event::Finished {
                    reason,
                    stop,
                    usage,
                    timing,
                } => {
                    whole.reason = Some(reason);
                    whole.stop = stop;
                    whole.usage = usage;
                    whole.timing = timing;
                }
            }
        }
        Ok(whole)
    }

    fn likelihood(&self, id: u32, logprob: f32, top: Vec<(u32, f32)>) -> Likelihood {
        let bytes = |id| self.resident.tokenizer.bytes(id).to_vec();
        Likelihood {
            bytes: bytes(id),
            logprob: Some(logprob),
            top: top
                .into_iter()
                .map(|(id, logprob)| (bytes(id), logprob))
                .collect(),
            is_mark: false,
        }
    }

    /// Tells the scores of the prompt, once they are complete.
    fn tell_prompt(&mut self) {
        if !self.prompt.is_empty() {
            let tokens = std::mem::take(&mut self.prompt);
            self.ready.push_back(Ok(Event::Prompt(tokens)));
        }
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
            // Tokens of reasoning and calls do not belong to the text.
            let tokens = std::mem::take(&mut self.tokens);
            let event = match part {
                Part::Reasoning(text) => Event::Reasoning(text),
                Part::Content(text) => Event::Content { text, tokens },
                Part::CallBegins(name) => {
                    let call = Call {
                        id: id("call"),
                        name,
                        arguments: String::new(),
                    };
                    self.open = Some(call.clone());
                    Event::CallBegun(call)
                }
                Part::Arguments(text) => {
                    if let Some(call) = &mut self.open {
                        call.arguments.push_str(&text);
                    }
                    Event::Arguments(text)
                }
                Part::CallEnds(rest) => {
                    let Some(mut call) = self.open.take() else {
                        continue;
                    };
                    call.arguments.push_str(&rest);
                    // Not all of a schema can be enforced while a call is written, and no client gets a whole call that violates it.
                    if let Some(schemas) = &self.arguments
                        && let Err(error) = schemas.validate(&call.name, &call.arguments)
                    {
                        let reason = error.to_string();
                        self.ready.push_back(Err(ApiError::Failed { reason }));
                        self.ended = true;
                        return;
                    }
                    self.called = true;
                    self.ready.push_back(Ok(Event::Arguments(rest)));
                    Event::Call(call)
                }
            };
            self.ready.push_back(Ok(event));
        }
    }

    fn finish(&mut self, reason: FinishReason, stop: Option<String>, usage: Usage) {
        if let Some(pieces) = self.pieces.take() {
            let parts = pieces.finish(reason == FinishReason::Length);
            self.tell(parts);
        }
        if self.ended {
            return;
        }
        let reason = match reason {
            FinishReason::Stop if self.called => Reason::ToolCalls,
            FinishReason::Stop => Reason::Stop,
            FinishReason::Length => Reason::Length,
        };
        let now = Instant::now();
        let first = self.first_token.unwrap_or(now);
        self.ready.push_back(Ok(Event::Finished {
            reason,
            stop,
            usage,
            timing: Timing {
                load: self.began.loaded - self.began.at,
                prompt: first - self.began.loaded,
                answer: now - first,
            },
        }));
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
