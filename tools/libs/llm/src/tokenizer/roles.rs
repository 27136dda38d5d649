//! Special tokens and their roles.

/// The ids of special tokens, if the model has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles {
    /// Begins a text.
    pub bos: Option<u32>,
    /// Ends a text.
    pub eos: Option<u32>,
    /// Stands for text without a token.
    pub unknown: Option<u32>,
    /// Padding.
    pub padding: Option<u32>,
    /// Whether `bos` is put before every text that is not rendered by a chat template.
    pub add_bos: bool,
    /// Whether `eos` is put after every text, as for embedding models.
    pub add_eos: bool,
    /// Tokens that end a generation: end of text, of turn, of message.
    pub ends: Vec<u32>,
}

/// Control tokens that end a turn in common chat formats, whatever the metadata say about the end of text.
pub(super) const TURN_ENDS: [&str; 8] = [
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end_of_text|>",
    "<|endoftext|>",
    "<|end|>",
    "<end_of_turn>",
    "<|end_of_turn|>",
];

/// Tags in a model's answer that the caller has to parse. Some vocabularies mark them as control tokens, which would not be decoded.
pub(crate) const READ_TAGS: [&str; 4] = ["<think>", "</think>", "<tool_call>", "</tool_call>"];
