//! What the engine can run, and why it cannot run the rest.
//!
//! Only the header is examined; whether all tensors of the architecture are present is checked when the model is loaded.

use crate::index::Index;
use crate::kind::TensorKind;
use crate::metadata::Metadata;
use crate::summary::Summary;
use crate::value::Value;

/// Architectures that the engine runs, by `general.architecture`, with a description.
pub const ARCHITECTURES: [(&str, &str); 11] = [
    ("llama", "Llama, Mistral and SmolLM2"),
    ("qwen2", "Qwen2"),
    ("qwen3", "Qwen3, Ternary-Bonsai among them"),
    ("bitnet", "BitNet b1.58"),
    ("bitnet-25", "BitNet b1.58"),
    ("bitnet-b1.58", "BitNet b1.58"),
    ("mamba", "Mamba-1"),
    ("mamba2", "Mamba-2"),
    ("granitehybrid", "Granite 4 H, Mamba-2 with attention"),
    ("rwkv7", "RWKV-7"),
    ("bert", "BERT, for embeddings"),
];

/// Kinds of tensors that the engine multiplies with.
pub const KINDS: [TensorKind; 19] = [
    TensorKind::F32,
    TensorKind::F16,
    TensorKind::BF16,
    TensorKind::Q8_0,
    TensorKind::Q4_0,
    TensorKind::Q4_1,
    TensorKind::Q5_0,
    TensorKind::Q5_1,
    TensorKind::Iq4Nl,
    TensorKind::Q2K,
    TensorKind::Q3K,
    TensorKind::Q4K,
    TensorKind::Q5K,
    TensorKind::Q6K,
    TensorKind::Tq1_0,
    TensorKind::Tq2_0,
    TensorKind::I2S,
    TensorKind::Q2_0G64,
    TensorKind::Q2_0G128,
];

/// Tokenizers that the engine supports, by `tokenizer.ggml.model`.
pub const TOKENIZERS: [&str; 4] = ["gpt2", "llama", "rwkv", "bert"];

/// Pre-tokenizers of byte-pair encodings that the engine supports, by `tokenizer.ggml.pre`.
pub const PRE_TOKENIZERS: [&str; 17] = [
    "llama-bpe",
    "llama3",
    "llama-v3",
    "falcon3",
    "qwen2",
    "deepseek-r1-qwen",
    "dbrx",
    "smaug-bpe",
    "gpt-2",
    "phi-2",
    "olmo",
    "mpt",
    "refact",
    "smollm",
    "starcoder",
    "command-r",
    "default",
];

/// A reason why the engine cannot run a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Obstacle {
    /// No `general.architecture`.
    #[error("the file does not say its architecture (general.architecture)")]
    NoArchitecture,
    /// An architecture that the engine does not support.
    #[error("the engine does not run the architecture {0:?}")]
    Architecture(String),
    /// Something other than a model, such as an adapter.
    #[error("the file holds no model of its own but one of type {0:?}")]
    NoModel(String),
    /// A model of a supported architecture whose layers differ from those that the engine implements.
    #[error("the engine does not run {0}")]
    Form(&'static str),
    /// A tokenizer that the engine does not support.
    #[error("the engine does not have the tokenizer {0:?}")]
    Tokenizer(String),
    /// A byte-pair tokenizer without the name of its pre-tokenizer.
    #[error("the file does not say how its tokenizer cuts a text into words (tokenizer.ggml.pre)")]
    NoPreTokenizer,
    /// Only a vocabulary.
    #[error("the file has no tensors: it is a vocabulary, not a model")]
    NoTensors,
    /// One part of a split model.
    #[error("the file is one of {0} parts; try: the model in one file")]
    Split(u64),
    /// A model whose activations must be transformed.
    #[error(
        "{0} needs a transform of its activations that the engine does not have; without it the text is nonsense"
    )]
    ActivationTransform(String),
    /// Tensors of a kind that the engine does not support or does not know.
    #[error("{count} of the tensors, {first:?} first, are of the kind {kind}{}", why(*.kind))]
    Kind {
        /// The kind.
        kind: TensorKind,
        /// The number of such tensors.
        count: usize,
        /// The first of them.
        first: String,
    },
    /// No vocabulary.
    #[error("the file has no vocabulary (tokenizer.ggml.tokens)")]
    NoVocabulary,
}

fn why(kind: TensorKind) -> String {
    kind.refusal().map_or_else(
        || ", which the engine does not have".to_owned(),
        |why| format!(": {why}"),
    )
}

/// All reasons in the header why the engine cannot run this file.
pub fn obstacles(index: &Index) -> Vec<Obstacle> {
    let mut found = of_model(index);
    let metadata = index.metadata();
    if metadata
        .strings("tokenizer.ggml.tokens")
        .is_none_or(<[String]>::is_empty)
    {
        found.push(Obstacle::NoVocabulary);
    }
    found.extend(tokenizer(metadata));
    found
}

/// Those that are not about the tokenizer.
pub fn of_model(index: &Index) -> Vec<Obstacle> {
    let (metadata, summary) = (index.metadata(), Summary::of(index));
    let mut found = Vec::new();
    match metadata.string("general.type") {
        None | Some("model") => {}
        Some(other) => found.push(Obstacle::NoModel(other.to_owned())),
    }
    match metadata.u64("split.count") {
        None | Some(0 | 1) => {}
        Some(parts) => found.push(Obstacle::Split(parts)),
    }
    match summary.architecture {
        None => found.push(Obstacle::NoArchitecture),
        Some(name) if !ARCHITECTURES.iter().any(|(known, _)| *known == name) => {
            found.push(Obstacle::Architecture(name));
        }
        Some(_) => {}
    }
    found.extend(form(metadata).map(Obstacle::Form));
    if let Some(name) = summary.name.filter(|name| is_bonsai_2(name)) {
        found.push(Obstacle::ActivationTransform(name));
    }
    if index.tensors().is_empty() {
        found.push(Obstacle::NoTensors);
    }
    for (kind, count, _) in summary.kinds {
        if KINDS.contains(&kind) {
            continue;
        }
        let first = index.tensors().iter().find(|tensor| tensor.kind == kind);
        found.push(Obstacle::Kind {
            kind,
            count,
            first: first.map_or_else(String::new, |tensor| tensor.name.clone()),
        });
    }
    found
}

/// A description of a model that names a supported architecture but differs from it.
fn form(metadata: &Metadata) -> Option<&'static str> {
    match metadata.architecture()? {
        "bitnet"
            if metadata
                .of_architecture("rope.freq_base")
                .and_then(Value::as_f32)
                .unwrap_or(1e4)
                < 1e5 =>
        {
            Some("the first BitNet models, whose activation differs; it runs BitNet b1.58 2B4T")
        }
        "mamba" if metadata.of_architecture("ssm.dt_b_c_rms") == Some(&Value::Bool(true)) => {
            Some("FalconMamba, which normalises within its layers")
        }
        _ => None,
    }
}

/// The tokenizer, if the engine does not support it.
fn tokenizer(metadata: &Metadata) -> Option<Obstacle> {
    let model = metadata.string("tokenizer.ggml.model")?;
    if !TOKENIZERS.contains(&model) {
        return Some(Obstacle::Tokenizer(model.to_owned()));
    }
    if model != "gpt2" {
        return None;
    }
    match metadata.string("tokenizer.ggml.pre") {
        Some(pre) if PRE_TOKENIZERS.contains(&pre) => None,
        Some(pre) => Some(Obstacle::Tokenizer(format!("{model}, {pre}"))),
        // The published BitNet files leave it out; theirs is known.
        None if metadata
            .architecture()
            .is_some_and(|name| name.starts_with("bitnet")) =>
        {
            None
        }
        None => Some(Obstacle::NoPreTokenizer),
    }
}

/// Whether a model of this name belongs to the second Bonsai family, whose weights are stored rotated.
fn is_bonsai_2(name: &str) -> bool {
    let words: Vec<String> = name
        .split(|c: char| !c.is_alphanumeric() && c != '.')
        .map(str::to_lowercase)
        .collect();
    words
        .windows(2)
        .any(|pair| pair[0] == "bonsai" && (pair[1] == "2" || pair[1] == "v2" || is_minor_of_2(&pair[1])))
        || words.iter().any(|word| word == "bonsai2")
}

/// Whether this is a version such as 2.1 rather than a size such as 2.7b.
fn is_minor_of_2(word: &str) -> bool {
    word.strip_prefix("2.")
        .is_some_and(|minor| minor.chars().all(|c| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::writer::Writer;

    fn check(change: impl FnOnce(&mut Writer<'_>)) -> Vec<String> {
        let mut writer = Writer::new();
        writer
            .set("general.architecture", "qwen3")
            .set("general.name", "Ternary Bonsai 1.7B")
            .set("tokenizer.ggml.tokens", vec!["a".to_owned()]);
        writer.tensor("token_embd.weight", &[64, 1], TensorKind::Q2_0G64, &[0; 18]);
        change(&mut writer);
        let mut bytes = Vec::new();
        writer.write(&mut bytes).unwrap();
        let found = obstacles(&Index::parse(&bytes).unwrap());
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_known_model_has_no_obstacle() {
        assert_eq!(check(|_| ()), Vec::<String>::new());
    }

    #[test]
    fn every_obstacle_is_named() {
        let found = check(|writer| {
            writer
                .set("general.architecture", "qwen35")
                .set("general.type", "adapter")
                .set("general.name", "Bonsai-2 27B")
                .set("split.count", 3_u16)
                .set("tokenizer.ggml.tokens", Vec::<String>::new());
            writer.tensor("a", &[256, 1], TensorKind::Iq1S, &[0; 50]);
            writer.tensor("b", &[4, 1], TensorKind::F32, &[0; 16]).type_id(38);
        });
        assert_eq!(
            found,
            [
                "the file holds no model of its own but one of type \"adapter\"",
                "the file is one of 3 parts; try: the model in one file",
                "the engine does not run the architecture \"qwen35\"",
                "Bonsai-2 27B needs a transform of its activations that the engine does not have; without it the text is nonsense",
                "1 of the tensors, \"a\" first, are of the kind IQ1_S, which the engine does not have",
                "1 of the tensors, \"b\" first, are of the kind unknown type 38: forks use this type number for different formats, \
                 and the size fits none that is known",
                "the file has no vocabulary (tokenizer.ggml.tokens)",
            ]
        );
    }

    #[test]
    fn models_and_tokenizers_that_only_look_known_are_named() {
        let found = check(|writer| {
            writer
                .set("general.architecture", "mamba")
                .set("mamba.ssm.dt_b_c_rms", true)
                .set("tokenizer.ggml.model", "gpt2")
                .set("tokenizer.ggml.pre", "klingon");
        });
        assert_eq!(
            found,
            [
                "the engine does not run FalconMamba, which normalises within its layers",
                "the engine does not have the tokenizer \"gpt2, klingon\"",
            ]
        );
        let found = check(|writer| {
            writer
                .set("general.architecture", "bitnet")
                .set("tokenizer.ggml.model", "t5");
        });
        assert_eq!(
            found,
            [
                "the engine does not run the first BitNet models, whose activation differs; it runs BitNet b1.58 2B4T",
                "the engine does not have the tokenizer \"t5\"",
            ]
        );
        let silent = |architecture: &'static str| {
            check(|writer| {
                writer
                    .set("general.architecture", architecture)
                    .set("tokenizer.ggml.model", "gpt2");
            })
        };
        assert_eq!(
            silent("qwen3"),
            ["the file does not say how its tokenizer cuts a text into words (tokenizer.ggml.pre)"]
        );
        assert_eq!(silent("bitnet-b1.58"), Vec::<String>::new());
        let granite = check(|writer| {
            writer
                .set("general.architecture", "granitehybrid")
                .set("tokenizer.ggml.model", "gpt2")
                .set("tokenizer.ggml.pre", "dbrx");
        });
        assert_eq!(granite, Vec::<String>::new());
    }

    #[test]
    fn the_second_bonsai_family_by_name() {
        for name in [
            "Bonsai-2 27B",
            "Bonsai 2",
            "prism-ml/Bonsai2-27B",
            "Ternary Bonsai 2.1",
            "bonsai-v2",
        ] {
            assert!(is_bonsai_2(name), "{name}");
        }
        for name in [
            "Ternary-Bonsai-8B",
            "Bonsai 1.7B",
            "Bonsai 2.7B",
            "Bonsai 27B",
            "Bonsai",
        ] {
            assert!(!is_bonsai_2(name), "{name}");
        }
    }
}
