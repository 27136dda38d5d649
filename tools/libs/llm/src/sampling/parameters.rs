//! Sampling parameters.

#![expect(clippy::float_cmp, reason = "the values that disable a parameter are exact")]

/// Sampling parameters of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// 0 takes the most likely token; 1 samples from the model's own distribution.
    pub temperature: f32,
    /// Keeps this many most likely tokens; 0 keeps all.
    pub top_k: usize,
    /// Keeps the most likely tokens with this total probability; 1 keeps all.
    pub top_p: f32,
    /// Keeps tokens whose probability is at least this share of the highest; 0 keeps all.
    pub min_p: f32,
    /// Divides the positive logits of tokens in the prompt or the text, and multiplies the negative ones; 1 disables it.
    pub repetition_penalty: f32,
    /// Subtracted from the logit of every token in the generated text.
    pub presence_penalty: f32,
    /// Subtracted from the logit of a token for each occurrence in the generated text.
    pub frequency_penalty: f32,
    /// Added to the logits of these tokens.
    pub logit_bias: Vec<(u32, f32)>,
    /// The same seed gives the same text; `None` takes a random one.
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

/// A parameter is out of range.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("`{parameter}` must be {range}, not {value}")]
pub struct SamplingError {
    /// Its name in the interfaces.
    pub parameter: &'static str,
    /// The allowed range.
    pub range: &'static str,
    /// The rejected value.
    pub value: f32,
}

impl Sampling {
    /// Always takes the most likely token.
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

    pub(super) fn changes_logits(&self) -> bool {
        !self.logit_bias.is_empty()
            || self.repetition_penalty != 1.0
            || self.presence_penalty != 0.0
            || self.frequency_penalty != 0.0
    }
}
