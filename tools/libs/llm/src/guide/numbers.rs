//! Limiting JSON numbers to what readers can represent. The grammar of JSON allows 1e999 and fifty digits; 64-bit floating point (RFC
//! 8259, section 6) does not, and a validator that rounds may report a violated bound that the digits satisfy.

use llguidance::toktrie::{SimpleVob, TokTrie};

/// The digits before the exponent that every reader preserves.
pub(crate) const DIGITS: usize = 15;

/// The digits of an exponent; with three, numbers can exceed the largest double.
const EXPONENT: usize = 2;

/// A position in a JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before the text.
    Before,
    /// Between strings and numbers.
    Between,
    /// In a string; `escaped` after a backslash.
    String { escaped: bool },
    /// In a number, after this many digits before the exponent or in it.
    Number { digits: usize, exponent: Option<usize> },
}

/// Follows a text and determines which tokens would make a number too long.
#[derive(Debug, Clone)]
pub(crate) struct Numbers {
    at: At,
    /// JSON begins after this tag and ends with the line; without a tag, the whole text is JSON.
    tag: Option<&'static str>,
    /// The number of bytes of the tag that match so far.
    matched: usize,
}

impl Numbers {
    /// For a text that is JSON.
    pub(crate) fn of_json() -> Numbers {
        Numbers {
            at: At::Between,
            tag: None,
            matched: 0,
        }
    }

    /// For a text with lines of JSON, each after `tag`.
    pub(crate) fn after(tag: &'static str) -> Numbers {
        Numbers {
            at: At::Before,
            tag: Some(tag),
            matched: 0,
        }
    }

    /// Advances by some bytes. Returns whether all their numbers are short enough.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> bool {
        let mut fits = true;
        for byte in bytes {
            fits &= self.byte(*byte);
        }
        fits
    }

    fn byte(&mut self, byte: u8) -> bool {
        let mut fits = true;
        self.at = match (self.at, byte) {
            (At::Before, _) => self.tag(byte),
            (_, b'\n') if self.tag.is_some() => At::Before,
            (At::String { escaped: false }, b'"') => At::Between,
            (At::String { escaped }, _) => At::String {
                escaped: !escaped && byte == b'\\',
            },
            (
                At::Number {
                    digits,
                    exponent: None,
                },
                b'0'..=b'9',
            ) => {
                fits = digits < DIGITS;
                At::Number {
                    digits: digits + 1,
                    exponent: None,
                }
            }
            // A digit must follow.
            (
                At::Number {
                    digits,
                    exponent: None,
                },
                b'.',
            ) => {
                fits = digits < DIGITS;
                self.at
            }
            (
                At::Number {
                    digits,
                    exponent: None,
                },
                b'e' | b'E',
            ) => At::Number {
                digits,
                exponent: Some(0),
            },
            (
                At::Number {
                    digits,
                    exponent: Some(exponent),
                },
                b'0'..=b'9',
            ) => {
                fits = exponent < EXPONENT;
                At::Number {
                    digits,
                    exponent: Some(exponent + 1),
                }
            }
            (
                At::Number {
                    exponent: Some(0), ..
                },
                b'+' | b'-',
            ) => self.at,
            (_, b'"') => At::String { escaped: false },
            (_, b'0'..=b'9') => At::Number {
                digits: 1,
                exponent: None,
            },
            _ => At::Between,
        };
        fits
    }

    fn tag(&mut self, byte: u8) -> At {
        let tag = self.tag.unwrap_or_default().as_bytes();
        // No tag contains a proper prefix of itself again, so a mismatch can only restart at the first byte.
        self.matched = match tag.get(self.matched) {
            Some(next) if *next == byte => self.matched + 1,
            _ => usize::from(tag.first() == Some(&byte)),
        };
        if self.matched < tag.len() {
            return At::Before;
        }
        self.matched = 0;
        At::Between
    }

    /// Removes from `mask` the tokens that make a number too long, unless no other is left.
    pub(crate) fn narrow(&self, mask: &mut SimpleVob, words: &Words, trie: &TokTrie) {
        let in_number = matches!(self.at, At::Number { .. });
        let candidates = words
            .long
            .iter()
            .chain(words.going_on.iter().filter(|_| in_number));
        let taken: Vec<u32> = candidates
            .copied()
            .filter(|token| mask.is_allowed(*token) && !self.clone().push(trie.token(*token)))
            .collect();
        if taken.is_empty() {
            return;
        }
        for token in &taken {
            mask.disallow_token(*token);
        }
        // For example, a constant with more digits than allowed.
        if mask.is_zero() {
            for token in taken {
                mask.allow_token(token);
            }
        }
    }
}

/// The tokens that can make a number too long.
#[derive(Debug, Default)]
pub(crate) struct Words {
    /// Tokens that contain such a number themselves.
    long: Vec<u32>,
    /// Tokens that can continue a number.
    going_on: Vec<u32>,
}

impl Words {
    pub(crate) fn of(trie: &TokTrie) -> Words {
        let mut words = Words::default();
        for id in 0..u32::try_from(trie.vocab_size()).unwrap_or(0) {
            let bytes = trie.token(id);
            if bytes.first() == Some(&TokTrie::SPECIAL_TOKEN_MARKER) {
                continue;
            }
            // Whatever position the token begins at, a number in its middle is found from one of these.
            let alone = |at| {
                let mut numbers = Numbers::of_json();
                numbers.at = at;
                numbers.push(bytes)
            };
            if !alone(At::Between)
                || !alone(At::String { escaped: false })
                || !alone(At::String { escaped: true })
            {
                words.long.push(id);
            } else if bytes
                .first()
                .is_some_and(|byte| byte.is_ascii_digit() || b".eE+-".contains(byte))
            {
                words.going_on.push(id);
            }
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_by_their_digits() {
        for (text, fits) in [
            ("123456789012345", true),
            ("1234567890123456", false),
            ("-12345.6789012345", true),
            ("12345.67890123456", false),
            ("123456789012345.", false),
            ("123456789012345e10,1", true),
            ("1e99", true),
            ("1E-123", false),
            ("[123456789012345, 123456789012345]", true),
            (r#"{"1234567890123456": "a\"1234567890123456", "b": 1}"#, true),
            (r#"{"a\\": 1234567890123456}"#, false),
            ("true\n 1234567890123456", false),
        ] {
            assert_eq!(Numbers::of_json().push(text.as_bytes()), fits, "{text}");
        }
    }

    #[test]
    fn text_around_json_is_left_alone() {
        for (text, fits) in [
            ("see \" 12345678901234567890", true),
            (
                "12345678901234567890 <<tag>\n{\"a\": 1}\n12345678901234567890",
                true,
            ),
            ("a \" <tag>\n{\"a\": \"12345678901234567890\"}\n", true),
            ("a \" <tag>\n{\"a\": 12345678901234567890}\n", false),
            ("<tag>\n1\n<tag>\n12345678901234567890", false),
            ("<tag\n>12345678901234567890", true),
        ] {
            assert_eq!(Numbers::after("<tag>\n").push(text.as_bytes()), fits, "{text}");
        }
    }
}
