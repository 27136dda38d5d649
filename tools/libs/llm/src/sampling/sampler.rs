//! Choosing the tokens of one sequence.

#![expect(
    clippy::float_cmp,
    reason = "the values that switch a parameter off are exact"
)]

use std::collections::{HashMap, HashSet};

use super::candidates::{Candidates, highest, maximum};
use super::parameters::Sampling;
use super::random::SplitMix;
use crate::model::exp;

/// A chosen token.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Its id.
    pub token: u32,
    /// The natural logarithm of the probability in the model's own distribution, before penalties, mask and temperature; only if
    /// requested.
    pub logprob: Option<f32>,
    /// The model's most likely tokens with their log-probabilities, best first.
    pub top: Vec<(u32, f32)>,
}

/// No token could be chosen: the mask allows none, or the logits are NaN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "no token can follow: the constraint allows none of the model's tokens, or the model's output is damaged"
)]
pub struct NothingToChoose;

/// Chooses the tokens of one sequence.
#[derive(Debug)]
pub struct Sampler {
    sampling: Sampling,
    random: SplitMix,
    prompt: HashSet<u32>,
    counts: HashMap<u32, u32>,
    changed: Vec<f32>,
    candidates: Candidates,
}

impl Sampler {
    /// A sampler for a sequence that continues `prompt`. `seed` is used if `sampling` has none.
    pub fn new(sampling: Sampling, prompt: &[u32], seed: u64) -> Sampler {
        let seed = sampling.seed.unwrap_or(seed);
        let prompt = if sampling.repetition_penalty == 1.0 {
            HashSet::new()
        } else {
            prompt.iter().copied().collect()
        };
        Sampler {
            sampling,
            random: SplitMix(seed),
            prompt,
            counts: HashMap::new(),
            changed: Vec::new(),
            candidates: Candidates::default(),
        }
    }

    /// The next token. `allowed` is a bit set of ids, 32 to a word; ids beyond its end are not allowed.
    ///
    /// With `top`, the result has log-probabilities, also of that many alternatives.
    pub fn choose(
        &mut self,
        logits: &[f32],
        allowed: Option<&[u32]>,
        top: Option<u8>,
    ) -> Result<Choice, NothingToChoose> {
        let mut changed = std::mem::take(&mut self.changed);
        let effective = if self.sampling.changes_logits() || allowed.is_some() {
            changed.clear();
            changed.extend_from_slice(logits);
            self.change(&mut changed);
            if let Some(allowed) = allowed {
                forbid(&mut changed, allowed);
            }
            &changed
        } else {
            logits
        };
        let token = if self.sampling.temperature == 0.0 {
            highest(effective)
        } else {
            self.candidates.draw(effective, &self.sampling, &mut self.random)
        };
        self.changed = changed;
        let token = token.ok_or(NothingToChoose)?;
        let (logprob, top) = match top {
            None => (None, Vec::new()),
            Some(count) => {
                let (logprob, top) = self.likelihood(logits, token, count);
                (Some(logprob), top)
            }
        };
        Ok(Choice { token, logprob, top })
    }

    /// The log-probability of a token in the model's own distribution, and the `count` most likely tokens with theirs, best first.
    pub fn likelihood(&mut self, logits: &[f32], token: u32, count: u8) -> (f32, Vec<(u32, f32)>) {
        let total = log_sum_exp(logits);
        let best = self.candidates.best(logits, usize::from(count)).iter();
        let best = best.map(|(id, logit)| (*id, logit - total)).collect();
        let logit = logits.get(token as usize).copied().unwrap_or(f32::NEG_INFINITY);
        (logit - total, best)
    }

    /// Records a token that has become part of the sequence.
    pub fn accept(&mut self, token: u32) {
        *self.counts.entry(token).or_default() += 1;
    }

    fn change(&self, logits: &mut [f32]) {
        let s = &self.sampling;
        if s.repetition_penalty != 1.0 {
            let seen = self
                .prompt
                .iter()
                .chain(self.counts.keys().filter(|t| !self.prompt.contains(t)));
            for &token in seen {
                if let Some(logit) = logits.get_mut(token as usize) {
                    *logit = if *logit > 0.0 {
                        *logit / s.repetition_penalty
                    } else {
                        *logit * s.repetition_penalty
                    };
                }
            }
        }
        for (&token, &count) in &self.counts {
            if let Some(logit) = logits.get_mut(token as usize) {
                #[expect(clippy::cast_precision_loss, reason = "a count of tokens is far below 2^24")]
                let count = count as f32;
                *logit -= s.presence_penalty + s.frequency_penalty * count;
            }
        }
        for &(token, bias) in &s.logit_bias {
            if let Some(logit) = logits.get_mut(token as usize) {
                *logit += bias;
            }
        }
    }
}

fn forbid(logits: &mut [f32], allowed: &[u32]) {
    let mut words = allowed.iter();
    for block in logits.chunks_mut(32) {
        let word = words.next().copied().unwrap_or(0);
        if word == u32::MAX {
            continue;
        }
        for (bit, logit) in block.iter_mut().enumerate() {
            if word >> bit & 1 == 0 {
                *logit = f32::NEG_INFINITY;
            }
        }
    }
}

fn log_sum_exp(logits: &[f32]) -> f32 {
    let max = maximum(logits);
    let sum: f64 = logits.iter().map(|l| f64::from(exp(l - max))).sum();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a logarithm of at most a few hundred thousand"
    )]
    let log = sum.ln() as f32;
    max + log
}
