//! Tokens that are cut out of the text before the algorithm runs.

use std::collections::HashMap;
use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};

use super::error::TokenizerError;

/// An added token.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the flags of the format")]
pub(super) struct Added {
    pub(super) id: u32,
    pub(super) text: String,
    /// A control token: matched only if the caller allows it.
    pub(super) control: bool,
    /// Also covers the white space before it.
    pub(super) strip_left: bool,
    /// Also covers the white space after it.
    pub(super) strip_right: bool,
    /// Matches only between characters that are not part of a word.
    pub(super) whole_word: bool,
}

impl Added {
    pub(super) fn plain(id: u32, text: &str, control: bool) -> Added {
        Added {
            id,
            text: text.to_owned(),
            control,
            strip_left: false,
            strip_right: false,
            whole_word: false,
        }
    }
}

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Text for the algorithm.
    Text(Range<usize>),
    /// An added token, and the range it covers.
    Token(u32, Range<usize>),
}

/// Finds added tokens; of several that begin at the same position, the longest.
#[derive(Debug, Default)]
pub(super) struct AddedTokens {
    tokens: Vec<Added>,
    by_text: HashMap<String, u32>,
    automaton: Option<AhoCorasick>,
}

impl AddedTokens {
    pub(super) fn new(tokens: Vec<Added>) -> Result<AddedTokens, TokenizerError> {
        let tokens: Vec<Added> = tokens.into_iter().filter(|t| !t.text.is_empty()).collect();
        let automaton = if tokens.is_empty() {
            None
        } else {
            let built = AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostLongest)
                .build(tokens.iter().map(|t| &t.text));
            Some(built.map_err(|e| {
                TokenizerError::Damaged(format!("its special tokens cannot be searched for: {e}"))
            })?)
        };
        let by_text = tokens.iter().map(|t| (t.text.clone(), t.id)).collect();
        Ok(AddedTokens {
            tokens,
            by_text,
            automaton,
        })
    }

    pub(super) fn id(&self, text: &str) -> Option<u32> {
        self.by_text.get(text).copied()
    }

    /// Splits `text` into pieces that cover all of it.
    pub(super) fn pieces(&self, text: &str, controls: bool) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut done = 0;
        if let Some(automaton) = &self.automaton {
            for found in automaton.find_iter(text) {
                let token = &self.tokens[found.pattern().as_usize()];
                let (mut start, mut end) = (found.start(), found.end());
                if token.control && !controls {
                    continue;
                }
                let is_word = |c: char| c.is_alphanumeric() || c == '_';
                if token.whole_word && (text[..start].ends_with(is_word) || text[end..].starts_with(is_word))
                {
                    continue;
                }
                if token.strip_left {
                    start = text[..start].trim_end().len().max(done);
                }
                if token.strip_right {
                    end = text.len() - text[end..].trim_start().len();
                }
                if start < done {
                    continue;
                }
                if done < start {
                    pieces.push(Piece::Text(done..start));
                }
                pieces.push(Piece::Token(token.id, start..end));
                done = end;
            }
        }
        if done < text.len() {
            pieces.push(Piece::Text(done..text.len()));
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> AddedTokens {
        AddedTokens::new(vec![
            Added::plain(1, "<|end|>", true),
            Added::plain(2, "<|end|><|end|>", true),
            Added::plain(3, "<tool>", false),
            Added {
                strip_left: true,
                strip_right: true,
                ..Added::plain(4, "[MASK]", false)
            },
            Added {
                whole_word: true,
                ..Added::plain(5, "yes", false)
            },
        ])
        .unwrap()
    }

    #[test]
    fn the_longest_wins_and_the_rest_is_text() {
        assert_eq!(
            tokens().pieces("a<|end|><|end|>b<|end|>", true),
            [
                Piece::Text(0..1),
                Piece::Token(2, 1..15),
                Piece::Text(15..16),
                Piece::Token(1, 16..23)
            ]
        );
    }

    #[test]
    fn a_users_text_keeps_control_tokens_as_text() {
        assert_eq!(
            tokens().pieces("<|end|><tool>", false),
            [Piece::Text(0..7), Piece::Token(3, 7..13)]
        );
    }

    #[test]
    fn white_space_and_words_are_respected() {
        assert_eq!(
            tokens().pieces("a [MASK]  b", true),
            [Piece::Text(0..1), Piece::Token(4, 1..10), Piece::Text(10..11)]
        );
        assert_eq!(
            tokens().pieces("yes eyes", true),
            [Piece::Token(5, 0..3), Piece::Text(3..8)]
        );
    }
}
