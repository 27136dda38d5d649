//! Patterns written for other readers than ECMA-262 with the flag `u`, where their meaning is certain: without that flag, for Python and for
//! the crate `regex`.

use std::iter::Peekable;
use std::str::Chars;

/// The pattern as ECMA-262 with the flag `u` writes it, as far as it is understood.
pub(super) fn repaired(pattern: &str) -> String {
    // A flag at the beginning is for all of the pattern.
    if let Some(rest) = pattern.strip_prefix("(?i)") {
        return format!("(?i:{})", repaired(rest));
    }
    let mut out = String::with_capacity(pattern.len() + 4);
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some('A') => out.push('^'),
                Some('Z' | 'z') => out.push('$'),
                other => {
                    out.push('\\');
                    out.extend(other);
                    // The braces of a code or a property.
                    if matches!(other, Some('u' | 'p' | 'P' | 'x')) && rest.peek() == Some(&'{') {
                        copy_until(&mut rest, '}', &mut out);
                    }
                }
            },
            '[' => class(&mut rest, &mut out),
            '(' => {
                out.push('(');
                let mut ahead = rest.clone();
                if ahead.by_ref().take(3).eq("?P<".chars()) {
                    out.push_str("?<");
                    rest = ahead;
                }
            }
            '{' if is_quantifier(rest.clone()) => {
                out.push('{');
                copy_until(&mut rest, '}', &mut out);
            }
            '{' | '}' | ']' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

/// Copies a class. A hyphen after a class escape is one of its members.
fn class(rest: &mut Peekable<Chars<'_>>, out: &mut String) {
    out.push('[');
    let mut after_escape = false;
    while let Some(c) = rest.next() {
        let mut escape = false;
        match c {
            '\\' => {
                let next = rest.next();
                escape = matches!(next, Some('d' | 'D' | 'w' | 'W' | 's' | 'S'));
                out.push('\\');
                out.extend(next);
            }
            '-' if after_escape && rest.peek() != Some(&']') => out.push_str("\\-"),
            _ => out.push(c),
        }
        if c == ']' {
            return;
        }
        after_escape = escape;
    }
}

fn copy_until(rest: &mut Peekable<Chars<'_>>, end: char, out: &mut String) {
    for c in rest.by_ref() {
        out.push(c);
        if c == end {
            return;
        }
    }
}

/// Whether what follows an opening brace makes it a quantifier.
fn is_quantifier(rest: Peekable<Chars<'_>>) -> bool {
    let inside: String = rest.take_while(|c| *c != '}').collect();
    let (least, most) = inside.split_once(',').unwrap_or((&inside, ""));
    !least.is_empty() && format!("{least}{most}").bytes().all(|byte| byte.is_ascii_digit())
}
