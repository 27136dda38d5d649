//! What goes into the engine and what comes out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;

use tokio::sync::mpsc::UnboundedReceiver;

use super::scheduler::Command;
use crate::constraint::Constraint;
use crate::sampling::{Sampling, SamplingError};

/// A text to be written.
#[derive(Debug, Default)]
pub struct Request {
    /// What it goes on from; at least one token.
    pub prompt: Vec<u32>,
    /// At most this many tokens are written; the context limits them too.
    pub max_tokens: usize,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// The text ends before the first of these.
    pub stop: Vec<String>,
    /// What the text must follow.
    pub constraint: Option<Constraint>,
    /// Likelihoods are given with every token, and this many alternatives.
    pub top_logprobs: Option<u8>,
    /// Whether tokens may be guessed ahead. The text is the same with and without.
    pub speculate: bool,
    /// Lengths of the prompt's beginnings that other prompts are likely to share: after the system prompt, after every message.
    pub boundaries: Vec<usize>,
}

/// Why a text ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishReason {
    /// The model ended it, or a stop text came, or the constraint was fulfilled.
    Stop,
    /// `max_tokens` were written or the context is full.
    Length,
}

/// Tokens counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Of the prompt.
    pub prompt: usize,
    /// Of the prompt, those that were not computed again.
    pub cached: usize,
    /// Written, the token that ended the text not counted.
    pub completion: usize,
}

/// What happens to a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A token was written.
    Token {
        /// Its id.
        id: u32,
        /// The text that became certain with it; none while a character is unfinished or a stop text may be coming.
        text: String,
        /// The natural logarithm of its likelihood, when asked for.
        logprob: Option<f32>,
        /// The most likely tokens in its place with theirs, when asked for.
        top: Vec<(u32, f32)>,
    },
    /// The last event of a text that went well.
    Finished {
        /// What had been held back.
        text: String,
        /// Why it ended.
        reason: FinishReason,
        /// What it took.
        usage: Usage,
    },
    /// The last event of a text that did not.
    Failed(String),
}

/// Why a request was not taken.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SubmitError {
    /// The queue is full.
    #[error("{queued} requests are waiting already; try again later")]
    Busy {
        /// How many.
        queued: usize,
    },
    /// The prompt and one token do not fit.
    #[error("the prompt has {prompt} tokens and the model's context holds {context}; shorten the prompt")]
    TooLong {
        /// Its tokens.
        prompt: usize,
        /// The context.
        context: usize,
    },
    /// It would never fit into the memory set aside.
    #[error("the request needs {needed} bytes of cache and {limit} are set aside; ask for fewer tokens")]
    TooLarge {
        /// What it would need.
        needed: usize,
        /// What there is.
        limit: usize,
    },
    /// There is no prompt.
    #[error("the prompt is empty")]
    EmptyPrompt,
    /// A token of the prompt is not in the vocabulary.
    #[error("the prompt's token {0} is not in the model's vocabulary")]
    UnknownToken(u32),
    /// A sampling parameter makes no sense.
    #[error(transparent)]
    Sampling(#[from] SamplingError),
    /// The engine has been shut down.
    #[error("the engine has been shut down")]
    ShutDown,
}

/// A text being written. Dropping it stops the writing.
#[derive(Debug)]
pub struct Generation {
    pub(super) events: UnboundedReceiver<Event>,
    pub(super) dropped: Arc<AtomicBool>,
    pub(super) commands: Sender<Command>,
}

impl Generation {
    /// The next event; none after the last.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// The next event, for callers outside of an asynchronous runtime.
    pub fn blocking_next(&mut self) -> Option<Event> {
        self.events.blocking_recv()
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        self.dropped.store(true, Ordering::Release);
        // The engine may be gone, which is as well.
        let _ = self.commands.send(Command::Wake);
    }
}
