//! The public handle of a tokenizer.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::added::AddedTokens;
use super::bounds::Bounds;
use super::codec::{Algorithm, Codec};
use super::error::TokenizerError;
use super::provenance::Controls;
use super::roles::Roles;
use super::table::TokenTable;
use crate::guide::Grammars;

/// Encodes and decodes with one vocabulary. Immutable, to be shared in an `Arc`.
pub struct Tokenizer {
    codec: Arc<Codec>,
    /// The vocabulary prepared for constraints, which takes a moment; made on first use.
    grammars: OnceLock<Result<Arc<Grammars>, String>>,
}

/// Which vocabulary something was made for.
pub(crate) struct Identity(Arc<Codec>);

impl Identity {
    pub(crate) fn is_of(&self, tokenizer: &Tokenizer) -> bool {
        Arc::ptr_eq(&self.0, &tokenizer.codec)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
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
            codec: Arc::new(Codec::new(algorithm, added, table, roles)),
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
        let controls = if specials {
            Controls::Everywhere
        } else {
            Controls::Nowhere
        };
        self.encode_within(text, controls, &Bounds::NONE)
    }

    /// The token ids of `text`, without an added begin or end token, within limits of work.
    ///
    /// # Errors
    /// [`TokenizerError::TooLong`] as soon as it is known, for long texts before they are looked at, and [`TokenizerError::Cancelled`].
    pub fn encode_within(
        &self,
        text: &str,
        controls: Controls<'_>,
        bounds: &Bounds<'_>,
    ) -> Result<Vec<u32>, TokenizerError> {
        self.codec.encode(text, controls, bounds)
    }

    /// The least number of tokens that a text of this many bytes has; 0 if its length does not tell.
    pub fn least_tokens(&self, bytes: usize) -> usize {
        self.codec.least_tokens(bytes)
    }

    /// Like [`Tokenizer::encode`] with specials, with the begin token, and for embedding models the end token, that the model expects
    /// around a plain text.
    pub fn encode_framed(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        self.encode_framed_within(text, &Bounds::NONE)
    }

    /// Like [`Tokenizer::encode_framed`], within limits of work. The added tokens do not count.
    pub fn encode_framed_within(&self, text: &str, bounds: &Bounds<'_>) -> Result<Vec<u32>, TokenizerError> {
        let ids = self.encode_within(text, Controls::Everywhere, bounds)?;
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

    /// Tells this vocabulary from others.
    pub(crate) fn identity(&self) -> Identity {
        Identity(Arc::clone(&self.codec))
    }

    /// The texts of the control tokens, or of the other added tokens.
    pub(crate) fn added_texts(&self, control: bool) -> impl Iterator<Item = &str> {
        self.codec.added.texts(control)
    }

    /// Where control tokens are written out in `text`, whoever wrote them.
    pub(crate) fn controls_in(&self, text: &str) -> Vec<std::ops::Range<usize>> {
        self.codec.added.controls(text)
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

#[cfg(test)]
mod tests {
    use super::super::cuts::Cuts;
    use super::super::{TokenKind, Vocabulary};
    use super::*;
    use serde_json::Value;

    fn read(name: &str) -> Value {
        let path = format!("{}/tests/text/{name}.json", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    fn pipeline(name: &str) -> Tokenizer {
        Tokenizer::from_json_bytes(read(name)["tokenizer_json"].to_string().as_bytes(), None).unwrap()
    }

    fn sentence_pieces() -> Tokenizer {
        let keys = &read("sentence-pieces")["vocabulary"];
        let list = |key: &str| keys[key].as_array().unwrap().clone();
        #[expect(clippy::cast_possible_truncation, reason = "scores are 32-bit in the files")]
        Tokenizer::from_vocabulary(&Vocabulary {
            model: "llama".into(),
            tokens: list("tokens")
                .iter()
                .map(|t| t.as_str().unwrap().into())
                .collect(),
            scores: list("scores")
                .iter()
                .map(|s| s.as_f64().unwrap() as f32)
                .collect(),
            kinds: list("types")
                .iter()
                .map(|kind| TokenKind::from_number(kind.as_i64().unwrap()))
                .collect(),
            unknown: Some(0),
            ..Vocabulary::default()
        })
        .unwrap()
    }

    /// A text of many words in an order that does not repeat, with and without spaces between them.
    fn text(gap: &str) -> String {
        let words = [
            "pool",
            "the",
            "disk",
            "don't",
            "WE'LL",
            "12345",
            "x1",
            "3.14",
            "(a)",
            "{\"k\":[1,2]}",
            "世界，你好。",
            "データ",
            "größe",
            "e\u{301}",
            "\n",
            "\n\n  ",
            "\t",
            "...",
            "😀",
            "a_b",
            "'s",
            "'",
            "--",
            "한국어！",
            "x\u{a0}y",
        ];
        let mut state = 1u32;
        let mut text = String::new();
        while text.len() < 30_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            text.push_str(words[(state >> 16) as usize % words.len()]);
            text.push_str(gap);
        }
        text
    }

    fn cut(mut tokenizer: Tokenizer, cuts: Cuts, text: &str) -> Vec<u32> {
        Arc::get_mut(&mut tokenizer.codec).unwrap().cuts = cuts;
        tokenizer.encode(text, false).unwrap()
    }

    #[test]
    fn cutting_a_long_text_changes_no_token() {
        for gap in [" ", ""] {
            let text = text(gap);
            for cuts in [Cuts::BeforeSpaces, Cuts::BetweenWords] {
                assert!(cuts.parts(&text).count() > 2, "{cuts:?}");
                for name in ["qwen2", "llama-bpe", "gpt-2", "dbrx", "refact"] {
                    // A text without spaces is only cut between words if the pattern is known.
                    if gap.is_empty() && cuts == Cuts::BeforeSpaces {
                        continue;
                    }
                    let whole = cut(pipeline(name), Cuts::Nowhere, &text);
                    assert_eq!(
                        cut(pipeline(name), cuts, &text),
                        whole,
                        "{name}, {cuts:?}, {gap:?}"
                    );
                }
            }
        }
        let text = text(" ");
        let whole = cut(pipeline("word-pieces"), Cuts::Nowhere, &text);
        assert_eq!(cut(pipeline("word-pieces"), Cuts::BeforeSpaces, &text), whole);
        let whole = cut(sentence_pieces(), Cuts::Nowhere, &text);
        assert_eq!(cut(sentence_pieces(), Cuts::BeforeSpaces, &text), whole);
    }

    #[test]
    fn each_vocabulary_is_cut_where_it_may_be() {
        let cuts = |tokenizer: Tokenizer| tokenizer.codec.cuts;
        assert_eq!(cuts(pipeline("qwen2")), Cuts::BeforeSpaces);
        assert_eq!(cuts(pipeline("word-pieces")), Cuts::BeforeSpaces);
        assert_eq!(cuts(sentence_pieces()), Cuts::BeforeSpaces);
        let mut described = read("gpt-2")["tokenizer_json"].clone();
        described["pre_tokenizer"] =
            serde_json::json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"});
        let first = Tokenizer::from_json_bytes(described.to_string().as_bytes(), None).unwrap();
        assert_eq!(cuts(first), Cuts::Nowhere);
    }
}
