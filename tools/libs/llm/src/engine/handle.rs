//! The engine as its users hold it.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::unbounded_channel;

use super::active::Job;
use super::forward::{Forward, Shape};
use super::request::{Generation, Request, SubmitError};
use super::scheduler::{Command, Scheduler};
use super::spill::SpillOptions;
use crate::tokenizer::Tokenizer;

/// Bounds and habits.
#[derive(Debug, Clone, PartialEq)]
pub struct EngineOptions {
    /// Bytes of state that running texts may grow to, all together.
    pub state_bytes: usize,
    /// Bytes of state kept for prefixes.
    pub prefix_bytes: usize,
    /// Where prefixes go that memory has no room for; none for nowhere.
    pub spill: Option<SpillOptions>,
    /// The most texts that run at once.
    pub parallel: usize,
    /// The most requests that wait.
    pub queue: usize,
    /// The most prompt tokens in a step that nobody else waits for.
    pub chunk: usize,
    /// The most prompt tokens in a step in which others write: what a reader delays the writers by.
    pub shared_chunk: usize,
    /// Where states cannot be shortened, one is kept after every so many tokens of a prompt.
    pub snapshot_every: usize,
    /// The most guesses in a step, of all texts together. 0 for no guessing.
    pub draft_width: usize,
    /// Guess as much as possible, whether it pays or not.
    pub draft_always: bool,
    /// Threads for the model.
    pub threads: usize,
    /// How long there is no work, or none is done, until the model rests; none for never.
    pub rest_after: Option<Duration>,
}

impl Default for EngineOptions {
    fn default() -> Self {
        EngineOptions {
            state_bytes: 1 << 30,
            prefix_bytes: 1 << 30,
            spill: None,
            parallel: 8,
            queue: 64,
            chunk: 512,
            shared_chunk: 128,
            snapshot_every: 1024,
            draft_width: 8,
            draft_always: false,
            threads: 1,
            rest_after: None,
        }
    }
}

/// What the engine is doing and has done.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct EngineStatus {
    /// Texts being read or written.
    pub running: usize,
    /// Requests that wait.
    pub queued: usize,
    /// Bytes that the running texts may grow to.
    pub reserved_bytes: usize,
    /// Bytes of kept prefixes.
    pub prefix_bytes: usize,
    /// Kept prefixes.
    pub prefixes: usize,
    /// Prompt tokens computed since the start.
    pub prompt_tokens: u64,
    /// Prompt tokens that were not computed again.
    pub cached_tokens: u64,
    /// Tokens written.
    pub written_tokens: u64,
    /// Guesses tried.
    pub drafted_tokens: u64,
    /// Guesses that were right.
    pub accepted_tokens: u64,
    /// Forward passes.
    pub steps: u64,
    /// Tokens written per second, of late, by all texts together; 0 before the first.
    pub tokens_per_second: f64,
    /// Threads in use; 0 while paused.
    pub threads: usize,
}

/// What the handle and the scheduler share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) status: Mutex<EngineStatus>,
    pub(super) queued: AtomicUsize,
    pub(super) closed: AtomicBool,
}

/// A running engine. Dropping it ends the texts that are being written, soon; [`Engine::close`] waits for that.
#[derive(Debug)]
pub struct Engine {
    commands: Sender<Command>,
    thread: Mutex<Option<JoinHandle<()>>>,
    shared: Arc<Shared>,
    shape: Shape,
    options: EngineOptions,
    random: RandomState,
    submitted: AtomicUsize,
}

impl Engine {
    /// Starts the scheduler's thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start<M: Forward>(
        model: Arc<M>,
        tokenizer: Arc<Tokenizer>,
        options: EngineOptions,
    ) -> std::io::Result<Engine> {
        let (commands, inbox) = mpsc::channel();
        let shared = Arc::new(Shared::default());
        let shape = model.shape();
        let scheduler = Scheduler::new(model, tokenizer, options.clone(), inbox, Arc::clone(&shared));
        let thread = std::thread::Builder::new()
            .name("llm-engine".into())
            .spawn(move || scheduler.run())?;
        Ok(Engine {
            commands,
            thread: Mutex::new(Some(thread)),
            shared,
            shape,
            options,
            random: RandomState::new(),
            submitted: AtomicUsize::new(0),
        })
    }

    /// Queues a request.
    pub fn submit(&self, request: Request) -> Result<Generation, SubmitError> {
        request.sampling.check()?;
        let prompt = request.prompt.len();
        let context = self.shape.context;
        if prompt == 0 {
            return Err(SubmitError::EmptyPrompt);
        }
        if prompt >= context {
            return Err(SubmitError::TooLong { prompt, context });
        }
        if let Some(&token) = request
            .prompt
            .iter()
            .find(|t| **t as usize >= self.shape.vocabulary)
        {
            return Err(SubmitError::UnknownToken(token));
        }
        let needed = self
            .shape
            .bytes(prompt.saturating_add(request.max_tokens).min(context));
        if needed > self.options.state_bytes {
            return Err(SubmitError::TooLarge {
                needed,
                limit: self.options.state_bytes,
            });
        }
        if self.shared.closed.load(Ordering::Acquire) {
            return Err(SubmitError::ShutDown);
        }
        let enter = |queued: usize| (queued < self.options.queue).then_some(queued + 1);
        self.shared
            .queued
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, enter)
            .map_err(|queued| SubmitError::Busy { queued })?;
        let (sender, events) = unbounded_channel();
        let dropped = Arc::new(AtomicBool::new(false));
        let number = self.submitted.fetch_add(1, Ordering::Relaxed);
        let job = Job {
            request,
            seed: self.random.hash_one(number),
            events: sender,
            dropped: Arc::clone(&dropped),
            reserved: needed,
        };
        self.commands
            .send(Command::Submit(Box::new(job)))
            .map_err(|_| SubmitError::ShutDown)?;
        Ok(Generation {
            events,
            dropped,
            commands: self.commands.clone(),
        })
    }

    /// A snapshot of its numbers.
    pub fn status(&self) -> EngineStatus {
        let mut status = *self.shared.status.lock().unwrap_or_else(PoisonError::into_inner);
        status.queued = self.shared.queued.load(Ordering::Acquire);
        status
    }

    /// How many threads the model may use; 0 pauses after the step that is running.
    pub fn set_threads(&self, threads: usize) {
        // The scheduler lives as long as this handle.
        let _ = self.commands.send(Command::Threads(threads));
    }

    /// Has the model rest until there is work again, after the step that is running.
    pub fn rest(&self) {
        let _ = self.commands.send(Command::Rest);
    }

    /// Forgets all kept prefixes.
    pub fn forget_prefixes(&self) {
        let _ = self.commands.send(Command::Forget);
    }

    /// Takes no more requests, and returns when those that were taken are done.
    pub fn drain(self) {
        self.end(Command::Drain);
    }

    /// Ends all texts, with a failure for those that were not done, and returns when the thread has ended and prefixes are on disk.
    pub fn close(&self) {
        self.end(Command::Shutdown);
    }

    fn end(&self, how: Command) {
        self.shared.closed.store(true, Ordering::Release);
        let _ = self.commands.send(how);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            log::error!("the engine's thread ended by a panic");
        }
    }
}

impl Drop for Engine {
    /// Does not wait: who drops it may be in the middle of something that must not.
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        let _ = self.commands.send(Command::Shutdown);
    }
}
