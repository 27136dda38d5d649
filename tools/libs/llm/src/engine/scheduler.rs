//! The thread that owns all states.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::active::Active;
use super::disk_tier::DiskTier;
use super::draft::Recycled;
use super::options::EngineOptions;
use super::pace::{Pace, best_width};
use super::prefix::PrefixCache;
use super::request::{Event, FinishReason, Usage};
use super::status::{EngineStatus, Shared};
use super::submission::{Command, Submission};
use crate::inference::{Forward, Shape, State, Step, Wanted};
use crate::tokenizer::Tokenizer;

/// The time of work after which a model that could not wake completely is woken again.
const WAKE_AGAIN: Duration = Duration::from_mins(1);

/// A sequence with at most this many unseen tokens is in decode, or close to it, and is never delayed by a prefill.
const FEW: usize = 32;

/// The most tokens of a scored prompt in a step: each has a row of logits.
const SCORED: usize = 16;

pub(super) struct Scheduler<M: Forward> {
    model: Arc<M>,
    tokenizer: Arc<Tokenizer>,
    options: EngineOptions,
    shape: Shape,
    inbox: Receiver<Command>,
    shared: Arc<Shared>,
    waiting: VecDeque<Submission>,
    running: Vec<Active<M::Sequence>>,
    prefixes: PrefixCache<M::Sequence>,
    recycled: Recycled,
    pace: Pace,
    status: EngineStatus,
    /// The time from which on the model is woken when there is work; `None` while it is awake.
    wake_from: Option<Instant>,
    draining: bool,
    stopped: bool,
}

impl<M: Forward> Scheduler<M> {
    pub(super) fn new(
        model: Arc<M>,
        tokenizer: Arc<Tokenizer>,
        options: EngineOptions,
        inbox: Receiver<Command>,
        shared: Arc<Shared>,
    ) -> Scheduler<M> {
        let shape = model.shape();
        let threads = options.threads;
        if threads > 0 {
            model.set_threads(threads);
        }
        Scheduler {
            prefixes: prefixes(&model, &options),
            recycled: Recycled::new(if options.draft_width > 0 {
                shape.vocabulary
            } else {
                0
            }),
            pace: Pace::new(),
            status: EngineStatus {
                threads,
                ..EngineStatus::default()
            },
            model,
            tokenizer,
            options,
            shape,
            inbox,
            shared,
            waiting: VecDeque::new(),
            running: Vec::new(),
            wake_from: Some(Instant::now()),
            draining: false,
            stopped: false,
        }
    }

    pub(super) fn run(mut self) {
        loop {
            self.publish();
            self.receive();
            self.drop_unwanted();
            if self.stopped || (self.draining && self.running.is_empty() && self.waiting.is_empty()) {
                break;
            }
            if self.status.threads > 0 {
                self.admit();
                self.wake();
                self.step();
            }
        }
        self.shared.closed.store(true, Ordering::Release);
        while let Ok(command) = self.inbox.try_recv() {
            self.obey(command);
        }
        for submission in self
            .waiting
            .drain(..)
            .chain(self.running.drain(..).map(|a| a.submission))
        {
            submission.send(Event::Failed("the engine was shut down".into()));
        }
        self.prefixes.save_all();
        self.shared.queued.store(0, Ordering::Release);
        self.publish();
    }

    /// Receives commands; blocks while idle.
    fn receive(&mut self) {
        let idle = self.status.threads == 0 || (self.running.is_empty() && self.waiting.is_empty());
        if idle && !self.draining || self.draining && self.status.threads == 0 {
            self.await_command();
        }
        loop {
            match self.inbox.try_recv() {
                Ok(command) => self.obey(command),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {
                    self.stopped = true;
                    return;
                }
            }
        }
    }

    /// Blocks until there is a command. The model rests if that takes long.
    fn await_command(&mut self) {
        let patience = self.options.rest_after.filter(|_| self.wake_from.is_none());
        let received = match patience {
            Some(patience) => self.inbox.recv_timeout(patience),
            None => self.inbox.recv().map_err(Into::into),
        };
        match received {
            Ok(command) => self.obey(command),
            Err(RecvTimeoutError::Disconnected) => self.stopped = true,
            Err(RecvTimeoutError::Timeout) => self.rest(),
        }
    }

    fn rest(&mut self) {
        self.model.rest();
        self.wake_from = Some(Instant::now());
    }

    /// Wakes the model if there is work.
    fn wake(&mut self) {
        let due = self.wake_from.is_some_and(|from| from <= Instant::now());
        if due && !self.running.is_empty() {
            let done = self.model.wake();
            self.wake_from = (!done).then(|| Instant::now() + WAKE_AGAIN);
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Submit(submission) => self.waiting.push_back(*submission),
            Command::Wake => {}
            Command::Threads(threads) => {
                if threads > 0 {
                    self.model.set_threads(threads);
                }
                if self.status.threads != threads {
                    self.pace.forget();
                }
                self.status.threads = threads;
            }
            Command::Rest => self.rest(),
            Command::Forget => self.prefixes.clear_all(),
            Command::Drain => self.draining = true,
            Command::Shutdown => self.stopped = true,
        }
    }

    /// Removes cancelled requests. Their states are kept as prefixes.
    fn drop_unwanted(&mut self) {
        let before = self.waiting.len();
        self.waiting.retain(|submission| !submission.is_dropped());
        self.shared
            .queued
            .fetch_sub(before - self.waiting.len(), Ordering::AcqRel);
        let mut at = 0;
        while at < self.running.len() {
            if self.running[at].submission.is_dropped() {
                self.retire(at);
            } else {
                at += 1;
            }
        }
    }

    /// Starts queued requests in order, as long as they fit.
    fn admit(&mut self) {
        while self.running.len() < self.options.parallel.max(1) {
            let reserved: usize = self.running.iter().map(|a| a.submission.reserved).sum();
            let fits = |submission: &Submission| {
                reserved.saturating_add(submission.reserved) <= self.options.state_bytes
            };
            if !self.waiting.front().is_some_and(fits) {
                break;
            }
            let Some(submission) = self.waiting.pop_front() else {
                break;
            };
            self.shared.queued.fetch_sub(1, Ordering::AcqRel);
            let prompt = submission.request.prompt.len();
            let scored = submission.request.prompt_logprobs.is_some();
            if submission.request.max_tokens == 0 && !scored {
                let usage = Usage {
                    prompt,
                    ..Usage::default()
                };
                submission.send(Event::Finished {
                    text: String::new(),
                    reason: FinishReason::Length,
                    stop: None,
                    usage,
                });
                continue;
            }
            // The last token is always computed, as logits are not kept; all are where all are scored.
            let kept = if scored { 0 } else { prompt - 1 };
            let sequence = self
                .prefixes
                .find(submission.request.owner, &submission.request.prompt, kept)
                .unwrap_or_else(|| self.model.sequence());
            self.status.cached_tokens += sequence.len() as u64;
            self.running
                .push(Active::new(submission, sequence, &self.tokenizer));
        }
    }

    /// Runs one forward pass over all sequences.
    fn step(&mut self) {
        if self.running.is_empty() {
            return;
        }
        let plan = self.plan();
        // Drafting, and sampling from more rows, is part of the cost of drafts.
        let began = Instant::now();
        self.draft(&plan);
        let vocabulary = self.shape.vocabulary;
        let mut batch = Vec::with_capacity(plan.len());
        let (mut prefilled, mut rows) = (0, 0);
        for (active, &take) in self.running.iter_mut().zip(&plan).filter(|(_, take)| **take > 0) {
            let seen = active.sequence.len();
            let reaches_end = seen + take == active.tokens.len();
            let logits = match (reaches_end, active.drafts.is_empty()) {
                _ if active.scores() => Wanted::All,
                (false, _) => Wanted::None,
                (true, true) => Wanted::Last,
                (true, false) => Wanted::All,
            };
            prefilled += active.prompt.saturating_sub(seen).min(take);
            let end = seen + take + if reaches_end { active.drafts.len() } else { 0 };
            rows += end - seen;
            active.logits.clear();
            active.tokens.extend_from_slice(&active.drafts);
            batch.push(Step {
                sequence: &mut active.sequence,
                tokens: &active.tokens[seen..end],
                logits,
                out: &mut active.logits,
            });
        }
        let started = Instant::now();
        let result = self.model.forward(&mut batch);
        drop(batch);
        let took = started.elapsed();
        self.status.steps += 1;
        self.status.prompt_tokens += prefilled as u64;
        let mut generated = 0;
        let mut ended = Vec::new();
        for (index, (active, &take)) in self.running.iter_mut().zip(&plan).enumerate() {
            if take == 0 {
                continue;
            }
            let decided = active.tokens.len() - active.drafts.len();
            active.tokens.truncate(decided);
            if let Err(error) = &result {
                active
                    .submission
                    .send(Event::Failed(format!("the model failed: {error}")));
                ended.push((index, false));
                continue;
            }
            let seen = active.sequence.len();
            if seen <= active.prompt && keeps(&self.shape, &self.options, active, seen) {
                let owner = active.submission.request.owner;
                self.prefixes
                    .insert(owner, &active.tokens[..seen], active.sequence.fork());
            }
            let start = seen - take - active.drafts.len();
            if start < active.prompt {
                active.score(start, vocabulary);
            }
            if seen < decided {
                continue;
            }
            if active.submission.request.max_tokens == 0 {
                active.finish(FinishReason::Length);
                ended.push((index, true));
                continue;
            }
            if active.submission.request.speculate {
                active.teach(vocabulary, &mut self.recycled);
            }
            self.status.drafted_tokens += active.drafts.len() as u64;
            let progress = active.advance(vocabulary, self.shape.context, &self.tokenizer);
            self.status.accepted_tokens += progress.accepted as u64;
            generated += progress.generated;
            if progress.ended {
                ended.push((index, true));
            }
        }
        for (index, good) in ended.into_iter().rev() {
            if good {
                self.retire(index);
            } else {
                self.running.remove(index);
            }
        }
        if prefilled == 0 && result.is_ok() {
            self.pace.learn(rows, began.elapsed().as_secs_f64());
        }
        self.count(generated, prefilled, took);
    }

    /// The number of unseen tokens that each sequence is fed in this step.
    fn plan(&mut self) -> Vec<usize> {
        let decoding = self.running.iter().any(|a| a.unseen() <= FEW);
        let mut left = if decoding {
            self.options.shared_chunk
        } else {
            self.options.chunk
        }
        .max(1);
        let (shape, options) = (&self.shape, &self.options);
        self.running
            .iter_mut()
            .map(|active| {
                let unseen = active.unseen();
                let take = if unseen <= FEW { unseen } else { unseen.min(left) };
                let take = if active.scores() { take.min(SCORED) } else { take };
                let take = until_kept(shape, options, active, take);
                if unseen > FEW {
                    left -= take;
                }
                take
            })
            .collect()
    }

    /// Drafts tokens for the sequences in decode, as far as that makes them faster.
    fn draft(&mut self, plan: &[usize]) {
        let always = self.options.draft_always;
        if self.options.draft_width == 0 || !always && self.pace.is_plain() {
            return;
        }
        let in_decode = |(active, take): &(&mut Active<M::Sequence>, &usize)| {
            **take == active.unseen() && active.unseen() <= FEW
        };
        let decoding = self.running.iter_mut().zip(plan).filter(in_decode).count();
        let each = self.options.draft_width.checked_div(decoding).unwrap_or(0);
        let (pace, replays) = (&self.pace, !self.shape.rewindable);
        let mut rows: usize = plan.iter().sum();
        for (active, _) in self.running.iter_mut().zip(plan).filter(in_decode) {
            if active.submission.request.speculate {
                let best = |rate: f64, most: usize| {
                    if always {
                        return most;
                    }
                    best_width(rate, rows.saturating_sub(1), most, replays, |rows| {
                        pace.seconds(rows)
                    })
                };
                active.draft(each, self.shape.context, &self.recycled, &self.tokenizer, best);
                rows += active.drafts.len();
                if replays && !active.drafts.is_empty() {
                    active.checkpoint = Some(active.sequence.fork());
                }
            }
        }
    }

    /// Removes a sequence and keeps its state as a prefix.
    fn retire(&mut self, index: usize) {
        let active = self.running.remove(index);
        let seen = active.sequence.len();
        let seen = seen.min(active.tokens.len());
        self.prefixes.insert(
            active.submission.request.owner,
            &active.tokens[..seen],
            active.sequence,
        );
    }

    fn count(&mut self, generated: usize, prefilled: usize, took: Duration) {
        self.status.generated_tokens += generated as u64;
        if generated > 0 && prefilled == 0 && !took.is_zero() {
            #[expect(clippy::cast_precision_loss, reason = "a few tokens")]
            let now = generated as f64 / took.as_secs_f64();
            let before = self.status.tokens_per_second;
            self.status.tokens_per_second = if before == 0.0 {
                now
            } else {
                before * 0.9 + now * 0.1
            };
        }
    }

    fn publish(&mut self) {
        self.status.running = self.running.len();
        self.status.reserved_bytes = self.running.iter().map(|a| a.submission.reserved).sum();
        self.status.prefix_bytes = self.prefixes.bytes() + self.prefixes.waiting_bytes();
        self.status.prefixes = self.prefixes.entries();
        *self.shared.status.lock().unwrap_or_else(PoisonError::into_inner) = self.status;
    }
}

/// The kept prefixes, including those on disk. Without a usable folder the engine runs without a disk tier.
fn prefixes<M: Forward>(model: &Arc<M>, options: &EngineOptions) -> PrefixCache<M::Sequence> {
    let mut prefixes = PrefixCache::new(options.prefix_bytes, model.shape().rewindable);
    if let Some(options) = &options.disk_tier {
        let model = Arc::clone(model);
        let opened = DiskTier::open(options.clone()).and_then(|disk_tier| {
            prefixes.add_disk_tier(disk_tier, Box::new(move |bytes| model.restore(bytes)))
        });
        if let Err(error) = opened {
            log::warn!("cannot keep prefixes in {}: {error}", options.folder.display());
        }
    }
    prefixes
}

/// Whether to keep the state after `seen` tokens of the prompt. A state that can be truncated is kept only at the end.
fn keeps<S: State>(shape: &Shape, options: &EngineOptions, active: &Active<S>, seen: usize) -> bool {
    seen == active.prompt
        || !shape.rewindable
            && (active.submission.request.boundaries.contains(&seen)
                || options.snapshot_every > 0 && seen.is_multiple_of(options.snapshot_every))
}

/// `take`, limited to the tokens up to the next state to keep.
fn until_kept<S: State>(shape: &Shape, options: &EngineOptions, active: &Active<S>, take: usize) -> usize {
    let seen = active.sequence.len();
    if shape.rewindable || seen >= active.prompt {
        return take;
    }
    let mut next = seen + take;
    if let Some(before) = seen.checked_div(options.snapshot_every) {
        next = next.min((before + 1) * options.snapshot_every);
    }
    for &boundary in &active.submission.request.boundaries {
        if boundary > seen {
            next = next.min(boundary);
        }
    }
    next - seen
}
