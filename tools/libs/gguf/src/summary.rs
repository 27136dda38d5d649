use crate::index::Index;
use crate::kind::TensorKind;
use crate::value::Value;

/// A description of a file for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// `general.architecture`, such as `qwen3`.
    pub architecture: Option<String>,
    /// `general.name`.
    pub name: Option<String>,
    /// `general.license`, an SPDX identifier in lower case.
    pub licence: Option<String>,
    /// The kind that accounts for most of the bytes.
    pub quantisation: Option<TensorKind>,
    /// Every kind, with the number of its tensors and their bytes, largest first.
    pub kinds: Vec<(TensorKind, usize, u64)>,
    /// Elements of all tensors.
    pub parameters: u64,
    /// Bytes of all tensors.
    pub weight_bytes: u64,
    /// The number of tensors.
    pub tensors: usize,
    /// The number of layers.
    pub layers: Option<u64>,
    /// Width of the hidden state.
    pub width: Option<u64>,
    /// The context length that the model was trained for, in tokens.
    pub context: Option<u64>,
    /// Tokens in the vocabulary.
    pub vocabulary: Option<u64>,
    /// `tokenizer.ggml.model`, such as `gpt2` for byte-level BPE.
    pub tokenizer: Option<String>,
    /// Whether there is a chat template.
    pub chat_template: bool,
}

impl Summary {
    /// Summarises a file.
    pub fn of(index: &Index) -> Self {
        let metadata = index.metadata();
        let text = |key| metadata.string(key).map(str::to_owned);
        let number = |key| metadata.of_architecture(key).and_then(Value::as_u64);
        let mut kinds: Vec<(TensorKind, usize, u64)> = Vec::new();
        for tensor in index.tensors() {
            let bytes = tensor.range.len() as u64;
            match kinds.iter_mut().find(|(kind, ..)| *kind == tensor.kind) {
                Some((_, count, sum)) => {
                    *count += 1;
                    *sum += bytes;
                }
                None => kinds.push((tensor.kind, 1, bytes)),
            }
        }
        kinds.sort_by_key(|(_, _, bytes)| std::cmp::Reverse(*bytes));
        let tokens = metadata.array("tokenizer.ggml.tokens");
        Self {
            architecture: text("general.architecture"),
            name: text("general.name"),
            licence: text("general.license"),
            quantisation: kinds.first().map(|(kind, ..)| *kind),
            parameters: index
                .tensors()
                .iter()
                .fold(0, |sum: u64, tensor| sum.saturating_add(tensor.elements())),
            weight_bytes: kinds.iter().map(|(_, _, bytes)| bytes).sum(),
            kinds,
            tensors: index.tensors().len(),
            layers: number("block_count"),
            width: number("embedding_length"),
            context: number("context_length"),
            vocabulary: tokens
                .map(|tokens| tokens.len() as u64)
                .or_else(|| number("vocab_size")),
            tokenizer: text("tokenizer.ggml.model"),
            chat_template: metadata.get("tokenizer.chat_template").is_some(),
        }
    }
}
