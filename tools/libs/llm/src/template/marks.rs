//! Marks in a rendered text that tell the template's own words from those of others.
//!
//! Marks are characters from the end of the last private-use plane. A control token in the template's source is written as one such
//! character, so that nothing in a message can be taken for it, whatever the template does with the message: cut, join, replace,
//! change its case. [`Written`] is the text with its marks taken out, and what they said. Where a user's text contains a mark, the
//! character is written as three others, and comes out as itself.

use crate::tokenizer::Provenance;

const FIRST: u32 = 0x10_fe00;
const LAST: u32 = 0x10_fffd;
/// The most control tokens in a template.
pub(super) const MOST_TOKENS: u32 = 400;
/// Five bits of a number each.
const DIGITS: u32 = 0x10_ffa0;
/// Begins a character that is a mark itself.
const ESCAPE: char = '\u{10ffc0}';
/// A `|` of a user.
const BAR: char = '\u{10ffc1}';
/// A full-width `｜` of a user.
const WIDE_BAR: char = '\u{10ffc2}';
/// No token spans this place.
pub(super) const WALL: char = '\u{10ffc3}';
/// No token spans the last character before this place and what is before that.
pub(super) const WALL_BEFORE_LAST: char = '\u{10ffc4}';
/// No token spans the first character behind this place and what is behind that.
pub(super) const WALL_BEHIND_FIRST: char = '\u{10ffc5}';

/// Whether a character is a mark.
pub(super) fn is_mark(c: char) -> bool {
    (FIRST..=LAST).contains(&u32::from(c))
}

/// The mark of the template's control token with this number.
pub(super) fn token(number: u32) -> char {
    char::from_u32(FIRST + number.min(MOST_TOKENS - 1)).unwrap_or(ESCAPE)
}

/// Whether a character, as `|`, is in most control tokens, and in no text that templates look for in messages.
pub(super) fn is_bar(c: char) -> bool {
    matches!(c, '|' | '｜')
}

/// Writes a character of a user; bars as marks if wanted.
pub(super) fn push(c: char, bars: bool, out: &mut String) {
    match c {
        '|' if bars => out.push(BAR),
        '｜' if bars => out.push(WIDE_BAR),
        c if is_mark(c) => {
            let number = u32::from(c) - FIRST;
            out.push(ESCAPE);
            out.extend([number >> 5, number & 31].map(digit));
        }
        c => out.push(c),
    }
}

fn digit(five: u32) -> char {
    char::from_u32(DIGITS + five).unwrap_or(ESCAPE)
}

fn value(c: char) -> Option<u32> {
    u32::from(c).checked_sub(DIGITS).filter(|five| *five < 32)
}

/// A rendered text, and where it is the template's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) text: String,
    pub(super) provenance: Provenance,
}

/// Takes the marks out of a rendered text; `tokens` are the control tokens by their numbers.
pub(super) fn read(marked: &str, tokens: &[String]) -> Written {
    let mut text = String::with_capacity(marked.len());
    let Provenance {
        mut controls,
        mut walls,
    } = Provenance::default();
    let mut rest = marked.chars();
    let mut wall_next = false;
    while let Some(c) = rest.next() {
        let start = text.len();
        match c {
            ESCAPE => {
                let mut two = rest.clone();
                let high = two.next().and_then(value);
                let low = two.next().and_then(value);
                if let (Some(high), Some(low)) = (high, low) {
                    text.extend(char::from_u32(FIRST + ((high << 5) | low)));
                    rest = two;
                }
            }
            BAR | WIDE_BAR => {
                walls.push(start);
                text.push(if c == BAR { '|' } else { '｜' });
                walls.push(text.len());
            }
            WALL => walls.push(start),
            WALL_BEFORE_LAST => walls.extend(text.char_indices().next_back().map(|(at, _)| at)),
            WALL_BEHIND_FIRST => {
                wall_next = true;
                continue;
            }
            c if is_mark(c) => {
                let number = (u32::from(c) - FIRST) as usize;
                if let Some(token) = tokens.get(number) {
                    text.push_str(token);
                    match controls.last_mut() {
                        Some(last) if last.end == start => last.end = text.len(),
                        _ => controls.push(start..text.len()),
                    }
                }
            }
            c => text.push(c),
        }
        if wall_next && text.len() > start {
            walls.push(text.len());
            wall_next = false;
        }
    }
    walls.sort_unstable();
    walls.dedup();
    Written {
        text,
        provenance: Provenance { controls, walls },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn marks_are_taken_out_and_tell_what_is_the_templates() {
        let tokens = ["<|a|>".to_owned(), "<b>".to_owned()];
        let marked = format!("x{}{}y{BAR}z<{WALL}t>{}", token(0), token(1), token(1));
        let written = read(&marked, &tokens);
        assert_eq!(written.text, "x<|a|><b>y|z<t><b>");
        assert_eq!(written.provenance.controls, [1..9, 15..18]);
        assert_eq!(written.provenance.walls, [10, 11, 13]);
        let around = read(&format!("<t>{WALL_BEFORE_LAST} {WALL_BEHIND_FIRST}</t>"), &tokens);
        assert_eq!(around.text, "<t> </t>");
        assert_eq!(around.provenance.walls, [2, 5]);
    }

    proptest! {
        #[test]
        fn whatever_a_user_writes_comes_out_and_is_no_mark(text in "[a|｜\u{10fe00}-\u{10fffd}]{0,20}", bars: bool) {
            let mut out = String::new();
            text.chars().for_each(|c| push(c, bars, &mut out));
            let written = read(&out, &["<|a|>".to_owned()]);
            prop_assert_eq!(&written.text, &text);
            prop_assert!(written.provenance.controls.is_empty());
        }

        #[test]
        fn no_marked_text_is_too_strange(text in "[a|\u{10fe00}-\u{10fffd}]{0,20}") {
            let written = read(&text, &["<|a|>".to_owned()]);
            for wall in written.provenance.walls {
                prop_assert!(written.text.is_char_boundary(wall));
            }
        }
    }
}
