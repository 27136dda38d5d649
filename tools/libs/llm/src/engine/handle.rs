//! The handle of the engine.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::mpsc::unbounded_channel;

use super::generation::Generation;
use super::options::EngineOptions;
use super::request::{Request, SubmitError};
use super::scheduler::Scheduler;
use super::status::{EngineStatus, Shared};
use super::submission::{Command, Submission};
use crate::inference::{Forward, Shape};
use crate::tokenizer::Tokenizer;

/// A running engine. Dropping it cancels all requests without waiting; [`Engine::close`] waits.
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
    /// If the system refuses a thread.
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
        let submission = Submission {
            request,
            seed: self.random.hash_one(number),
            events: sender,
            dropped: Arc::clone(&dropped),
            reserved: needed,
        };
        self.commands
            .send(Command::Submit(Box::new(submission)))
            .map_err(|_| SubmitError::ShutDown)?;
        Ok(Generation {
            events,
            dropped,
            commands: self.commands.clone(),
        })
    }

    /// A snapshot of its status.
    pub fn status(&self) -> EngineStatus {
        let mut status = *self.shared.status.lock().unwrap_or_else(PoisonError::into_inner);
        status.queued = self.shared.queued.load(Ordering::Acquire);
        status
    }

    /// Sets the number of threads of the model; 0 pauses after the current step.
    pub fn set_threads(&self, threads: usize) {
        // Cannot fail: the scheduler lives as long as this handle.
        let _ = self.commands.send(Command::Threads(threads));
    }

    /// Lets the model rest after the current step until there is work again.
    pub fn rest(&self) {
        let _ = self.commands.send(Command::Rest);
    }

    /// Drops all kept prefixes.
    pub fn forget_prefixes(&self) {
        let _ = self.commands.send(Command::Forget);
    }

    /// Accepts no more requests, and returns when the accepted ones are done.
    pub fn drain(self) {
        self.end(Command::Drain);
    }

    /// Cancels all requests with a failure, and returns when the thread has ended and prefixes are on disk.
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
            log::error!("the engine's thread panicked");
        }
    }
}

impl Drop for Engine {
    /// Does not wait, as the handle may be dropped where blocking is not allowed.
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        let _ = self.commands.send(Command::Shutdown);
    }
}
