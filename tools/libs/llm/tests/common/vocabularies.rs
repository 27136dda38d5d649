//! The vocabularies and templates in `tests/text`.

#![allow(clippy::unwrap_used, reason = "a missing file fails the test")]
#![allow(dead_code, reason = "each test program uses some of it")]

use std::path::{Path, PathBuf};

use serde_json::Value;
use sigmavault_llm::tokenizer::{TokenKind, Tokenizer, Vocabulary};

/// The vocabularies.
pub const NAMES: [&str; 8] = [
    "qwen2",
    "llama-bpe",
    "gpt-2",
    "dbrx",
    "refact",
    "word-pieces",
    "sentence-pieces",
    "world",
];

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/text")
}

/// A file of expected values.
pub fn read(name: &str) -> Value {
    let path = folder().join(name).with_extension("json");
    serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap()
}

/// The source of a template.
pub fn template(name: &str) -> String {
    std::fs::read_to_string(folder().join("templates").join(name)).unwrap()
}

/// The tokenizer of a vocabulary.
pub fn tokenizer(name: &str) -> Tokenizer {
    Tokenizer::from_vocabulary(&vocabulary(&read(name)["vocabulary"])).unwrap()
}

/// A vocabulary as plain data.
pub fn vocabulary(value: &Value) -> Vocabulary {
    let text = |key: &str| value[key].as_str().map(str::to_owned);
    let texts = |key: &str| {
        value[key]
            .as_array()
            .into_iter()
            .flatten()
            .map(|t| t.as_str().unwrap().to_owned())
            .collect()
    };
    let id = |key: &str| value[key].as_u64().map(|id| u32::try_from(id).unwrap());
    #[expect(clippy::cast_possible_truncation, reason = "scores are 32-bit in the files")]
    let scores = value["scores"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|s| s.as_f64().unwrap() as f32)
        .collect();
    Vocabulary {
        model: text("model").unwrap(),
        pre: text("pre"),
        tokens: texts("tokens"),
        merges: texts("merges"),
        scores,
        kinds: value["types"]
            .as_array()
            .unwrap()
            .iter()
            .map(|k| TokenKind::from_number(k.as_i64().unwrap()))
            .collect(),
        bos: id("bos"),
        eos: id("eos"),
        unknown: id("unknown"),
        padding: id("padding"),
        cls: id("cls"),
        separator: id("separator"),
        ..Vocabulary::default()
    }
}
