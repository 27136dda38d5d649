//! From logits to the next token.
//!
//! The order is: penalties and bias, the mask of a constraint, temperature, top-k, top-p, min-p, and one draw. A temperature of
//! zero takes the highest logit, of equal ones the lowest id. Each choice draws at most one number, so a seed gives the same text
//! on one machine however the tokens were batched.

#![expect(
    clippy::float_cmp,
    reason = "the values that switch a parameter off are exact"
)]

mod candidates;

use std::collections::{HashMap, HashSet};

use candidates::{Candidates, maximum};

use crate::model::exp;

pub use candidates::highest;

/// What a request wants of its choices.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// 0 takes the most likely token; 1 samples from the model's distribution.
    pub temperature: f32,
    /// Only this many most likely tokens; 0 for all.
    pub top_k: usize,
    /// Only the most likely tokens that make up this share; 1 for all.
    pub top_p: f32,
    /// Only tokens at least this share as likely as the most likely one; 0 for all.
    pub min_p: f32,
    /// Divides the positive logits of tokens in the prompt or the text, multiplies the negative ones; 1 for none.
    pub repetition_penalty: f32,
    /// Taken from the logit of every token in the generated text.
    pub presence_penalty: f32,
    /// Taken from the logit of a token for each time it is in the generated text.
    pub frequency_penalty: f32,
    /// Added to the logits of these tokens.
    pub logit_bias: Vec<(u32, f32)>,
    /// The same seed gives the same text; none takes one at random.
    pub seed: Option<u64>,
}

impl Default for Sampling {
    fn default() -> Self {
        Sampling {
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            logit_bias: Vec::new(),
            seed: None,
        }
    }
}

/// A parameter that makes no sense.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("`{parameter}` must be {range}, not {value}")]
pub struct SamplingError {
    /// Its name in the interfaces.
    pub parameter: &'static str,
    /// What it may be.
    pub range: &'static str,
    /// What it was.
    pub value: f32,
}

impl Sampling {
    /// Always the most likely token.
    pub fn greedy() -> Sampling {
        Sampling {
            temperature: 0.0,
            ..Sampling::default()
        }
    }

    /// Whether every parameter is in its range.
    pub fn check(&self) -> Result<(), SamplingError> {
        let within = |parameter, range, value: f32, ok: bool| {
            if ok && value.is_finite() {
                Ok(())
            } else {
                Err(SamplingError {
                    parameter,
                    range,
                    value,
                })
            }
        };
        within(
            "temperature",
            "from 0 to 100",
            self.temperature,
            (0.0..=100.0).contains(&self.temperature),
        )?;
        within(
            "top_p",
            "above 0 and at most 1",
            self.top_p,
            self.top_p > 0.0 && self.top_p <= 1.0,
        )?;
        within(
            "min_p",
            "from 0 to 1",
            self.min_p,
            (0.0..=1.0).contains(&self.min_p),
        )?;
        within(
            "repetition_penalty",
            "above 0",
            self.repetition_penalty,
            self.repetition_penalty > 0.0,
        )?;
        within("presence_penalty", "a number", self.presence_penalty, true)?;
        within("frequency_penalty", "a number", self.frequency_penalty, true)?;
        self.logit_bias
            .iter()
            .try_for_each(|(_, bias)| within("logit_bias", "a number", *bias, true))
    }

    fn changes_logits(&self) -> bool {
        !self.logit_bias.is_empty()
            || self.repetition_penalty != 1.0
            || self.presence_penalty != 0.0
            || self.frequency_penalty != 0.0
    }
}

/// A chosen token.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Its id.
    pub token: u32,
    /// The natural logarithm of the likelihood that the model itself gave it, before penalties, mask and temperature; only when
    /// asked for.
    pub logprob: Option<f32>,
    /// The model's most likely tokens with theirs, best first.
    pub top: Vec<(u32, f32)>,
}

/// No token could be chosen: the mask allows none, or the logits are no numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "no token can follow: the constraint allows none that the model has, or the model's output is damaged"
)]
pub struct NothingToChoose;

/// Chooses the tokens of one text.
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
    /// For a text that goes on from `prompt`. `seed` is used when `sampling` has none.
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

    /// The next token. `allowed` is a set of ids as bits, 32 to a word; ids beyond its end are not in it.
    ///
    /// With `top` the logarithms of the likelihoods come along, and that many alternatives.
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
                let total = log_sum_exp(logits);
                let best = self.candidates.best(logits, usize::from(count)).iter();
                let best = best.map(|(id, logit)| (*id, logit - total)).collect();
                (Some(logits[token as usize] - total), best)
            }
        };
        Ok(Choice { token, logprob, top })
    }

    /// Takes note of a token that has become part of the text.
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

/// `SplitMix64` (Steele, Lea and Flood, 2014).
#[derive(Debug, Clone)]
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 up to, but not including, 1.
    fn unit(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let bits = (self.next() >> 11) as f64;
        bits / 9_007_199_254_740_992.0
    }
}

#[cfg(test)]
mod tests;
