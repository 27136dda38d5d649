//! One text that is being read or written.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc::UnboundedSender;

use super::draft::{Record, Recycled, Source, lookup};
use super::forward::State;
use super::request::{Event, FinishReason, Request, Usage};
use super::stop::StopTexts;
use crate::constraint::Constraint;
use crate::sampling::{Choice, Sampler};
use crate::tokenizer::{Decoder, Tokenizer};

/// A request that waits for its turn.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) request: Request,
    pub(super) seed: u64,
    pub(super) events: UnboundedSender<Event>,
    pub(super) dropped: Arc<AtomicBool>,
    /// What its state may grow to.
    pub(super) reserved: usize,
}

impl Job {
    pub(super) fn is_dropped(&self) -> bool {
        self.dropped.load(Ordering::Acquire)
    }

    /// Sends an event; whether anybody still wants it.
    pub(super) fn send(&self, event: Event) -> bool {
        self.events.send(event).is_ok()
    }
}

/// A text with its state.
///
/// `tokens` is what has been decided: the prompt and what was written. The state has seen a beginning of it; what it has not seen is
/// fed next, whether that is the prompt, the last written token, or a replay after a wrong guess.
#[derive(Debug)]
pub(super) struct Active<S> {
    pub(super) job: Job,
    pub(super) sequence: S,
    pub(super) tokens: Vec<u32>,
    pub(super) prompt: usize,
    /// Guesses that are fed behind the tokens in this step.
    pub(super) drafts: Vec<u32>,
    /// The state before the guesses, where it cannot be shortened.
    pub(super) checkpoint: Option<S>,
    pub(super) logits: Vec<f32>,
    pub(super) constraint: Option<Constraint>,
    pub(super) record: Record,
    /// Where the guesses come from.
    source: Source,
    cached: usize,
    sampler: Sampler,
    decoder: Decoder,
    stop: StopTexts,
    /// The whole text, where it is checked at its end.
    text: String,
}

/// What became of a text in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Progress {
    /// Tokens written.
    pub(super) written: usize,
    /// Guesses that were right.
    pub(super) right: usize,
    /// Its last event is sent.
    pub(super) ended: bool,
}

impl<S: State> Active<S> {
    /// `sequence` has seen a beginning of the prompt, or nothing.
    pub(super) fn new(mut job: Job, sequence: S, tokenizer: &Arc<Tokenizer>) -> Active<S> {
        let tokens = std::mem::take(&mut job.request.prompt);
        let sampler = Sampler::new(job.request.sampling.clone(), &tokens, job.seed);
        let stop = StopTexts::new(std::mem::take(&mut job.request.stop));
        Active {
            constraint: job.request.constraint.take(),
            text: String::new(),
            record: Record::new(),
            source: Source::Lookup,
            cached: sequence.len(),
            prompt: tokens.len(),
            sampler,
            decoder: Decoder::new(Arc::clone(tokenizer), false),
            stop,
            tokens,
            sequence,
            drafts: Vec::new(),
            checkpoint: None,
            logits: Vec::new(),
            job,
        }
    }

    /// Tokens that the state has not seen.
    pub(super) fn unseen(&self) -> usize {
        self.tokens.len() - self.sequence.len()
    }

    /// Tokens that may still be written.
    pub(super) fn room(&self, context: usize) -> usize {
        let written = self.tokens.len() - self.prompt;
        self.job
            .request
            .max_tokens
            .saturating_sub(written)
            .min(context.saturating_sub(self.tokens.len()))
    }

    /// Guesses at most `most` tokens to be fed behind the decided ones. `best` says how many pay at a likelihood of being right.
    pub(super) fn guess(
        &mut self,
        most: usize,
        context: usize,
        recycled: &Recycled,
        tokenizer: &Tokenizer,
        best: impl Fn(f64, usize) -> usize,
    ) {
        self.drafts.clear();
        // One token is chosen from the step whatever was guessed.
        let most = most.min(self.room(context).saturating_sub(1));
        if most == 0 {
            return;
        }
        if let Some(constraint) = &mut self.constraint {
            self.drafts = constraint.forced();
            self.source = Source::Forced;
        }
        if self.drafts.is_empty() {
            self.drafts.extend_from_slice(lookup(&self.tokens, most));
            self.source = Source::Lookup;
        }
        if self.drafts.is_empty()
            && let Some(&last) = self.tokens.last()
        {
            self.drafts = recycled.chain(last, most);
            self.source = Source::Recycled;
        }
        self.drafts.truncate(most);
        let usable = self.drafts.iter().take_while(|t| !tokenizer.is_end(**t)).count();
        self.drafts.truncate(usable);
        if self.drafts.is_empty() {
            return;
        }
        let pays = best(self.record.rate(self.source), self.drafts.len());
        self.drafts.truncate(self.record.width(pays));
        if self.source != Source::Forced
            && let Some(constraint) = &mut self.constraint
        {
            let allowed = constraint.allows(&self.drafts);
            self.drafts.truncate(allowed);
        }
    }

    /// Chooses tokens from this step's logits: one, and one more for each guess that was right. Then takes the state back to what
    /// has been decided.
    pub(super) fn advance(&mut self, vocabulary: usize, context: usize, tokenizer: &Tokenizer) -> Progress {
        let logits = std::mem::take(&mut self.logits);
        let decided = self.tokens.len();
        let first = (logits.len() / vocabulary).saturating_sub(1 + self.drafts.len());
        let mut progress = Progress {
            written: 0,
            right: 0,
            ended: false,
        };
        loop {
            let row = first + progress.right;
            let Some(row) = logits.get(row * vocabulary..(row + 1) * vocabulary) else {
                self.fail("the model gave fewer logits than were asked for");
                progress.ended = true;
                break;
            };
            let choice = match self.choose(row) {
                Ok(choice) => choice,
                Err(reason) => {
                    self.fail(&reason);
                    progress.ended = true;
                    break;
                }
            };
            let token = choice.token;
            progress.ended = self.write(choice, context, tokenizer, &mut progress);
            let guessed = self.drafts.get(progress.right) == Some(&token) && !tokenizer.is_end(token);
            progress.right += usize::from(guessed);
            if progress.ended || !guessed {
                break;
            }
        }
        self.record.learn(self.source, self.drafts.len(), progress.right);
        self.rewind(decided + progress.right);
        self.logits = logits;
        progress
    }

    fn choose(&mut self, row: &[f32]) -> Result<Choice, String> {
        let allowed = match &mut self.constraint {
            Some(constraint) => Some(constraint.allowed().map_err(|e| e.to_string())?),
            None => None,
        };
        self.sampler
            .choose(row, allowed, self.job.request.top_logprobs)
            .map_err(|e| e.to_string())
    }

    fn fail(&self, reason: &str) {
        self.job.send(Event::Failed(reason.to_owned()));
    }

    /// Adds a token to the text; whether that ended it.
    fn write(
        &mut self,
        choice: Choice,
        context: usize,
        tokenizer: &Tokenizer,
        progress: &mut Progress,
    ) -> bool {
        let Choice { token, logprob, top } = choice;
        if tokenizer.is_end(token) {
            self.finish(FinishReason::Stop);
            return true;
        }
        if let Some(constraint) = &mut self.constraint
            && let Err(error) = constraint.accept(token)
        {
            self.fail(&error.to_string());
            return true;
        }
        self.sampler.accept(token);
        self.tokens.push(token);
        progress.written += 1;
        let decoded = self.decoder.push(token);
        let (text, stopped) = self.stop.push(&decoded);
        if self.constraint.is_some() {
            self.text.push_str(&text);
        }
        if !self.job.send(Event::Token {
            id: token,
            text,
            logprob,
            top,
        }) {
            return true;
        }
        if stopped {
            self.job.send(Event::Finished {
                text: String::new(),
                reason: FinishReason::Stop,
                usage: self.usage(),
            });
            return true;
        }
        if self.constraint.as_ref().is_some_and(Constraint::is_complete) {
            self.finish(FinishReason::Stop);
            return true;
        }
        if self.room(context) == 0 {
            self.finish(FinishReason::Length);
            return true;
        }
        false
    }

    fn finish(&mut self, reason: FinishReason) {
        let rest = self.decoder.finish();
        let (mut text, stopped) = self.stop.push(&rest);
        if !stopped {
            text.push_str(&self.stop.finish());
        }
        // A text that was cut off is none that the constraint has accepted.
        if let (FinishReason::Stop, Some(constraint)) = (reason, &self.constraint) {
            self.text.push_str(&text);
            if let Err(error) = constraint.validate(&self.text) {
                self.fail(&error.to_string());
                return;
            }
        }
        self.job.send(Event::Finished {
            text,
            reason,
            usage: self.usage(),
        });
    }

    fn usage(&self) -> Usage {
        Usage {
            prompt: self.prompt,
            cached: self.cached,
            completion: self.tokens.len() - self.prompt,
        }
    }

    /// Takes the state back to `len` tokens where it has seen wrong guesses; a state that cannot be shortened goes back to its
    /// checkpoint and sees the right ones again in the next step.
    fn rewind(&mut self, len: usize) {
        let checkpoint = self.checkpoint.take();
        self.drafts.clear();
        if self.sequence.len() <= len {
            return;
        }
        match checkpoint {
            Some(before) => self.sequence = before,
            None => {
                if let Err(cannot) = self.sequence.truncate(len) {
                    log::error!("a guess cannot be taken back: {cannot}");
                }
            }
        }
    }
}
