//! GGUF files of real shapes with random ternary weights.

use std::fmt;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;
use half::f16;
use serde::Serialize;
use sigmavault_gguf::{TensorKind, Writer};

use crate::vocabulary;

/// Shapes of Qwen3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
pub enum Shape {
    /// 1024 wide, 28 layers.
    #[value(name = "0.6b")]
    #[serde(rename = "0.6b")]
    B0_6,
    /// 2048 wide, 28 layers.
    #[value(name = "1.7b")]
    #[serde(rename = "1.7b")]
    B1_7,
    /// 2560 wide, 36 layers.
    #[value(name = "4b")]
    #[serde(rename = "4b")]
    B4,
    /// 4096 wide, 36 layers, separate output weights.
    #[value(name = "8b")]
    #[serde(rename = "8b")]
    B8,
}

/// How ternary weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
pub enum Encoding {
    /// 2 bits and a scale for 64 weights, type 42.
    #[value(name = "q2_0")]
    #[serde(rename = "q2_0")]
    Q2_0,
    /// 2 bits and a scale for 256 weights, type 35.
    #[value(name = "tq2_0")]
    #[serde(rename = "tq2_0")]
    Tq2_0,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_name(self, f)
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_name(self, f)
    }
}

fn write_name(value: &impl ValueEnum, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.pad(
        value
            .to_possible_value()
            .as_ref()
            .map_or("", |value| value.get_name()),
    )
}

const KV_HEADS: u32 = 8;
const HEAD: u32 = 128;
const VOCABULARY: u32 = 151_669;

struct Sizes {
    width: u64,
    feed_forward: u64,
    layers: u32,
    heads: u32,
    tied: bool,
}

impl Shape {
    fn sizes(self) -> Sizes {
        let (width, feed_forward, layers, heads, tied) = match self {
            Self::B0_6 => (1024, 3072, 28, 16, true),
            Self::B1_7 => (2048, 6144, 28, 16, true),
            Self::B4 => (2560, 9728, 36, 32, true),
            Self::B8 => (4096, 12288, 36, 32, false),
        };
        Sizes {
            width,
            feed_forward,
            layers,
            heads,
            tied,
        }
    }
}

/// The file of a shape and encoding in a folder, without a vocabulary; created if missing.
pub fn file(folder: &Path, shape: Shape, encoding: Encoding) -> anyhow::Result<PathBuf> {
    let path = folder.join(format!("random-{shape}-{encoding}.gguf"));
    make(&path, shape, encoding, false)?;
    Ok(path)
}

/// A file of a shape and encoding with a vocabulary and a chat template; created if missing.
pub fn chat_file(path: &Path, shape: Shape, encoding: Encoding) -> anyhow::Result<()> {
    make(path, shape, encoding, true)
}

fn make(path: &Path, shape: Shape, encoding: Encoding, chat: bool) -> anyhow::Result<()> {
    if !path.exists() {
        eprintln!("making {}", path.display());
        let unfinished = path.with_extension("part");
        write(&unfinished, shape, encoding, chat)
            .with_context(|| format!("cannot write {}", unfinished.display()))?;
        fs::rename(&unfinished, path)?;
    }
    Ok(())
}

fn write(path: &Path, shape: Shape, encoding: Encoding, chat: bool) -> anyhow::Result<()> {
    let Sizes {
        width,
        feed_forward,
        layers,
        heads,
        tied,
    } = shape.sizes();
    let kind = match encoding {
        Encoding::Q2_0 => TensorKind::Q2_0G64,
        Encoding::Tq2_0 => TensorKind::Tq2_0,
    };
    let mut writer = Writer::new();
    writer
        .set("general.architecture", "qwen3")
        .set("general.name", format!("random {shape}").as_str());
    if chat {
        vocabulary::set(&mut writer, VOCABULARY as usize);
    } else {
        // llama.cpp requires a vocabulary; this one has no texts.
        writer.set("tokenizer.ggml.model", "no_vocab");
    }
    for (key, value) in [
        ("vocab_size", VOCABULARY),
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
            random(out, encoding, rows, columns)
        });
    };
    matrix("token_embd.weight", VOCABULARY.into(), width);
    if !tied {
        matrix("output.weight", VOCABULARY.into(), width);
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
fn random(out: &mut dyn Write, encoding: Encoding, rows: u64, columns: u64) -> std::io::Result<()> {
    let scale = f16::from_f64((1.5 / columns as f64).sqrt()).to_le_bytes();
    let mut state = 0x9e37_79b9_7f4a_7c15 ^ (rows << 32) ^ columns;
    // Marsaglia's xorshift, 64 bits.
    let mut codes = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // Code 3 becomes 1: the high bit is cleared if both are set.
        let both = state & (state >> 1) & 0x5555_5555_5555_5555;
        (state & !(both << 1)).to_le_bytes()
    };
    let weights = match encoding {
        Encoding::Q2_0 => 64,
        Encoding::Tq2_0 => 256,
    };
    for _ in 0..rows * columns / weights {
        if encoding == Encoding::Q2_0 {
            out.write_all(&scale)?;
        }
        for _ in 0..weights / 32 {
            out.write_all(&codes())?;
        }
        if encoding == Encoding::Tq2_0 {
            out.write_all(&scale)?;
        }
    }
    Ok(())
}
