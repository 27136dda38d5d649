//! Requests, and the events that answer them.

use crate::constraint::Constraint;
use crate::sampling::{Sampling, SamplingError};

/// A sequence to generate: the prompt, and how it goes on.
#[derive(Debug, Default)]
pub struct Request {
    /// The prompt; at least one token.
    pub prompt: Vec<u32>,
    /// The most tokens to generate; the context is another limit.
    pub max_tokens: usize,
    /// How tokens are sampled.
    pub sampling: Sampling,
    /// Stop sequences: the text ends before the first of them.
    pub stop: Vec<String>,
    /// The tags around text, such as a function call, in which stop sequences do not count.
    pub stop_exempt: Option<(String, String)>,
    /// The constraint that the text must satisfy.
    pub constraint: Option<Constraint>,
    /// Whether events have log-probabilities, and of how many alternatives.
    pub top_logprobs: Option<u8>,
    /// Whether the prompt's tokens are scored, and with how many alternatives. Such a prompt is computed whole, and slower.
    pub prompt_logprobs: Option<u8>,
    /// Whether speculative decoding is allowed. The text is the same with and without.
    pub speculate: bool,
    /// Whose request it is. Prefixes are kept for requests of the same owner only.
    pub owner: u32,
    /// Lengths of beginnings of the prompt that other prompts are likely to share: after the system prompt, after every message.
    pub boundaries: Vec<usize>,
}

/// Why a sequence ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishReason {
    /// The model ended it, a stop sequence occurred, or the constraint was completed.
    Stop,
    /// `max_tokens` were generated or the context is full.
    Length,
}

/// Token counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt: usize,
    /// Tokens of the prompt taken from a kept prefix.
    pub cached: usize,
    /// Generated tokens, without the one that ended the text.
    pub completion: usize,
}

/// A token of the prompt with its log-probability (natural) after the tokens before it.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// Its id.
    pub id: u32,
    /// Its log-probability.
    pub logprob: f32,
    /// The most likely tokens in its place with their log-probabilities.
    pub top: Vec<(u32, f32)>,
}

/// An event of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The next tokens of the prompt, if their log-probabilities were requested. The first token of all has none.
    Prompt(Vec<Scored>),
    /// A token was generated.
    Token {
        /// Its id.
        id: u32,
        /// The text that became certain with it; empty while a character is incomplete or a stop sequence may have begun.
        text: String,
        /// Its log-probability (natural), if requested.
        logprob: Option<f32>,
        /// The most likely tokens in its place with their log-probabilities, if requested.
        top: Vec<(u32, f32)>,
    },
    /// The last event of a successful request.
    Finished {
        /// The text that was held back.
        text: String,
        /// Why it ended.
        reason: FinishReason,
        /// The stop sequence that ended it, if one did.
        stop: Option<String>,
        /// Token counts.
        usage: Usage,
    },
    /// The last event of a failed request.
    Failed(String),
}

/// Why a request was rejected.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SubmitError {
    /// The queue is full.
    #[error("{queued} requests are waiting already; try again later")]
    Busy {
        /// The number of queued requests.
        queued: usize,
    },
    /// The prompt leaves no room for a token in the context.
    #[error("the prompt has {prompt} tokens and the model's context holds {context}; shorten the prompt")]
    TooLong {
        /// Its tokens.
        prompt: usize,
        /// The context length.
        context: usize,
    },
    /// Its state exceeds the memory limit.
    #[error("the request needs {needed} bytes of cache, but the limit is {limit}; ask for fewer tokens")]
    TooLarge {
        /// Bytes needed.
        needed: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The prompt is empty.
    #[error("the prompt is empty")]
    EmptyPrompt,
    /// A token of the prompt is not in the vocabulary.
    #[error("the prompt's token {0} is not in the model's vocabulary")]
    UnknownToken(u32),
    /// A sampling parameter is out of range.
    #[error(transparent)]
    Sampling(#[from] SamplingError),
    /// The engine has been shut down.
    #[error("the engine has been shut down")]
    ShutDown,
}
