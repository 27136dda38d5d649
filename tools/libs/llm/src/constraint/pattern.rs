//! Regular expressions of schemas. JSON Schema uses ECMA-262 with the `u` flag; the grammar compiler uses the dialect of the crate `regex`.
//! A pattern is rewritten so that both mean the same, with the translation that the validator of finished texts uses too, and rejected if
//! there is no such form.

mod dialects;

use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::Chars;

/// The meaning of `.`: all characters but the four line terminators of ECMA-262. In the dialect of `regex` it only excludes `\n`.
const DOT: &str = r"[^\n\r\x{2028}\x{2029}]";

/// A pattern that cannot be enforced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unusable {
    /// While a text is written: the pattern for the validator, and the reason.
    Here(String, String),
    /// It is not a regular expression, for this reason.
    Anywhere(String),
}

/// A pattern in ECMA-262's dialect, for the validator, and in the compiler's.
pub(super) fn read(pattern: &str) -> Result<(String, String), Unusable> {
    let unreadable = || {
        Unusable::Anywhere(format!(
            "the pattern {pattern:?} is not a valid ECMA-262 regular expression with the flag `u`"
        ))
    };
    let ecma = if jsonschema_regex::is_valid_ecma_regex(pattern) {
        pattern.to_owned()
    } else {
        let repaired = dialects::repaired(pattern);
        if !jsonschema_regex::is_valid_ecma_regex(&repaired) {
            return Err(unreadable());
        }
        repaired
    };
    let plain = plain(&ecma).map_err(|what| {
        let reason = format!("the pattern {pattern:?} has {what}, which is not enforced");
        Unusable::Here(ecma.clone(), reason)
    })?;
    let compiled = jsonschema_regex::to_rust_regex(&plain)
        .map(std::borrow::Cow::into_owned)
        .map_err(|()| unreadable())?;
    Ok((ecma, compiled))
}

/// Rewrites what the two dialects interpret differently and the translation does not handle.
fn plain(pattern: &str) -> Result<String, &'static str> {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern.chars().peekable();
    let mut in_class = false;
    while let Some(c) = rest.next() {
        match c {
            '\\' => escape(&mut rest, in_class, &mut out)?,
            ']' => {
                in_class = false;
                out.push(c);
            }
            _ if in_class => out.push(c),
            '[' => {
                in_class = true;
                out.push(c);
                out.extend(rest.next_if_eq(&'^'));
                // In ECMA-262 it closes the class; in `regex` it is the class's first member.
                if rest.peek() == Some(&']') {
                    return Err("an empty class");
                }
            }
            '.' => out.push_str(DOT),
            '(' => group(&mut rest, &mut out)?,
            _ => out.push(c),
        }
    }
    Ok(out)
}

/// Rewrites an escape.
fn escape(rest: &mut Peekable<Chars<'_>>, in_class: bool, out: &mut String) -> Result<(), &'static str> {
    let Some(c) = rest.next() else {
        return Err("a backslash at its end");
    };
    match c {
        '0' => out.push_str(r"\x00"),
        'b' if in_class => out.push_str(r"\x08"),
        'k' | '1'..='9' => return Err("a back reference"),
        'b' | 'B' => return Err("a word boundary"),
        // Escaped, these are word boundaries in `regex`.
        '<' | '>' => out.push(c),
        // A surrogate pair stands for one character.
        'u' if rest.peek() != Some(&'{') => {
            let first = hex(rest).ok_or("half an escape")?;
            let code = match first {
                0xd800..0xdc00 => {
                    let second = (rest.next() == Some('\\') && rest.next() == Some('u'))
                        .then(|| hex(rest))
                        .flatten()
                        .filter(|second| (0xdc00..0xe000).contains(second))
                        .ok_or("half of a surrogate pair")?;
                    0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                }
                0xdc00..0xe000 => return Err("half of a surrogate pair"),
                other => other,
            };
            let _ = write!(out, r"\x{{{code:x}}}");
        }
        _ => {
            out.push('\\');
            out.push(c);
        }
    }
    Ok(())
}

/// Four hexadecimal digits.
fn hex(rest: &mut Peekable<Chars<'_>>) -> Option<u32> {
    (0..4).try_fold(0, |code, _| Some(code * 16 + rest.next()?.to_digit(16)?))
}

/// Rewrites what follows an opening parenthesis. Names of groups are removed: nothing refers to them, and the compiler treats one of
/// them as an operator.
fn group(rest: &mut Peekable<Chars<'_>>, out: &mut String) -> Result<(), &'static str> {
    out.push_str("(?:");
    if rest.next_if_eq(&'?').is_none() {
        return Ok(());
    }
    match (rest.next(), rest.peek()) {
        (Some(':'), _) => Ok(()),
        (Some('=' | '!'), _) | (Some('<'), Some('=' | '!')) => Err("a look-around"),
        (Some('<'), _) => {
            while rest.next_if(|c| *c != '>').is_some() {}
            rest.next();
            Ok(())
        }
        _ => Err("flags"),
    }
}

#[cfg(test)]
mod tests;
