//! Fixtures, and the comparison of results.

#![allow(clippy::unwrap_used, reason = "a missing fixture fails the test")]
#![allow(dead_code, reason = "each test program uses some of it")]

use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use sigmavault_llm::inference::{Step, Wanted};
use sigmavault_llm::model::{KvKind, LoadOptions, Model, Sequence};
use sigmavault_ternary::{Pool, Precision};

/// The result of the reference implementation.
pub struct Expected {
    pub prompt: Vec<u32>,
    pub greedy: Vec<u32>,
    /// One row for each token of the prompt and of the greedy text except the last.
    pub logits: Vec<f32>,
}

impl Expected {
    /// The prompt and the greedy text without its last token.
    pub fn text(&self) -> Vec<u32> {
        [&self.prompt[..], &self.greedy[..self.greedy.len() - 1]].concat()
    }
}

pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// The path of a fixture's model.
pub fn path(name: &str) -> PathBuf {
    let file = folder(name).join("model.gguf");
    if file.exists() { file } else { folder(name) }
}

pub fn expected(name: &str) -> Expected {
    let bytes = std::fs::read(folder(name).join("expected.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let words = |name: &str| -> Vec<[u8; 4]> { file.tensor(name).unwrap().data().as_chunks().0.to_vec() };
    Expected {
        prompt: words("prompt").into_iter().map(u32::from_le_bytes).collect(),
        greedy: words("greedy").into_iter().map(u32::from_le_bytes).collect(),
        logits: words("logits").into_iter().map(f32::from_le_bytes).collect(),
    }
}

/// The options closest to the reference.
pub fn exact() -> LoadOptions {
    LoadOptions {
        precision: Precision::Int16Blocks,
        kv: KvKind::F32,
        ..LoadOptions::default()
    }
}

pub fn load(name: &str, options: &LoadOptions) -> Model {
    Model::load(&path(name), options).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Appends tokens and returns the requested logits.
pub fn run(model: &Model, sequence: &mut Sequence, tokens: &[u32], logits: Wanted, pool: &Pool) -> Vec<f32> {
    let mut out = Vec::new();
    let step = Step {
        sequence,
        tokens,
        logits,
        out: &mut out,
    };
    model.forward(&mut [step], pool).unwrap();
    out
}

pub fn best(logits: &[f32]) -> u32 {
    let best = logits
        .iter()
        .enumerate()
        .max_by(|a, b| a.1.total_cmp(b.1))
        .unwrap();
    u32::try_from(best.0).unwrap()
}

/// Takes the most likely token `count` times.
pub fn greedy(model: &Model, prompt: &[u32], count: usize, pool: &Pool) -> Vec<u32> {
    let mut sequence = model.sequence();
    let mut logits = run(model, &mut sequence, prompt, Wanted::Last, pool);
    let mut text = vec![best(&logits)];
    while text.len() < count {
        logits = run(model, &mut sequence, &text[text.len() - 1..], Wanted::Last, pool);
        text.push(best(&logits));
    }
    text
}

/// The largest distance of a row of `width` from the reference, relative to the reference's length.
pub fn distance(ours: &[f32], theirs: &[f32], width: usize) -> f64 {
    assert_eq!(ours.len(), theirs.len());
    let rows = ours.chunks_exact(width).zip(theirs.chunks_exact(width));
    rows.map(|(a, b)| {
        let square = |v: f32| f64::from(v) * f64::from(v);
        let off: f64 = a.iter().zip(b).map(|(a, b)| square(a - b)).sum();
        let all: f64 = b.iter().map(|b| square(*b)).sum();
        (off / all).sqrt()
    })
    // A NaN must not be lost, as it would be in f64::max.
    .fold(0.0, |worst, d| if d <= worst { worst } else { d })
}
