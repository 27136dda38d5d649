//! From text to token ids and back.
//!
//! A [`Tokenizer`] is read from the metadata of a GGUF file ([`Vocabulary`]) or from a `tokenizer.json`. Four algorithms are
//! behind it: byte-level byte-pair encoding and `WordPiece` (through the `tokenizers` crate), `SentencePiece`'s score-driven
//! merging ([`spm`]) and the longest match of the RWKV world vocabulary ([`world`]).
//!
//! Special tokens are cut out of the text before any of them runs ([`added`]), so text that comes from a user can be encoded
//! without its `<|im_end|>` becoming the control token.

mod added;
mod json;
mod pipeline;
mod spm;
mod stream;
mod table;
mod vocabulary;
mod world;

use std::fmt;
use std::sync::{Arc, OnceLock};

use added::{AddedTokens, Piece};
use pipeline::Pipeline;
use spm::SentencePiece;
pub use stream::Decoder;
use table::TokenTable;
pub use vocabulary::{TokenKind, Vocabulary};
use world::World;

use crate::constraint::{ConstraintError, Grammars};

/// Why a tokenizer could not be made, or a text not be encoded.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// The file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The tokenizer's description lacks something or contradicts itself.
    #[error("the tokenizer is damaged: {0}; fetch the model again")]
    Damaged(String),
    /// The kind of tokenizer is not one that is known here.
    #[error("the tokenizer {what} `{name}` is not supported; supported are {supported}")]
    Unsupported {
        /// Model or pre-tokenizer.
        what: &'static str,
        /// The name in the file.
        name: String,
        /// What could be there instead.
        supported: &'static str,
    },
    /// The text could not be encoded.
    #[error("cannot encode the text: {0}")]
    Encode(String),
}

/// The ids with a role, as far as the model has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles {
    /// Begins a text.
    pub bos: Option<u32>,
    /// Ends a text.
    pub eos: Option<u32>,
    /// Stands for what has no token.
    pub unknown: Option<u32>,
    /// Fills up.
    pub padding: Option<u32>,
    /// Put before every text that is not rendered by a chat template.
    pub add_bos: bool,
    /// Put after every text; so for embedding models.
    pub add_eos: bool,
    /// Each of these ends a generation: end of text, of turn, of message.
    pub ends: Vec<u32>,
}

/// Encodes and decodes for one vocabulary. Immutable; share it by `Arc`.
pub struct Tokenizer {
    core: Arc<Core>,
    /// The vocabulary prepared for constraints, which takes a moment; made for the first of them.
    grammars: OnceLock<Result<Arc<Grammars>, String>>,
}

/// What encoding and decoding need.
pub(crate) struct Core {
    algorithm: Algorithm,
    added: AddedTokens,
    table: TokenTable,
    roles: Roles,
}

enum Algorithm {
    Pipeline(Box<Pipeline>),
    SentencePiece(SentencePiece),
    World(World),
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithm = match self.core.algorithm {
            Algorithm::Pipeline(_) => "pipeline",
            Algorithm::SentencePiece(_) => "sentencepiece",
            Algorithm::World(_) => "world",
        };
        f.debug_struct("Tokenizer")
            .field("algorithm", &algorithm)
            .field("tokens", &self.len())
            .field("roles", self.roles())
            .finish_non_exhaustive()
    }
}

impl Tokenizer {
    fn new(algorithm: Algorithm, added: AddedTokens, table: TokenTable, roles: Roles) -> Tokenizer {
        Tokenizer {
            core: Arc::new(Core {
                algorithm,
                added,
                table,
                roles,
            }),
            grammars: OnceLock::new(),
        }
    }

    pub(crate) fn grammars(&self) -> Result<&Arc<Grammars>, ConstraintError> {
        let made = self
            .grammars
            .get_or_init(|| Grammars::new(Arc::clone(&self.core)).map(Arc::new));
        made.as_ref()
            .map_err(|reason| ConstraintError::Tokenizer(reason.clone()))
    }

    /// The token ids of `text`, without a begin or end token being added.
    ///
    /// With `specials`, control tokens written out in the text become their ids, which is right for a rendered chat template.
    /// Without, they are text like any other, which is right for what a user typed.
    pub fn encode(&self, text: &str, specials: bool) -> Result<Vec<u32>, TokenizerError> {
        self.core.encode(text, specials)
    }

    /// As [`Tokenizer::encode`] with specials, framed as the model wants a plain text: with its begin token, and for embedding
    /// models its end token.
    pub fn encode_framed(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        let ids = self.encode(text, true)?;
        let mut framed = Vec::with_capacity(ids.len() + 2);
        if self.core.roles.add_bos
            && let Some(bos) = self.core.roles.bos
            && ids.first() != Some(&bos)
        {
            framed.push(bos);
        }
        framed.extend(ids);
        if self.core.roles.add_eos
            && let Some(eos) = self.core.roles.eos
        {
            framed.push(eos);
        }
        Ok(framed)
    }

    /// The text of `ids`; bytes that are no UTF-8 become U+FFFD. Control tokens are written out only with `specials`.
    pub fn decode(&self, ids: &[u32], specials: bool) -> String {
        let mut bytes = Vec::new();
        for &id in ids {
            if specials || !self.core.table.is_control(id) {
                bytes.extend_from_slice(self.core.table.bytes(id));
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        match &self.core.algorithm {
            Algorithm::SentencePiece(spm) if spm.adds_space() => {
                text.strip_prefix(' ').unwrap_or(&text).to_owned()
            }
            Algorithm::Pipeline(p) if p.starts_with_space() => {
                text.strip_prefix(' ').unwrap_or(&text).to_owned()
            }
            _ => text.into_owned(),
        }
    }

    /// The bytes that token `id` stands for: the written form for control tokens, nothing for an id that is not there.
    pub fn bytes(&self, id: u32) -> &[u8] {
        self.core.table.bytes(id)
    }

    /// Whether `id` steers the model and is no text.
    pub fn is_control(&self, id: u32) -> bool {
        self.core.table.is_control(id)
    }

    /// The id of the special token written `text`.
    pub fn special(&self, text: &str) -> Option<u32> {
        self.core.added.id(text)
    }

    /// How many ids there are. The model may have more rows than that.
    pub fn len(&self) -> usize {
        self.core.table.len()
    }

    /// Whether there are no tokens, which no usable tokenizer has.
    pub fn is_empty(&self) -> bool {
        self.core.table.len() == 0
    }

    /// The ids with a role.
    pub fn roles(&self) -> &Roles {
        &self.core.roles
    }

    /// Whether `id` ends a generation.
    pub fn is_end(&self, id: u32) -> bool {
        self.core.roles.ends.contains(&id)
    }
}

impl Core {
    pub(crate) fn encode(&self, text: &str, specials: bool) -> Result<Vec<u32>, TokenizerError> {
        match &self.algorithm {
            Algorithm::Pipeline(pipeline) => pipeline.encode(text, &self.added, specials),
            Algorithm::SentencePiece(spm) => Ok(self.by_pieces(text, specials, |t, out| spm.encode(t, out))),
            Algorithm::World(world) => {
                Ok(self.by_pieces(text, specials, |t, out| world.encode(t.as_bytes(), out)))
            }
        }
    }

    fn by_pieces(&self, text: &str, specials: bool, encode: impl Fn(&str, &mut Vec<u32>)) -> Vec<u32> {
        let mut ids = Vec::new();
        for piece in self.added.pieces(text, specials) {
            match piece {
                Piece::Token(id, _) => ids.push(id),
                Piece::Text(range) => encode(&text[range], &mut ids),
            }
        }
        ids
    }

    pub(crate) fn bytes(&self, id: u32) -> &[u8] {
        self.table.bytes(id)
    }

    pub(crate) fn is_control(&self, id: u32) -> bool {
        self.table.is_control(id)
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    pub(crate) fn roles(&self) -> &Roles {
        &self.roles
    }

    /// Whether a part of a text is encoded as it would be at the text's beginning.
    pub(crate) fn encodes_parts_alike(&self) -> bool {
        match &self.algorithm {
            Algorithm::Pipeline(p) => !p.starts_with_space(),
            Algorithm::SentencePiece(spm) => !spm.adds_space(),
            Algorithm::World(_) => true,
        }
    }
}

/// Control tokens that end a turn in the chat formats in use, whatever the metadata say about the end of text.
const TURN_ENDS: [&str; 8] = [
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end_of_text|>",
    "<|endoftext|>",
    "<|end|>",
    "<end_of_turn>",
    "<|end_of_turn|>",
];

/// Tags in a model's answer that whoever asked it has to read. Some vocabularies mark them as control tokens, which are no text.
const READ_TAGS: [&str; 4] = ["<think>", "</think>", "<tool_call>", "</tool_call>"];
