//! The public handle of a tokenizer.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::added::AddedTokens;
use super::codec::{Algorithm, Codec};
use super::error::TokenizerError;
use super::roles::Roles;
use super::table::TokenTable;
use crate::guide::Grammars;

/// Encodes and decodes with one vocabulary. Immutable, to be shared in an `Arc`.
pub struct Tokenizer {
    codec: Arc<Codec>,
    /// The vocabulary prepared for constraints, which takes a moment; made on first use.
    grammars: OnceLock<Result<Arc<Grammars>, String>>,
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithm = match self.codec.algorithm {
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
    pub(super) fn new(
        algorithm: Algorithm,
        added: AddedTokens,
        table: TokenTable,
        roles: Roles,
    ) -> Tokenizer {
        Tokenizer {
            codec: Arc::new(Codec {
                algorithm,
                added,
                table,
                roles,
            }),
            grammars: OnceLock::new(),
        }
    }

    /// The vocabulary prepared for constraints, or the reason why it cannot be constrained.
    pub(crate) fn grammars(&self) -> Result<&Arc<Grammars>, &str> {
        let made = self
            .grammars
            .get_or_init(|| Grammars::new(self.codec.clone()).map(Arc::new));
        made.as_ref().map_err(String::as_str)
    }

    /// The token ids of `text`, without an added begin or end token.
    ///
    /// With `specials`, control tokens written out in the text become their ids, as needed for a rendered chat template. Without, they
    /// are plain text, as needed for user input.
    pub fn encode(&self, text: &str, specials: bool) -> Result<Vec<u32>, TokenizerError> {
        self.codec.encode(text, specials)
    }

    /// Like [`Tokenizer::encode`] with specials, with the begin token, and for embedding models the end token, that the model expects
    /// around a plain text.
    pub fn encode_framed(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        let ids = self.encode(text, true)?;
        let mut framed = Vec::with_capacity(ids.len() + 2);
        if self.codec.roles.add_bos
            && let Some(bos) = self.codec.roles.bos
            && ids.first() != Some(&bos)
        {
            framed.push(bos);
        }
        framed.extend(ids);
        if self.codec.roles.add_eos
            && let Some(eos) = self.codec.roles.eos
        {
            framed.push(eos);
        }
        Ok(framed)
    }

    /// The text of `ids`; invalid UTF-8 becomes U+FFFD. Control tokens are written out only with `specials`.
    pub fn decode(&self, ids: &[u32], specials: bool) -> String {
        self.codec.decode(ids, specials)
    }

    /// The bytes that token `id` stands for: the written form for control tokens, nothing for an unknown id.
    pub fn bytes(&self, id: u32) -> &[u8] {
        self.codec.table.bytes(id)
    }

    /// Whether `id` is a control token rather than text.
    pub fn is_control(&self, id: u32) -> bool {
        self.codec.table.is_control(id)
    }

    /// The id of the special token that is written as `text`.
    pub fn special(&self, text: &str) -> Option<u32> {
        self.codec.added.id(text)
    }

    /// The number of ids. The model may have more rows.
    pub fn len(&self) -> usize {
        self.codec.table.len()
    }

    /// Whether there are no tokens, which is never the case for a usable tokenizer.
    pub fn is_empty(&self) -> bool {
        self.codec.table.len() == 0
    }

    /// The ids with a role.
    pub fn roles(&self) -> &Roles {
        &self.codec.roles
    }

    /// Whether `id` ends a generation.
    pub fn is_end(&self, id: u32) -> bool {
        self.codec.roles.ends.contains(&id)
    }
}
