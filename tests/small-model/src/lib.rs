//! A small model file for tests: Qwen3's architecture with random ternary weights, a vocabulary of single bytes, and a chat
//! template with tools and reasoning.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "used by tests only, which fail by panicking"
)]

use std::fs;
use std::path::Path;

use sigmavault_gguf::{TensorKind, Writer};

const WIDTH: u64 = 128;
const FEED_FORWARD: u64 = 192;
const HEAD: u64 = 64;
const LAYERS: u32 = 2;

/// Tokens after the 256 bytes, with their types in the file: 3 is a control token, 4 a user-defined one.
const SPECIALS: [(&str, i32); 7] = [
    ("<|endoftext|>", 3),
    ("<|im_start|>", 3),
    ("<|im_end|>", 3),
    ("<think>", 4),
    ("</think>", 4),
    ("<tool_call>", 4),
    ("</tool_call>", 4),
];

const TEMPLATE: &str = "{%- if tools %}<|im_start|>system\nTools:{% for tool in tools %}\n{{ tool | tojson }}{% endfor %}<|im_end|>\n{% endif %}\
{%- for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}\
{%- for call in message.tool_calls or [] %}<tool_call>\n{{ call.function | tojson }}\n</tool_call>{% endfor %}<|im_end|>\n{% endfor %}\
{%- if add_generation_prompt %}<|im_start|>assistant\n\
{%- if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}{% endif %}";

/// Reproducible random numbers (`SplitMix64`).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Ternary weights in blocks of 64: an fp16 scale, then two bits per weight.
    fn ternary(&mut self, rows: u64, columns: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..rows * columns / 64 {
            // 0.125 as fp16.
            bytes.extend(0x3000_u16.to_le_bytes());
            for _ in 0..16 {
                let codes = (0..4).fold(0, |codes, at| codes | ((self.next() % 3) << (2 * at)));
                bytes.push(u8::try_from(codes).unwrap());
            }
        }
        bytes
    }
}

/// How byte-level vocabularies write a byte: as itself if it is printable, else as one of the letters from U+0100 on.
fn letter(byte: u8) -> String {
    let seen = |byte: u8| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let letter = if seen(byte) {
        char::from(byte)
    } else {
        let before = (0..byte).filter(|byte| !seen(*byte)).count();
        char::from_u32(256 + u32::try_from(before).unwrap()).unwrap()
    };
    letter.to_string()
}

/// Writes the model; the same bytes every time.
pub fn write(path: &Path) {
    fs::write(path, file(&[])).unwrap();
}

/// The model as a file, with more settings or others than its own.
pub fn file(settings: &[(&str, &str)]) -> Vec<u8> {
    let [file] = parts(settings);
    file
}

/// The model in parts, as `gguf-split` writes them.
pub fn parts<const N: usize>(settings: &[(&str, &str)]) -> [Vec<u8>; N] {
    let tensors = tensors();
    let each = tensors.len().div_ceil(N);
    std::array::from_fn(|part| {
        let mut writer = Writer::new();
        if part == 0 {
            set(&mut writer, settings);
        }
        if N > 1 {
            writer
                .set("split.no", u16::try_from(part).unwrap())
                .set("split.count", u16::try_from(N).unwrap())
                .set("split.tensors.count", i32::try_from(tensors.len()).unwrap());
        }
        for (name, shape, kind, bytes) in tensors.iter().skip(part * each).take(each) {
            writer.tensor(name, shape, *kind, bytes);
        }
        let mut bytes = Vec::new();
        writer.write(&mut bytes).unwrap();
        bytes
    })
}

fn set(writer: &mut Writer<'_>, settings: &[(&str, &str)]) {
    let mut tokens: Vec<String> = (0..=255).map(letter).collect();
    let mut kinds = vec![1_i32; 256];
    for (text, kind) in SPECIALS {
        tokens.push(text.to_owned());
        kinds.push(kind);
    }
    writer
        .set("general.architecture", "qwen3")
        .set("general.name", "small")
        .set("qwen3.block_count", LAYERS)
        .set("qwen3.context_length", 32_768_u32)
        .set("qwen3.embedding_length", u32::try_from(WIDTH).unwrap())
        .set("qwen3.feed_forward_length", u32::try_from(FEED_FORWARD).unwrap())
        .set("qwen3.attention.head_count", 2_u32)
        .set("qwen3.attention.head_count_kv", 1_u32)
        .set("qwen3.attention.key_length", u32::try_from(HEAD).unwrap())
        .set("qwen3.attention.value_length", u32::try_from(HEAD).unwrap())
        .set("qwen3.attention.layer_norm_rms_epsilon", 1e-6_f32)
        .set("qwen3.rope.freq_base", 10000_f32)
        .set("tokenizer.ggml.model", "gpt2")
        .set("tokenizer.ggml.pre", "qwen2")
        .set("tokenizer.ggml.tokens", tokens)
        .set("tokenizer.ggml.token_type", kinds)
        .set("tokenizer.ggml.merges", Vec::<String>::new())
        .set("tokenizer.ggml.bos_token_id", 256_u32)
        .set("tokenizer.ggml.eos_token_id", 258_u32)
        .set("tokenizer.ggml.add_bos_token", false)
        .set("tokenizer.chat_template", TEMPLATE);
    for (name, value) in settings {
        writer.set(name, *value);
    }
}

/// Name, shape, type and bytes.
type Tensor = (String, Vec<u64>, TensorKind, Vec<u8>);

fn tensors() -> Vec<Tensor> {
    let mut random = Random(7);
    let vocabulary = 256 + SPECIALS.len() as u64;
    let mut tensors: Vec<Tensor> = Vec::new();
    let mut matrix = |name: String, rows: u64, columns: u64| {
        let bytes = random.ternary(rows, columns);
        tensors.push((name, vec![columns, rows], TensorKind::Q2_0G64, bytes));
    };
    matrix("token_embd.weight".into(), vocabulary, WIDTH);
    for layer in 0..LAYERS {
        for (name, rows, columns) in [
            ("attn_q", 2 * HEAD, WIDTH),
            ("attn_k", HEAD, WIDTH),
            ("attn_v", HEAD, WIDTH),
            ("attn_output", WIDTH, 2 * HEAD),
            ("ffn_gate", FEED_FORWARD, WIDTH),
            ("ffn_up", FEED_FORWARD, WIDTH),
            ("ffn_down", WIDTH, FEED_FORWARD),
        ] {
            matrix(format!("blk.{layer}.{name}.weight"), rows, columns);
        }
    }
    let ones = |count: u64| 1_f32.to_le_bytes().repeat(usize::try_from(count).unwrap());
    let mut norm = |name: String, count: u64| tensors.push((name, vec![count], TensorKind::F32, ones(count)));
    norm("output_norm.weight".into(), WIDTH);
    for layer in 0..LAYERS {
        for (name, count) in [
            ("attn_norm", WIDTH),
            ("ffn_norm", WIDTH),
            ("attn_q_norm", HEAD),
            ("attn_k_norm", HEAD),
        ] {
            norm(format!("blk.{layer}.{name}.weight"), count);
        }
    }
    tensors
}
