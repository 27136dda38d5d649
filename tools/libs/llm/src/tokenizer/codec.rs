//! Encoding and decoding with any algorithm.

use super::added::{AddedTokens, Piece};
use super::bounds::Bounds;
use super::cuts::Cuts;
use super::error::TokenizerError;
use super::pipeline::Pipeline;
use super::provenance::Controls;
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
    /// Where long texts are cut.
    pub(super) cuts: Cuts,
    /// The most bytes of a text that become one token; `None` if there is no limit.
    bytes_per_token: Option<usize>,
}

/// How text becomes tokens.
pub(super) enum Algorithm {
    Pipeline(Box<Pipeline>),
    SentencePiece(SentencePiece),
    World(World),
}

impl Codec {
    pub(super) fn new(algorithm: Algorithm, added: AddedTokens, table: TokenTable, roles: Roles) -> Codec {
        let shrinks = match &algorithm {
            _ if added.covers_space() => None,
            Algorithm::Pipeline(pipeline) => pipeline.shrinks(),
            Algorithm::SentencePiece(spm) => spm.keeps_length().then_some(1),
            Algorithm::World(_) => Some(1),
        };
        let cuts = match &algorithm {
            Algorithm::Pipeline(pipeline) if pipeline.known_words => Cuts::BetweenWords,
            Algorithm::Pipeline(_) if table.joins_words() => Cuts::Nowhere,
            Algorithm::Pipeline(pipeline) => pipeline.cuts_of_parts(),
            Algorithm::SentencePiece(spm) => spm.cuts(),
            Algorithm::World(_) => Cuts::Nowhere,
        };
        Codec {
            bytes_per_token: shrinks.map(|factor| factor * table.longest().max(1)),
            cuts,
            algorithm,
            added,
            table,
            roles,
        }
    }

    /// The least number of tokens of a text of this many bytes.
    pub(super) fn least_tokens(&self, bytes: usize) -> usize {
        self.bytes_per_token.map_or(0, |most| bytes.div_ceil(most))
    }

    /// Encodes a text. Time and memory are linear in the text, and limited by `bounds`.
    pub(super) fn encode(
        &self,
        text: &str,
        controls: Controls<'_>,
        bounds: &Bounds<'_>,
    ) -> Result<Vec<u32>, TokenizerError> {
        bounds.check(self.least_tokens(text.len()))?;
        let mut ids = Vec::new();
        for piece in self.added.pieces(text, controls) {
            match piece {
                Piece::Token(id, _) => ids.push(id),
                Piece::Text(range) => {
                    let begins = range.start == 0;
                    for (index, part) in self.cuts.parts(&text[range]).enumerate() {
                        self.part(part, begins, index == 0, bounds, &mut ids)?;
                        bounds.check(ids.len())?;
                    }
                }
            }
            bounds.check(ids.len())?;
        }
        Ok(ids)
    }

    /// Encodes a part of the text between two special tokens: the text begins with it, or that between the tokens does.
    fn part(
        &self,
        part: &str,
        begins: bool,
        first: bool,
        bounds: &Bounds<'_>,
        ids: &mut Vec<u32>,
    ) -> Result<(), TokenizerError> {
        match &self.algorithm {
            // Where texts are cut, their beginning is encoded as the rest.
            Algorithm::Pipeline(pipeline) => pipeline.encode(part, begins || self.cuts != Cuts::Nowhere, ids),
            Algorithm::SentencePiece(spm) => {
                spm.encode(part, first, ids);
                Ok(())
            }
            Algorithm::World(world) => world.encode(part.as_bytes(), bounds, ids),
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
        Codec::encode(self, text, Controls::Nowhere, &Bounds::NONE).ok()
    }

    fn encodes_parts_alike(&self) -> bool {
        match &self.algorithm {
            Algorithm::Pipeline(p) => !p.starts_with_space(),
            Algorithm::SentencePiece(spm) => !spm.adds_space(),
            Algorithm::World(_) => true,
        }
    }
}
