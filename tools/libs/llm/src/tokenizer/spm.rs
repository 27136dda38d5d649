//! `SentencePiece`'s byte-pair encoding: the adjacent pair with the highest score is merged until no pair can be.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};

use super::cuts::Cuts;

/// The character for a space in pieces.
const SPACE: char = '\u{2581}';

/// Pieces with their scores.
#[derive(Debug)]
pub(super) struct SentencePiece {
    pieces: HashMap<String, (u32, f32)>,
    bytes: Box<[Option<u32>; 256]>,
    unknown: u32,
    add_space: bool,
    collapse: bool,
}

/// Two adjacent symbols that form a piece.
#[derive(Debug)]
struct Pair {
    score: f32,
    left: usize,
    right: usize,
    length: usize,
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Pair {}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Pair {
    /// The highest score first, and the leftmost of equal ones.
    fn cmp(&self, other: &Self) -> Ordering {
        self.score
            .total_cmp(&other.score)
            .then_with(|| other.left.cmp(&self.left))
    }
}

/// A part of the text, in a linked list.
#[derive(Debug, Clone, Copy)]
struct Symbol {
    start: usize,
    length: usize,
    previous: Option<usize>,
    next: Option<usize>,
}

impl SentencePiece {
    /// `pieces` are those that merging may produce; `bytes` are the ids of single bytes, for text without a piece.
    pub(super) fn new(
        pieces: HashMap<String, (u32, f32)>,
        bytes: Box<[Option<u32>; 256]>,
        unknown: u32,
        add_space: bool,
        collapse: bool,
    ) -> SentencePiece {
        SentencePiece {
            pieces,
            bytes,
            unknown,
            add_space,
            collapse,
        }
    }

    /// Whether a space is put before every text, which decoding removes.
    pub(super) fn adds_space(&self) -> bool {
        self.add_space
    }

    /// Where a long text can be cut: no piece has a space after another character, as is usual.
    pub(super) fn cuts(&self) -> Cuts {
        let joins = |piece: &String| piece.trim_start_matches(SPACE).contains(SPACE);
        if self.collapse || self.pieces.keys().any(joins) {
            Cuts::Nowhere
        } else {
            Cuts::BeforeSpaces
        }
    }

    /// Whether every text is spelled with at least one token for each of its bytes or pieces, so that a text's length tells the least
    /// number of its tokens.
    pub(super) fn keeps_length(&self) -> bool {
        !self.collapse && self.bytes.iter().all(Option::is_some)
    }

    /// Encodes a text, or the part of one between two special tokens; `first` if the part is not preceded by another one.
    pub(super) fn encode(&self, text: &str, first: bool, out: &mut Vec<u32>) {
        let mut prepared = String::with_capacity(text.len() + 3);
        if self.add_space && first {
            prepared.push(SPACE);
        }
        let text = if self.collapse {
            text.split(' ')
                .filter(|w| !w.is_empty())
                .collect::<Vec<_>>()
                .join(" ")
        } else {
            text.to_owned()
        };
        prepared.extend(text.chars().map(|c| if c == ' ' { SPACE } else { c }));
        self.merge(&prepared, out);
    }

    fn merge(&self, text: &str, out: &mut Vec<u32>) {
        let count = text.chars().count();
        let mut symbols: Vec<Symbol> = text
            .char_indices()
            .enumerate()
            .map(|(i, (start, c))| Symbol {
                start,
                length: c.len_utf8(),
                previous: i.checked_sub(1),
                next: (i + 1 < count).then_some(i + 1),
            })
            .collect();
        let mut pairs = BinaryHeap::new();
        for left in 0..count.saturating_sub(1) {
            self.offer(text, &symbols, left, left + 1, &mut pairs);
        }
        while let Some(pair) = pairs.pop() {
            let (left, right) = (symbols[pair.left], symbols[pair.right]);
            // One of the two has been merged since the pair was queued.
            if left.length == 0 || right.length == 0 || left.length + right.length != pair.length {
                continue;
            }
            symbols[pair.left].length = pair.length;
            symbols[pair.left].next = right.next;
            symbols[pair.right].length = 0;
            if let Some(next) = right.next {
                symbols[next].previous = Some(pair.left);
                self.offer(text, &symbols, pair.left, next, &mut pairs);
            }
            if let Some(previous) = left.previous {
                self.offer(text, &symbols, previous, pair.left, &mut pairs);
            }
        }
        let mut at = (!symbols.is_empty()).then_some(0);
        while let Some(i) = at {
            let symbol = symbols[i];
            self.emit(&text[symbol.start..symbol.start + symbol.length], out);
            at = symbol.next;
        }
    }

    fn offer(&self, text: &str, symbols: &[Symbol], left: usize, right: usize, pairs: &mut BinaryHeap<Pair>) {
        let start = symbols[left].start;
        let length = symbols[left].length + symbols[right].length;
        if let Some(&(_, score)) = self.pieces.get(&text[start..start + length]) {
            pairs.push(Pair {
                score,
                left,
                right,
                length,
            });
        }
    }

    fn emit(&self, piece: &str, out: &mut Vec<u32>) {
        if let Some(&(id, _)) = self.pieces.get(piece) {
            out.push(id);
            return;
        }
        let bytes: Option<Vec<u32>> = piece.bytes().map(|b| self.bytes[usize::from(b)]).collect();
        match bytes {
            Some(ids) => out.extend(ids),
            // Adjacent unknown pieces become one token, as in SentencePiece.
            None if out.last() != Some(&self.unknown) => out.push(self.unknown),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spm(add_space: bool) -> SentencePiece {
        let pieces = [
            ("\u{2581}", -1.0),
            ("a", -2.0),
            ("b", -3.0),
            ("ab", -0.5),
            ("\u{2581}a", -0.4),
            ("ba", -0.6),
            ("aba", -0.1),
        ];
        let pieces = pieces
            .iter()
            .enumerate()
            .map(|(i, (p, s))| ((*p).to_owned(), (u32::try_from(i).unwrap(), *s)))
            .collect();
        let mut bytes = Box::new([None; 256]);
        for (slot, id) in bytes.iter_mut().zip(100..) {
            *slot = Some(id);
        }
        SentencePiece::new(pieces, bytes, 99, add_space, false)
    }

    fn encode(text: &str, add_space: bool) -> Vec<u32> {
        let mut out = Vec::new();
        spm(add_space).encode(text, true, &mut out);
        out
    }

    #[test]
    fn the_highest_score_is_merged_first() {
        assert_eq!(encode("ab", false), [3]);
        assert_eq!(encode("ab", true), [4, 2]);
        assert_eq!(encode("aba", false), [6]);
        assert_eq!(encode("bab", false), [2, 3]);
    }

    #[test]
    fn what_has_no_piece_is_spelled_in_bytes() {
        assert_eq!(encode("aé", false), [1, 100 + 0xc3, 100 + 0xa9]);
    }
}
