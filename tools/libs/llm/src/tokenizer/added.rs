//! Tokens that are cut out of the text before the algorithm runs.

use std::collections::HashMap;
use std::ops::Range;

use aho_corasick::{AhoCorasick, Input, MatchKind};

use super::error::TokenizerError;
use super::provenance::{Controls, Segments};

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
    all: Option<AhoCorasick>,
    /// The tokens that are not control tokens, and their places in `tokens`.
    plain: Option<AhoCorasick>,
    plain_places: Vec<usize>,
}

impl AddedTokens {
    pub(super) fn new(tokens: Vec<Added>) -> Result<AddedTokens, TokenizerError> {
        let tokens: Vec<Added> = tokens.into_iter().filter(|t| !t.text.is_empty()).collect();
        let plain_places: Vec<usize> = (0..tokens.len()).filter(|&i| !tokens[i].control).collect();
        let by_text = tokens.iter().map(|t| (t.text.clone(), t.id)).collect();
        Ok(AddedTokens {
            by_text,
            all: automaton(tokens.iter().map(|t| t.text.as_str()))?,
            plain: automaton(plain_places.iter().map(|&i| tokens[i].text.as_str()))?,
            plain_places,
            tokens,
        })
    }

    pub(super) fn id(&self, text: &str) -> Option<u32> {
        self.by_text.get(text).copied()
    }

    /// The texts of control tokens, or of the others.
    pub(super) fn texts(&self, control: bool) -> impl Iterator<Item = &str> {
        self.tokens
            .iter()
            .filter(move |t| t.control == control)
            .map(|t| t.text.as_str())
    }

    /// Whether a token may cover any amount of white space around its text.
    pub(super) fn covers_space(&self) -> bool {
        self.tokens.iter().any(|t| t.strip_left || t.strip_right)
    }

    /// The control tokens in `text`, as they are found where they are allowed everywhere.
    pub(super) fn controls(&self, text: &str) -> Vec<Range<usize>> {
        let found = self.all.iter().flat_map(|all| all.find_iter(text));
        found
            .filter(|found| self.tokens[found.pattern().as_usize()].control)
            .map(|found| found.start()..found.end())
            .collect()
    }

    /// Splits `text` into pieces that cover all of it.
    pub(super) fn pieces<'a>(&'a self, text: &'a str, controls: Controls<'a>) -> Pieces<'a> {
        Pieces {
            added: self,
            text,
            segments: Segments::new(controls, text.len()),
            searched: 0,
            done: 0,
            ready: None,
        }
    }
}

fn automaton<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Option<AhoCorasick>, TokenizerError> {
    let texts: Vec<&str> = texts.collect();
    if texts.is_empty() {
        return Ok(None);
    }
    AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostLongest)
        .build(texts)
        .map(Some)
        .map_err(|e| TokenizerError::Damaged(format!("its special tokens cannot be searched for: {e}")))
}

/// The pieces of a text, found one by one.
#[derive(Debug)]
pub(super) struct Pieces<'a> {
    added: &'a AddedTokens,
    text: &'a str,
    segments: Segments<'a>,
    searched: usize,
    done: usize,
    ready: Option<Piece>,
}

impl Pieces<'_> {
    /// The next match of a token that is allowed at its place.
    fn find(&mut self) -> Option<(usize, Range<usize>)> {
        while self.searched < self.text.len() {
            let (end, controls) = self.segments.at(self.searched);
            let automaton = if controls {
                &self.added.all
            } else {
                &self.added.plain
            };
            let part = Input::new(self.text).span(self.searched..end);
            if let Some(found) = automaton.as_ref().and_then(|automaton| automaton.find(part)) {
                self.searched = found.end();
                let place = found.pattern().as_usize();
                let place = if controls {
                    place
                } else {
                    self.added.plain_places[place]
                };
                return Some((place, found.start()..found.end()));
            }
            self.searched = end;
        }
        None
    }
}

impl Iterator for Pieces<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        if let Some(piece) = self.ready.take() {
            return Some(piece);
        }
        let text = self.text;
        while let Some((place, Range { mut start, mut end })) = self.find() {
            let token = &self.added.tokens[place];
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            if token.whole_word && (text[..start].ends_with(is_word) || text[end..].starts_with(is_word)) {
                continue;
            }
            if token.strip_left {
                start = text[..start].trim_end().len().max(self.done);
            }
            if token.strip_right {
                end = text.len() - text[end..].trim_start().len();
            }
            if start < self.done {
                continue;
            }
            let before = self.done..start;
            self.done = end;
            let token = Piece::Token(token.id, start..end);
            if before.is_empty() {
                return Some(token);
            }
            self.ready = Some(token);
            return Some(Piece::Text(before));
        }
        let rest = self.done..text.len();
        self.done = text.len();
        (!rest.is_empty()).then_some(Piece::Text(rest))
    }
}

#[cfg(test)]
mod tests {
    use super::super::provenance::Provenance;
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

    fn pieces(text: &str, controls: Controls<'_>) -> Vec<Piece> {
        tokens().pieces(text, controls).collect()
    }

    #[test]
    fn the_longest_wins_and_the_rest_is_text() {
        assert_eq!(
            pieces("a<|end|><|end|>b<|end|>", Controls::Everywhere),
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
            pieces("<|end|><tool>", Controls::Nowhere),
            [Piece::Text(0..7), Piece::Token(3, 7..13)]
        );
    }

    #[test]
    fn white_space_and_words_are_respected() {
        assert_eq!(
            pieces("a [MASK]  b", Controls::Everywhere),
            [Piece::Text(0..1), Piece::Token(4, 1..10), Piece::Text(10..11)]
        );
        assert_eq!(
            pieces("yes eyes", Controls::Everywhere),
            [Piece::Token(5, 0..3), Piece::Text(3..8)]
        );
    }

    #[test]
    fn control_tokens_are_found_where_they_are_trusted() {
        let provenance = Provenance {
            controls: vec![8..15, 30..37],
            walls: vec![20],
        };
        // A user's token before a trusted one neither counts nor swallows it; a wall breaks a tag.
        assert_eq!(
            pieces(
                "a<|end|><|end|><tool><tool>abc<|end|>",
                Controls::Where(&provenance)
            ),
            [
                Piece::Text(0..8),
                Piece::Token(1, 8..15),
                Piece::Text(15..21),
                Piece::Token(3, 21..27),
                Piece::Text(27..30),
                Piece::Token(1, 30..37)
            ]
        );
    }
}
