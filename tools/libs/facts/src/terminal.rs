//! Texts from others on a terminal: from a model, a disk, a file's name, the network.
//!
//! A terminal obeys the control characters in what it is given: it moves the cursor, changes its title, answers as if
//! somebody had typed. Format characters reorder or hide what stands there. Both are escaped as Rust and JSON write them, such as
//! `\u{1b}`, so that a reader sees that something was there.

use std::fmt::Write as _;
use std::io::{self, Write};

/// Whether a character acts on a terminal, or hides or reorders text, instead of showing something: the controls C0, DEL and
/// C1, separators of lines, the marks, embeddings, overrides and isolates of the bidirectional algorithm (Unicode Standard
/// Annex 9), invisible operators, tags and other format characters. The joiners U+200C and U+200D are none: scripts and
/// emoji need them.
pub fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// A text as one line: deceptive characters are escaped, newlines and tabs too.
pub fn printable(text: &str) -> String {
    escaped(text, |_| false)
}

/// The words of a text on one line with single blanks: deceptive characters and U+FFFD separate words as blanks do.
pub fn single_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || is_deceptive(c) || c == '\u{fffd}') {
        if !word.is_empty() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    line
}

/// A text of several lines: deceptive characters are escaped, newlines and tabs stay.
pub fn printable_lines(text: &str) -> String {
    escaped(text, is_layout)
}

/// JSON with the same meaning in which deceptive characters are escaped.
pub fn printable_json(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        // Newlines and spaces lay it out; within strings they are escaped already.
        if is_layout(c) || !is_deceptive(c) {
            safe.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(safe, "\\u{unit:04x}");
            }
        }
    }
    safe
}

fn is_layout(c: char) -> bool {
    matches!(c, '\n' | '\t')
}

fn escaped(text: &str, stays: impl Fn(char) -> bool) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if stays(c) || !is_deceptive(c) {
            safe.push(c);
        } else {
            safe.extend(c.escape_default());
        }
    }
    safe
}

/// Escapes what is written as [`printable_lines`] does, wherever the pieces end. Bytes that are not UTF-8 are escaped as `\x9b`.
#[derive(Debug)]
pub struct Printable<W: Write> {
    out: W,
    /// The beginning of a character whose other bytes have not arrived: at most three.
    begun: Vec<u8>,
}

impl<W: Write> Printable<W> {
    /// Writes to `out`.
    pub const fn new(out: W) -> Self {
        Self {
            out,
            begun: Vec::new(),
        }
    }
}

impl<W: Write> Write for Printable<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut all = std::mem::take(&mut self.begun);
        all.extend_from_slice(bytes);
        let mut safe = String::with_capacity(all.len());
        let mut rest = all.as_slice();
        while !rest.is_empty() {
            let (good, bad) = match std::str::from_utf8(rest) {
                Ok(text) => (text, None),
                Err(error) => {
                    let (good, _) = rest.split_at(error.valid_up_to());
                    // `good` is valid by the error.
                    (
                        std::str::from_utf8(good).unwrap_or_default(),
                        Some(error.error_len()),
                    )
                }
            };
            safe.push_str(&printable_lines(good));
            rest = &rest[good.len()..];
            match bad {
                None => {}
                Some(None) => {
                    self.begun = rest.to_vec();
                    break;
                }
                Some(Some(length)) => {
                    let (wrong, after) = rest.split_at(length);
                    for byte in wrong {
                        // Writing to a String cannot fail.
                        let _ = write!(safe, "\\x{byte:02x}");
                    }
                    rest = after;
                }
            }
        }
        self.out.write_all(safe.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_escaped() {
        assert_eq!(printable("a\x1b[2Jb\n"), "a\\u{1b}[2Jb\\n");
        assert_eq!(single_line("\t a\x1b[2J \u{202e}b\u{fffd}c\n"), "a [2J b c");
        assert_eq!(
            printable_lines("a\r\n\tb\x7f\u{9b}31m"),
            "a\\r\n\tb\\u{7f}\\u{9b}31m"
        );
        // "exe.txt" that ends in .exe, and what hides between letters.
        assert_eq!(
            printable("\u{202e}txt.exe\u{2069}\u{feff}\u{200b}\u{e0041}"),
            "\\u{202e}txt.exe\\u{2069}\\u{feff}\\u{200b}\\u{e0041}"
        );
        // Persian and emoji need the joiners.
        let good = "می\u{200c}خواهم 👩\u{200d}💻 é ☃ ‚x‘";
        assert_eq!(printable(good), good);
    }

    #[test]
    fn json_keeps_its_meaning() {
        let value = serde_json::json!({"a\u{9b}": ["\u{202e}\u{e0041}é\n\x7f", 1]});
        let text = serde_json::to_string_pretty(&value).unwrap();
        let safe = printable_json(&text);
        assert!(
            safe.contains(r#""a\u009b""#) && safe.contains(r#""\u202e\udb40\udc41é\n\u007f""#),
            "{safe}"
        );
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
    }

    fn in_pieces(bytes: &[u8], length: usize) -> String {
        let mut out = Vec::new();
        let mut writer = Printable::new(&mut out);
        for piece in bytes.chunks(length) {
            writer.write_all(piece).unwrap();
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn pieces_end_anywhere() {
        let bytes = "\x1b[2J\u{202e}é☃👩\n".as_bytes();
        for length in 1..bytes.len() {
            assert_eq!(in_pieces(bytes, length), "\\u{1b}[2J\\u{202e}é☃👩\n");
        }
        // 0x9b alone is a C1 control on terminals that do not speak UTF-8.
        assert_eq!(in_pieces(b"a\x9b2J\xe2\x98b", 1), "a\\x9b2J\\xe2\\x98b");
    }

    proptest! {
        #[test]
        fn nothing_deceptive_is_left(bytes in proptest::collection::vec(any::<u8>(), 0..60), length in 1_usize..9) {
            let whole = in_pieces(&bytes, bytes.len().max(1));
            prop_assert!(whole.chars().all(|c| is_layout(c) || !is_deceptive(c)));
            prop_assert_eq!(in_pieces(&bytes, length), whole);
        }

        #[test]
        fn any_text_is_safe_and_stays_if_it_was(text in any::<String>()) {
            let safe = printable(&text);
            prop_assert!(!safe.contains(is_deceptive));
            prop_assert_eq!(printable(&safe), safe);
        }
    }
}
