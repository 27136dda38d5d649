//! One sequence in prefill or decode.

use std::sync::Arc;

use super::draft::{Record, Recycled, Source, lookup};
use super::request::{Event, FinishReason, Scored, Usage};
use super::stop::StopTexts;
use super::submission::Submission;
use crate::constraint::Constraint;
use crate::inference::State;
use crate::sampling::{Choice, Sampler, highest};
use crate::tokenizer::{Decoder, Tokenizer};

/// A running request with its state.
///
/// `tokens` holds the decided tokens: the prompt and the output so far. The state has seen a beginning of them; the rest is fed next,
/// whether it is the prompt, the last output token, or a replay after a wrong draft.
#[derive(Debug)]
pub(super) struct Active<S> {
    pub(super) submission: Submission,
    pub(super) sequence: S,
    pub(super) tokens: Vec<u32>,
    pub(super) prompt: usize,
    /// Draft tokens fed after `tokens` in this step.
    pub(super) drafts: Vec<u32>,
    /// The state before the drafts, if it cannot be truncated.
    pub(super) checkpoint: Option<S>,
    pub(super) logits: Vec<f32>,
    pub(super) constraint: Option<Constraint>,
    pub(super) record: Record,
    /// The source of the drafts.
    source: Source,
    cached: usize,
    sampler: Sampler,
    decoder: Decoder,
    stop: StopTexts,
    /// The whole text, if it is validated at its end.
    text: String,
}

/// The result of a step for one sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Progress {
    /// Output tokens.
    pub(super) generated: usize,
    /// Accepted drafts.
    pub(super) accepted: usize,
    /// Whether its last event has been sent.
    pub(super) ended: bool,
}

impl<S: State> Active<S> {
    /// Starts a request. `sequence` has seen a beginning of the prompt, or nothing.
    pub(super) fn new(mut submission: Submission, sequence: S, tokenizer: &Arc<Tokenizer>) -> Active<S> {
        let tokens = std::mem::take(&mut submission.request.prompt);
        let sampler = Sampler::new(submission.request.sampling.clone(), &tokens, submission.seed);
        let exempt = submission.request.stop_exempt.take();
        let stop = StopTexts::new(std::mem::take(&mut submission.request.stop), exempt);
        Active {
            constraint: submission.request.constraint.take(),
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
            submission,
        }
    }

    /// The number of tokens that the state has not seen.
    pub(super) fn unseen(&self) -> usize {
        self.tokens.len() - self.sequence.len()
    }

    /// Whether the next tokens of the prompt are scored.
    pub(super) fn scores(&self) -> bool {
        self.submission.request.prompt_logprobs.is_some() && self.sequence.len() < self.prompt
    }

    /// Sends the log-probabilities of the prompt's tokens that follow those of this step's logits. The first of these is number `first`.
    pub(super) fn score(&mut self, first: usize, vocabulary: usize) {
        let Some(count) = self.submission.request.prompt_logprobs else {
            return;
        };
        let following = self.tokens[..self.prompt].iter().skip(first + 1);
        let scored: Vec<Scored> = self
            .logits
            .chunks_exact(vocabulary)
            .zip(following)
            .map(|(row, &id)| {
                let (logprob, top) = self.sampler.likelihood(row, id, count);
                Scored { id, logprob, top }
            })
            .collect();
        if !scored.is_empty() {
            self.submission.send(Event::Prompt(scored));
        }
    }

    /// Records which token most likely follows each of those that this step has logits for.
    pub(super) fn teach(&self, vocabulary: usize, recycled: &mut Recycled) {
        let rows = self.logits.chunks_exact(vocabulary);
        let fed = self.tokens.len() + self.drafts.len();
        let tokens = self.tokens.iter().chain(&self.drafts);
        for (row, &token) in rows.clone().zip(tokens.skip(fed.saturating_sub(rows.len()))) {
            if let Some(next) = highest(row) {
                recycled.learn(token, next);
            }
        }
    }

    /// The number of tokens that may still be generated.
    pub(super) fn room(&self, context: usize) -> usize {
        let generated = self.tokens.len() - self.prompt;
        self.submission
            .request
            .max_tokens
            .saturating_sub(generated)
            .min(context.saturating_sub(self.tokens.len()))
    }

    /// Drafts at most `most` tokens to be fed after the decided ones. `best` gives the number that pays for an acceptance rate.
    pub(super) fn draft(
        &mut self,
        most: usize,
        context: usize,
        recycled: &Recycled,
        tokenizer: &Tokenizer,
        best: impl Fn(f64, usize) -> usize,
    ) {
        self.drafts.clear();
        // A step yields one token even without drafts.
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

    /// Samples tokens from this step's logits: one, and one more for each accepted draft. Then rewinds the state to the decided
    /// tokens.
    pub(super) fn advance(&mut self, vocabulary: usize, context: usize, tokenizer: &Tokenizer) -> Progress {
        let logits = std::mem::take(&mut self.logits);
        let decided = self.tokens.len();
        let first = (logits.len() / vocabulary).saturating_sub(1 + self.drafts.len());
        let mut progress = Progress {
            generated: 0,
            accepted: 0,
            ended: false,
        };
        loop {
            let row = first + progress.accepted;
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
            let accepted = self.drafts.get(progress.accepted) == Some(&token) && !tokenizer.is_end(token);
            progress.accepted += usize::from(accepted);
            if progress.ended || !accepted {
                break;
            }
        }
        self.record
            .learn(self.source, self.drafts.len(), progress.accepted);
        self.rewind(decided + progress.accepted);
        self.logits = logits;
        progress
    }

    fn choose(&mut self, row: &[f32]) -> Result<Choice, String> {
        let allowed = match &mut self.constraint {
            Some(constraint) => Some(constraint.allowed().map_err(|e| e.to_string())?),
            None => None,
        };
        self.sampler
            .choose(row, allowed, self.submission.request.top_logprobs)
            .map_err(|e| e.to_string())
    }

    fn fail(&self, reason: &str) {
        self.submission.send(Event::Failed(reason.to_owned()));
    }

    /// Appends a token. Returns whether that ended the text.
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
        progress.generated += 1;
        let decoded = self.decoder.push(token);
        let (text, stopped) = self.stop.push(&decoded);
        if self.constraint.is_some() {
            self.text.push_str(&text);
        }
        if !self.submission.send(Event::Token {
            id: token,
            text,
            logprob,
            top,
        }) {
            return true;
        }
        if stopped {
            self.submission.send(Event::Finished {
                text: String::new(),
                reason: FinishReason::Stop,
                stop: self.stop.found(),
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

    /// Sends the last event.
    pub(super) fn finish(&mut self, reason: FinishReason) {
        let rest = self.decoder.finish();
        let (mut text, stopped) = self.stop.push(&rest);
        if !stopped {
            text.push_str(&self.stop.finish());
        }
        // A text cut off by its length is incomplete and cannot be validated.
        if let (FinishReason::Stop, Some(constraint)) = (reason, &self.constraint) {
            self.text.push_str(&text);
            if let Err(error) = constraint.validate(&self.text) {
                self.fail(&error.to_string());
                return;
            }
        }
        self.submission.send(Event::Finished {
            text,
            reason,
            stop: self.stop.found(),
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

    /// Rewinds the state to `len` tokens if it has seen wrong drafts. A state that cannot be truncated is reset to its checkpoint
    /// and sees the accepted drafts again in the next step.
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
                    log::error!("cannot rewind after a wrong draft: {cannot}");
                }
            }
        }
    }
}
