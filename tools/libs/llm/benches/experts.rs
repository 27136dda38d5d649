//! Decode and prefill of a model with the shape of granite-4.0-h-tiny and random weights in K-quants:
//! `cargo bench -p sigmavault-llm --bench experts [-- --layers N --prompt N --kind q4_k|q5_k|q6_k|q8_0 --exact]`.
//!
//! The real model has 40 layers, every tenth with attention, and 100352 tokens; this one has 4 layers and 8192 tokens by default, so
//! numbers are only comparable within a run. Each is the best of five rounds.

#![allow(clippy::cast_precision_loss, reason = "counts become rates")]

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use half::f16;
use sigmavault_gguf::{TensorKind, Writer};
use sigmavault_llm::inference::{Step, Wanted};
use sigmavault_llm::model::{LoadOptions, Model, Sequence};
use sigmavault_ternary::{Pool, Precision};

const WIDTH: u64 = 1536;
/// 2^13.
const WORDS: u64 = 8192;
const EXPERTS: u64 = 64;
const USED: u32 = 6;
const EXPERT: u64 = 512;
const SHARED: u64 = 1024;
const HEADS: u64 = 12;
const KEYS: u64 = 4;
const HEAD: u64 = 128;
const INNER: u64 = 3072;
const STATES: u64 = 128;
const MAMBA_HEADS: u64 = 48;
const KERNEL: u64 = 4;

struct Options {
    layers: u32,
    prompt: usize,
    kind: TensorKind,
    exact: bool,
}

fn options() -> Result<Options, String> {
    let mut options = Options {
        layers: 4,
        prompt: 256,
        kind: TensorKind::Q4K,
        exact: false,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        let number = |text: String| text.parse().map_err(|_| format!("{text} is no number"));
        match argument.as_str() {
            "--layers" => options.layers = number(value()?)?,
            "--prompt" => options.prompt = number(value()?)? as usize,
            "--kind" => {
                options.kind = match value()?.as_str() {
                    "q4_k" => TensorKind::Q4K,
                    "q5_k" => TensorKind::Q5K,
                    "q6_k" => TensorKind::Q6K,
                    "q8_0" => TensorKind::Q8_0,
                    other => return Err(format!("{other} is none of q4_k, q5_k, q6_k, q8_0")),
                }
            }
            "--exact" => options.exact = true,
            // `cargo bench` passes it to every benchmark.
            "--bench" => {}
            other => return Err(format!("unknown option {other}")),
        }
    }
    Ok(options)
}

/// Random bytes, xorshift64*.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> [u8; 8] {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes()
    }
}

/// Blocks whose values keep sums near one.
fn blocks(out: &mut dyn Write, kind: TensorKind, numbers: u64) -> io::Result<()> {
    let (columns, size, halves, scale): (u64, usize, &[usize], f32) = match kind {
        TensorKind::Q4K => (256, 144, &[0, 2], 1e-4),
        TensorKind::Q5K => (256, 176, &[0, 2], 1e-4),
        TensorKind::Q6K => (256, 210, &[208], 2e-5),
        _ => (32, 34, &[0], 4e-4),
    };
    let scale = f16::from_f32(scale).to_le_bytes();
    let mut noise = Noise(numbers | 1);
    let mut block = vec![0; size.next_multiple_of(8)];
    for _ in 0..numbers / columns {
        for word in block.as_chunks_mut::<8>().0 {
            *word = noise.next();
        }
        for &at in halves {
            block[at..at + 2].copy_from_slice(&scale);
        }
        out.write_all(&block[..size])?;
    }
    Ok(())
}

fn write(path: &Path, options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    let kind = options.kind;
    let mut writer = Writer::new();
    writer
        .set("general.architecture", "granitehybrid")
        .set("tokenizer.ggml.model", "no_vocab");
    let attention = |n: u32| n % 10 == options.layers.min(10) - 1;
    let keys: Vec<u32> = (0..options.layers)
        .map(|n| if attention(n) { 4 } else { 0 })
        .collect();
    writer.set("granitehybrid.attention.head_count_kv", keys);
    for (key, value) in [
        ("block_count", u64::from(options.layers)),
        ("context_length", 131_072),
        ("embedding_length", WIDTH),
        ("feed_forward_length", EXPERT),
        ("attention.head_count", HEADS),
        ("expert_count", EXPERTS),
        ("expert_used_count", USED.into()),
        ("expert_shared_feed_forward_length", SHARED),
        ("vocab_size", WORDS),
        ("rope.dimension_count", HEAD),
        ("ssm.conv_kernel", KERNEL),
        ("ssm.state_size", STATES),
        ("ssm.group_count", 1),
        ("ssm.inner_size", INNER),
        ("ssm.time_step_rank", MAMBA_HEADS),
    ] {
        writer.set(&format!("granitehybrid.{key}"), u32::try_from(value)?);
    }
    for (key, value) in [
        ("attention.layer_norm_rms_epsilon", 1e-5_f32),
        ("attention.scale", 0.0078),
        ("embedding_scale", 12.0),
        ("residual_scale", 0.22),
        ("logit_scale", 6.0),
    ] {
        writer.set(&format!("granitehybrid.{key}"), value);
    }
    writer.set("granitehybrid.rope.scaling.finetuned", false);
    let mut matrix = |name: &str, shape: &[u64]| {
        let numbers = shape.iter().product();
        writer.tensor_from(name, shape, kind, move |out| blocks(out, kind, numbers));
    };
    let joined = INNER + 2 * STATES;
    matrix("token_embd.weight", &[WIDTH, WORDS]);
    for n in 0..options.layers {
        let mut matrix = |name: &str, shape: &[u64]| matrix(&format!("blk.{n}.{name}.weight"), shape);
        if attention(n) {
            matrix("attn_q", &[WIDTH, HEADS * HEAD]);
            matrix("attn_k", &[WIDTH, KEYS * HEAD]);
            matrix("attn_v", &[WIDTH, KEYS * HEAD]);
            matrix("attn_output", &[HEADS * HEAD, WIDTH]);
        } else {
            matrix("ssm_in", &[WIDTH, INNER + joined + MAMBA_HEADS]);
            matrix("ssm_out", &[INNER, WIDTH]);
        }
        matrix("ffn_gate_exps", &[WIDTH, EXPERT, EXPERTS]);
        matrix("ffn_up_exps", &[WIDTH, EXPERT, EXPERTS]);
        matrix("ffn_down_exps", &[EXPERT, WIDTH, EXPERTS]);
        matrix("ffn_gate_shexp", &[WIDTH, SHARED]);
        matrix("ffn_up_shexp", &[WIDTH, SHARED]);
        matrix("ffn_down_shexp", &[SHARED, WIDTH]);
    }
    let mut floats = |name: &str, shape: &[u64], value: f32, spread: f32| {
        let count: u64 = shape.iter().product();
        writer.tensor_from(name, shape, TensorKind::F32, move |out| {
            let mut noise = Noise(count | 1);
            (0..count).try_for_each(|_| {
                let random = f32::from(noise.next()[7]) / 128.0 - 1.0;
                out.write_all(&(value + spread * random).to_le_bytes())
            })
        });
    };
    floats("output_norm.weight", &[WIDTH], 1.0, 0.0);
    for n in 0..options.layers {
        let mut floats = |name: &str, shape: &[u64], value, spread| {
            floats(&format!("blk.{n}.{name}"), shape, value, spread);
        };
        floats("attn_norm.weight", &[WIDTH], 1.0, 0.0);
        floats("ffn_norm.weight", &[WIDTH], 1.0, 0.0);
        floats("ffn_gate_inp.weight", &[WIDTH, EXPERTS], 0.0, 0.05);
        if !attention(n) {
            floats("ssm_conv1d.weight", &[KERNEL, joined], 0.0, 0.5);
            floats("ssm_conv1d.bias", &[joined], 0.0, 0.1);
            floats("ssm_dt.bias", &[MAMBA_HEADS], 0.0, 1.0);
            floats("ssm_a", &[1, MAMBA_HEADS], -1.0, 0.5);
            floats("ssm_d", &[1, MAMBA_HEADS], 1.0, 0.0);
            floats("ssm_norm.weight", &[INNER, 1], 1.0, 0.0);
        }
    }
    let mut file = BufWriter::new(File::create(path)?);
    writer.write(&mut file)?;
    file.flush()?;
    Ok(())
}

/// Runs tokens. Returns the bits of the logits, so that runs can be compared.
fn read(
    model: &Model,
    sequence: &mut Sequence,
    tokens: &[u32],
    pool: &Pool,
) -> Result<u32, Box<dyn std::error::Error>> {
    let mut out = Vec::new();
    let step = Step {
        sequence,
        tokens,
        logits: Wanted::Last,
        out: &mut out,
    };
    model.forward(&mut [step], pool)?;
    if !out.iter().all(|logit| logit.is_finite()) {
        return Err("logits are not finite".into());
    }
    Ok(out
        .iter()
        .fold(0, |hash: u32, logit| hash.rotate_left(5) ^ logit.to_bits()))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    const DECODED: usize = 24;
    let options = options()?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("model.gguf");
    write(&path, &options)?;
    let mut load = LoadOptions::default();
    if options.exact {
        load.precision = Precision::Int16Blocks;
    }
    let model = Model::load(&path, &load)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let pool = Pool::new(cores);
    let prompt: Vec<u32> = (0..u32::try_from(options.prompt)?)
        .map(|n| n.wrapping_mul(2_654_435_761) >> 19)
        .collect();
    let (mut prefill, mut decode, mut hash) = (f64::INFINITY, f64::INFINITY, 0);
    for _ in 0..5 {
        let mut sequence = model.sequence();
        let began = Instant::now();
        hash = read(&model, &mut sequence, &prompt, &pool)?;
        prefill = prefill.min(began.elapsed().as_secs_f64());
        let began = Instant::now();
        for token in &prompt[..DECODED.min(prompt.len())] {
            hash ^= read(&model, &mut sequence, &[*token], &pool)?.rotate_left(1);
        }
        decode = decode.min(began.elapsed().as_secs_f64());
    }
    println!(
        "{} {} layers, {cores} threads: prefill of {} {:.1} tokens/s, decode {:.1} tokens/s; logits {hash:08x}",
        options.kind,
        options.layers,
        options.prompt,
        options.prompt as f64 / prefill,
        DECODED.min(prompt.len()) as f64 / decode,
    );
    Ok(())
}
