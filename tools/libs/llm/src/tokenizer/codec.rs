//! Encoding and decoding with any algorithm.

use super::added::{AddedTokens, Piece};
use super::error::TokenizerError;
use super::pipeline::Pipeline;
use super::roles::Roles;
use super::spm::SentencePiece;
use super::table::TokenTable;
use super::world::World;
use crate::guide::Lexicon;

/// Encodes and decodes.
pub(super) struct Codec {
    pub(super) algorithm: Algorithm,
    pub(super) added: AddedTokens,
    pub(super) table: TokenTable,
    pub(super) roles: Roles,
}

/// How text becomes tokens.
pub(super) enum Algorithm {
    Pipeline(Box<Pipeline>),
    SentencePiece(SentencePiece),
    World(World),
}

impl Codec {
    pub(super) fn encode(&self, text: &str, specials: bool) -> Result<Vec<u32>, TokenizerError> {
        match &self.algorithm {
            Algorithm::Pipeline(pipeline) => pipeline.encode(text, &self.added, specials),
            Algorithm::SentencePiece(spm) => Ok(self.by_pieces(text, specials, |t, out| spm.encode(t, out))),
            Algorithm::World(world) => {
                Ok(self.by_pieces(text, specials, |t, out| world.encode(t.as_bytes(), out)))
            }
        }
    }

    /// The text of `ids`; invalid UTF-8 becomes U+FFFD. Control tokens are written out only with `specials`.
    pub(super) fn decode(&self, ids: &[u32], specials: bool) -> String {
        let mut bytes = Vec::new();
        for &id in ids {
            if specials || !self.table.is_control(id) {
                bytes.extend_from_slice(self.table.bytes(id));
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        match &self.algorithm {
            Algorithm::SentencePiece(spm) if spm.adds_space() => {
                text.strip_prefix(' ').unwrap_or(&text).to_owned()
            }
            Algorithm::Pipeline(p) if p.starts_with_space() => {
                text.strip_prefix(' ').unwrap_or(&text).to_owned()
            }
            _ => text.into_owned(),
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
}

impl Lexicon for Codec {
    fn len(&self) -> usize {
        self.table.len()
    }

    fn bytes(&self, id: u32) -> &[u8] {
        self.table.bytes(id)
    }

    fn is_control(&self, id: u32) -> bool {
        self.table.is_control(id)
    }

    fn ends(&self) -> &[u32] {
        &self.roles.ends
    }

    fn encode(&self, text: &str) -> Option<Vec<u32>> {
        Codec::encode(self, text, false).ok()
    }

    fn encodes_parts_alike(&self) -> bool {
        match &self.algorithm {
            Algorithm::Pipeline(p) => !p.starts_with_space(),
            Algorithm::SentencePiece(spm) => !spm.adds_space(),
            Algorithm::World(_) => true,
        }
    }
}
