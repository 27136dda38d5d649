//! The engine under test, without server and tokenizer: from tokens to logits.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use sigmavault_llm::inference::{Step, Wanted};
use sigmavault_llm::model::{LoadOptions, Model, Sequence};
use sigmavault_ternary::memory::{Reading, read};
use sigmavault_ternary::{Pool, Precision};

use crate::speed::{Against, Speed, Tests};

/// A loaded model and the threads that compute.
pub struct Engine {
    model: Model,
    pool: Pool,
}

impl Engine {
    /// Loads a file as the service does: packs it into a file beside it, and reads that into huge pages.
    pub fn load(path: &Path, threads: usize, precision: Option<Precision>) -> anyhow::Result<Self> {
        let mut options = LoadOptions::default();
        options.precision = precision.unwrap_or(options.precision);
        options.panels = Some(path.with_extension("panels"));
        let model = Model::load(path, &options).with_context(|| format!("cannot load {}", path.display()))?;
        model
            .make_resident()
            .with_context(|| format!("cannot read the weights of {}", path.display()))?;
        Ok(Self {
            model,
            pool: Pool::new(threads),
        })
    }

    /// Bytes of weights read to decode one token.
    pub fn bytes_per_token(&self) -> usize {
        self.model.info().bytes_per_token
    }

    /// Compares decoding a token with reading the same amount of memory on all threads. Both are measured in turns, because
    /// other load changes the memory bandwidth from one second to the next. The results are medians.
    pub fn against_memory(&self, turns: usize) -> anyhow::Result<Against> {
        /// Bytes that a thread reads at a time.
        const PART: usize = 1 << 20;
        // Not zeros: the system might map all of them to one page.
        let bytes = vec![1_u8; self.bytes_per_token()];
        let mut sequence = self.model.sequence();
        let mut logits = Vec::new();
        self.step(&mut sequence, &[1], &mut logits)?;
        let (mut tokens, mut readings) = (Vec::new(), [Vec::new(), Vec::new()]);
        for turn in 0..turns {
            let began = Instant::now();
            self.step(&mut sequence, &[token(turn)], &mut logits)?;
            tokens.push(began.elapsed().as_secs_f64());
            for (how, readings) in Reading::ALL.into_iter().zip(&mut readings) {
                let began = Instant::now();
                self.pool.run(bytes.len().div_ceil(PART), &|part| {
                    let end = bytes.len().min((part + 1) * PART);
                    black_box(read(&bytes[part * PART..end], how));
                });
                readings.push(began.elapsed().as_secs_f64());
            }
        }
        let [plain, ahead] = readings.map(median);
        Ok(Against {
            token: median(tokens),
            plain,
            ahead,
        })
    }

    /// Measures prefill of a prompt, then decoding token by token, both after a text of the given depth, as llama-bench does.
    pub fn measure(&self, tests: Tests) -> anyhow::Result<Speed> {
        let text: Vec<u32> = (0..tests.depth.max(tests.prompt)).map(token).collect();
        // One buffer, like the service's for each sequence.
        let logits = &mut Vec::new();
        // Warm up, so that every page of the weights is in memory.
        self.step(&mut self.model.sequence(), &text[..text.len().min(16)], logits)?;
        let mut before = self.model.sequence();
        // At depth 0 one token remains, so that there is something to attend to.
        self.step(
            &mut before,
            text.get(..tests.depth).filter(|t| !t.is_empty()).unwrap_or(&[1]),
            logits,
        )?;
        let mut sequence = if tests.depth == 0 {
            self.model.sequence()
        } else {
            before.clone()
        };
        let began = Instant::now();
        self.step(&mut sequence, &text[..tests.prompt], logits)?;
        let prefill = tests.prompt as f64 / began.elapsed().as_secs_f64();

        let began = Instant::now();
        for at in 0..tests.tokens {
            self.step(&mut before, &[token(at)], logits)?;
        }
        let decode = tests.tokens as f64 / began.elapsed().as_secs_f64();
        Ok(Speed { decode, prefill })
    }

    fn step(&self, sequence: &mut Sequence, tokens: &[u32], logits: &mut Vec<f32>) -> anyhow::Result<()> {
        let step = Step {
            sequence,
            tokens,
            logits: Wanted::Last,
            out: logits,
        };
        self.model.forward(&mut [step], &self.pool)?;
        black_box(logits);
        Ok(())
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A token that every vocabulary has.
fn token(at: usize) -> u32 {
    u32::try_from(at * 7 % 1000).unwrap_or(0)
}
