//! Cutting a long text into parts that are encoded one by one, so that memory and the time until a limit is noticed do not grow with
//! the text.

/// Parts are at least this long, in bytes, apart from the last.
const LEAST: usize = if cfg!(test) { 1 << 10 } else { 32 << 10 };

/// A part without a place to cut ends here, in bytes: within a word that no language has. Its tokens may differ at the cut from
/// those of the whole word.
const MOST: usize = 4 * LEAST;

/// Where a text can be cut without a change of its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cuts {
    /// Nowhere: tokens depend on the whole text.
    Nowhere,
    /// Before a space that follows a word, since no token has a space after another character.
    BeforeSpaces,
    /// There, and where runs of letters or digits end. All known word patterns end a word there, and none looks back.
    BetweenWords,
}

impl Cuts {
    /// The parts of `text`.
    pub(super) fn parts(self, text: &str) -> Parts<'_> {
        Parts { cuts: self, text }
    }

    /// Whether the text may be cut between two adjacent characters.
    fn fits(self, before: char, after: char) -> bool {
        if after == ' ' {
            return !before.is_whitespace();
        }
        if self != Cuts::BetweenWords {
            return false;
        }
        // Letters before an apostrophe are left alone for the sake of contractions.
        let class = |c: char| (c.is_ascii_alphabetic(), c.is_ascii_digit());
        let word = before.is_ascii_alphanumeric();
        if after.is_ascii() {
            return word && after != '\'' && class(before) != class(after);
        }
        let ideograph = matches!(before, '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}');
        ideograph && matches!(after, '、' | '。' | '，' | '！' | '？' | '：' | '；')
    }
}

/// The parts of a text, from its beginning.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    cuts: Cuts,
    text: &'a str,
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.text.is_empty() {
            return None;
        }
        let end = match self.cuts {
            Cuts::Nowhere => self.text.len(),
            cuts => end(self.text, cuts),
        };
        let (part, rest) = self.text.split_at(end);
        self.text = rest;
        Some(part)
    }
}

fn end(text: &str, cuts: Cuts) -> usize {
    if text.len() <= MOST {
        return text.len();
    }
    let first = text.floor_char_boundary(LEAST);
    let mut before = text[..first].chars().next_back().unwrap_or(' ');
    for (at, c) in text[first..].char_indices() {
        let at = first + at;
        if cuts.fits(before, c) {
            return at;
        }
        if at >= MOST && !joins(c) {
            return at;
        }
        before = c;
    }
    text.len()
}

/// Whether a character may be composed with the one before it.
fn joins(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{1161}'..='\u{11ff}' | '\u{3099}' | '\u{309a}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lengths(text: &str, cuts: Cuts) -> Vec<usize> {
        cuts.parts(text).map(str::len).collect()
    }

    #[test]
    fn long_texts_are_cut_at_the_end_of_words() {
        let text = "word ".repeat(MOST);
        for part in Cuts::BeforeSpaces.parts(&text).skip(1) {
            assert!(part.starts_with(" word"));
            assert!(part.len() <= MOST);
        }
        assert_eq!(lengths(&text, Cuts::Nowhere), [5 * MOST]);
        assert_eq!(
            lengths(&"a1".repeat(MOST), Cuts::BetweenWords)[..2],
            [LEAST, LEAST]
        );
        assert_eq!(
            lengths(&"x".repeat(2 * MOST + 100), Cuts::BetweenWords),
            [MOST, MOST, 100]
        );
        assert_eq!(lengths("short text", Cuts::BetweenWords), [10]);
    }

    proptest! {
        #[test]
        fn parts_cover_the_text(unit in "[a ,é\u{301}世。1\n']{1,9}", count in MOST / 9..MOST) {
            let text = unit.repeat(count);
            for cuts in [Cuts::Nowhere, Cuts::BeforeSpaces, Cuts::BetweenWords] {
                prop_assert_eq!(cuts.parts(&text).collect::<String>(), text.as_str());
            }
        }
    }
}
