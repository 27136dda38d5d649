//! How fast a model decodes and reads prompts here, beside what memory allows.
//!
//! `speed make FILE [1.7b|4b|8b] [q2_0|tq2_0]` writes a GGUF file of that shape with random ternary weights.
//! `speed run FILE [THREADS] [TOKENS]` measures: decoding one token at a time, a prompt of TOKENS, and reading memory.

#![allow(clippy::cast_precision_loss, reason = "rates are rounded anyway")]

use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use half::f16;
use sigmavault_gguf::{TensorKind, Writer};
use sigmavault_llm::model::{LoadOptions, Model, Step, Wanted};
use sigmavault_ternary::{Isa, Pool};

/// Width, feed-forward, layers, query heads, whether the head is the embedding.
struct Shape(u64, u64, u32, u32, bool);

const KV_HEADS: u32 = 8;
const HEAD: u32 = 128;
const VOCABULARY: u64 = 151_669;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["make", file, ref rest @ ..] => make(
            file,
            rest.first().unwrap_or(&"1.7b"),
            rest.get(1).unwrap_or(&"q2_0"),
        ),
        ["run", file, ref rest @ ..] => {
            let number = |i: usize, default| rest.get(i).map_or(Ok(default), |n| n.parse());
            run(Path::new(file), number(0, 2)?, number(1, 512)?)
        }
        _ => {
            Err("usage: speed make FILE [1.7b|4b|8b] [q2_0|tq2_0] | speed run FILE [THREADS] [TOKENS]".into())
        }
    }
}

fn make(path: &str, size: &str, encoding: &str) -> Result<(), Box<dyn Error>> {
    let Shape(width, feed_forward, layers, heads, tied) = match size {
        "1.7b" => Shape(2048, 6144, 28, 16, true),
        "4b" => Shape(2560, 9728, 36, 32, true),
        "8b" => Shape(4096, 12288, 36, 32, false),
        _ => return Err("the shapes are 1.7b, 4b and 8b".into()),
    };
    let kind = match encoding {
        "q2_0" => TensorKind::Q2_0G64,
        "tq2_0" => TensorKind::Tq2_0,
        _ => return Err("the encodings are q2_0 and tq2_0".into()),
    };
    let mut writer = Writer::new();
    writer
        .set("general.architecture", "qwen3")
        .set("general.name", format!("random {size}").as_str());
    for (key, value) in [
        ("block_count", layers),
        ("context_length", 32768),
        ("embedding_length", u32::try_from(width)?),
        ("feed_forward_length", u32::try_from(feed_forward)?),
        ("attention.head_count", heads),
        ("attention.head_count_kv", KV_HEADS),
        ("attention.key_length", HEAD),
        ("attention.value_length", HEAD),
    ] {
        writer.set(&format!("qwen3.{key}"), value);
    }
    writer
        .set("qwen3.attention.layer_norm_rms_epsilon", 1e-6_f32)
        .set("qwen3.rope.freq_base", 1e6_f32);
    let (queries, keys) = (u64::from(heads * HEAD), u64::from(KV_HEADS * HEAD));
    let mut matrix = |name: &str, rows: u64, columns: u64| {
        writer.tensor_from(name, &[columns, rows], kind, move |out| {
            random(out, kind, rows, columns)
        });
    };
    matrix("token_embd.weight", VOCABULARY, width);
    if !tied {
        matrix("output.weight", VOCABULARY, width);
    }
    for n in 0..layers {
        for (name, rows, columns) in [
            ("attn_q", queries, width),
            ("attn_k", keys, width),
            ("attn_v", keys, width),
            ("attn_output", width, queries),
            ("ffn_gate", feed_forward, width),
            ("ffn_up", feed_forward, width),
            ("ffn_down", width, feed_forward),
        ] {
            matrix(&format!("blk.{n}.{name}.weight"), rows, columns);
        }
    }
    let mut ones = |name: &str, length: u64| {
        writer.tensor_from(name, &[length], TensorKind::F32, move |out| {
            (0..length).try_for_each(|_| out.write_all(&1_f32.to_le_bytes()))
        });
    };
    ones("output_norm.weight", width);
    for n in 0..layers {
        for (name, length) in [
            ("attn_norm", width),
            ("ffn_norm", width),
            ("attn_q_norm", HEAD.into()),
            ("attn_k_norm", HEAD.into()),
        ] {
            ones(&format!("blk.{n}.{name}.weight"), length);
        }
    }
    writer.write(&mut BufWriter::new(File::create(path)?))?;
    Ok(())
}

/// Random codes 0, 1 and 2 with a scale that keeps the sums near one.
fn random(out: &mut dyn Write, kind: TensorKind, rows: u64, columns: u64) -> std::io::Result<()> {
    let scale = f16::from_f32((1.5 / columns as f32).sqrt()).to_le_bytes();
    let mut state = 0x9e37_79b9_7f4a_7c15 ^ (rows << 32) ^ columns;
    let mut codes = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // Code 3 becomes 1: both bits of a pair set leave only the low one.
        let both = state & (state >> 1) & 0x5555_5555_5555_5555;
        (state & !(both << 1)).to_le_bytes()
    };
    let (block, scale_first) = if kind == TensorKind::Q2_0G64 {
        (64, true)
    } else {
        (256, false)
    };
    for _ in 0..rows * columns / block {
        if scale_first {
            out.write_all(&scale)?;
        }
        for _ in 0..block / 32 {
            out.write_all(&codes())?;
        }
        if !scale_first {
            out.write_all(&scale)?;
        }
    }
    Ok(())
}

fn run(path: &Path, threads: usize, prompt: usize) -> Result<(), Box<dyn Error>> {
    let pool = Pool::new(threads);
    let begin = Instant::now();
    let panels = Some(path.with_extension("panels"));
    let model = Model::load(
        path,
        &LoadOptions {
            panels,
            ..LoadOptions::default()
        },
    )?;
    let info = model.info();
    println!(
        "{}: {} layers, {:.3} GB, {:.3} GB a token, {} threads, {}, loaded in {:.1} s",
        info.name,
        info.layers,
        info.bytes as f64 / 1e9,
        info.bytes_per_token as f64 / 1e9,
        threads,
        Isa::active().name(),
        begin.elapsed().as_secs_f64(),
    );
    let bandwidth = bandwidth(info.bytes_per_token, &pool);
    let roof = bandwidth / info.bytes_per_token as f64;
    println!(
        "memory: {:.1} GB/s, so at most {roof:.1} tokens/s",
        bandwidth / 1e9
    );
    for seen in [16, prompt] {
        let mut sequence = model.sequence();
        step(&model, &mut sequence, &vec![1; seen], &pool)?;
        let mut best = f64::INFINITY;
        for round in 0..4 {
            let begin = Instant::now();
            for token in 0..16 {
                step(&model, &mut sequence, &[round * 16 + token], &pool)?;
            }
            best = best.min(begin.elapsed().as_secs_f64() / 16.0);
        }
        println!(
            "decode after {seen}: {:.1} tokens/s, {:.0} % of that",
            1.0 / best,
            100.0 / best / roof
        );
    }
    let tokens: Vec<u32> = (0..u32::try_from(prompt)?).map(|t| t * 7 % 1000).collect();
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        let begin = Instant::now();
        step(&model, &mut model.sequence(), &tokens, &pool)?;
        best = best.min(begin.elapsed().as_secs_f64());
    }
    println!("prompt of {prompt}: {:.1} tokens/s", prompt as f64 / best);
    Ok(())
}

fn step(
    model: &Model,
    sequence: &mut sigmavault_llm::model::Sequence,
    tokens: &[u32],
    pool: &Pool,
) -> Result<(), Box<dyn Error>> {
    let mut out = Vec::new();
    model.forward(
        &mut [Step {
            sequence,
            tokens,
            logits: Wanted::Last,
            out: &mut out,
            parents: None,
        }],
        pool,
    )?;
    black_box(out);
    Ok(())
}

/// Bytes a second that all threads read together, the best of five.
fn bandwidth(bytes: usize, pool: &Pool) -> f64 {
    let words: Vec<u64> = (0..bytes as u64 / 8).collect();
    let part = 1 << 17;
    let best = (0..5)
        .map(|_| {
            let begin = Instant::now();
            pool.run(words.len().div_ceil(part), &|i| {
                let mut lanes = [0_u64; 32];
                for chunk in words[i * part..words.len().min((i + 1) * part)]
                    .as_chunks::<32>()
                    .0
                {
                    for (lane, word) in lanes.iter_mut().zip(chunk) {
                        *lane ^= word;
                    }
                }
                black_box(lanes);
            });
            begin.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min);
    bytes as f64 / best
}
