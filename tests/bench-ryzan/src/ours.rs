//! The engine under test, without server and tokenizer: from tokens to logits.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use sigmavault_llm::model::{LoadOptions, Model, Sequence, Step, Wanted};
use sigmavault_ternary::memory::{Reading, read};
use sigmavault_ternary::{Pool, Precision};

use crate::report::Speed;

/// A loaded model and the threads that compute.
pub struct Engine {
    model: Model,
    pool: Pool,
}

impl Engine {
    /// Loads a file as the service does.
    pub fn load(path: &Path, threads: usize, precision: Option<Precision>) -> anyhow::Result<Self> {
        let mut options = LoadOptions::default();
        options.precision = precision.unwrap_or(options.precision);
        let model = Model::load(path, &options).with_context(|| format!("cannot load {}", path.display()))?;
        Ok(Self {
            model,
            pool: Pool::new(threads),
        })
    }

    /// Bytes of weights that decoding one token reads.
    pub fn bytes_per_token(&self) -> usize {
        self.model.info().bytes_per_token
    }

    /// Bytes a second that all threads read from memory together, over as much memory as a token needs; best of five.
    pub fn bandwidth(&self, how: Reading) -> f64 {
        /// Bytes that a thread reads at a time.
        const PART: usize = 1 << 20;
        // Not zeros, for which the system might have one page only.
        let bytes = vec![1_u8; self.bytes_per_token()];
        let best = (0..5)
            .map(|_| {
                let began = Instant::now();
                self.pool.run(bytes.len().div_ceil(PART), &|part| {
                    let end = bytes.len().min((part + 1) * PART);
                    black_box(read(&bytes[part * PART..end], how));
                });
                began.elapsed().as_secs_f64()
            })
            .fold(f64::INFINITY, f64::min);
        bytes.len() as f64 / best
    }

    /// Reads a prompt into an empty sequence, then decodes one token at a time into another, as llama-bench does.
    pub fn measure(&self, prompt: usize, tokens: usize) -> anyhow::Result<Speed> {
        let text: Vec<u32> = (0..prompt).map(token).collect();
        // Once before, so that every page of the weights is in memory.
        self.step(&mut self.model.sequence(), &text[..prompt.min(16)])?;
        let began = Instant::now();
        self.step(&mut self.model.sequence(), &text)?;
        let prefill = prompt as f64 / began.elapsed().as_secs_f64();

        let mut sequence = self.model.sequence();
        self.step(&mut sequence, &[1])?;
        let began = Instant::now();
        for at in 0..tokens {
            self.step(&mut sequence, &[token(at)])?;
        }
        let decode = tokens as f64 / began.elapsed().as_secs_f64();
        Ok(Speed { decode, prefill })
    }

    fn step(&self, sequence: &mut Sequence, tokens: &[u32]) -> anyhow::Result<()> {
        let mut out = Vec::new();
        let step = Step {
            sequence,
            tokens,
            logits: Wanted::Last,
            out: &mut out,
        };
        self.model.forward(&mut [step], &self.pool)?;
        black_box(out);
        Ok(())
    }
}

/// Some token of every vocabulary.
fn token(at: usize) -> u32 {
    u32::try_from(at * 7 % 1000).unwrap_or(0)
}
