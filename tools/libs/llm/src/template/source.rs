//! Changes to a template's source before it is compiled.
//!
//! `{% generation %}` marks the model's own text for training, and becomes an ordinary block. Slices with a negative step become `|reverse`,
//! since minijinja's own would read past the end of an empty list and abort the process; those that cannot be written this way are
//! rejected.

/// The source to compile, or the reason why it is rejected.
pub(super) fn prepare(source: &str) -> Result<String, String> {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find('{') {
        let (before, tag) = rest.split_at(start);
        out.push_str(before);
        let close = match tag.as_bytes().get(1) {
            Some(b'%') => "%}",
            Some(b'{') => "}}",
            Some(b'#') => {
                let end = tag.find("#}").map_or(tag.len(), |at| at + 2);
                out.push_str(&tag[..end]);
                rest = &tag[end..];
                continue;
            }
            _ => {
                out.push('{');
                rest = &tag[1..];
                continue;
            }
        };
        let inner = &tag[2..];
        let length = end_of_tag(inner, close);
        out.push_str(&tag[..2]);
        let (body, after) = inner.split_at(length);
        match body.trim_matches(|c: char| c.is_whitespace() || c == '-' || c == '+') {
            "generation" => out.push_str(&body.replace("generation", "if true")),
            "endgeneration" => out.push_str(&body.replace("endgeneration", "endif")),
            _ => expression(body, &mut out)?,
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// The position of `close` outside of quotes and braces.
fn end_of_tag(inner: &str, close: &str) -> usize {
    let mut at = 0;
    let mut braces = 0usize;
    while at < inner.len() {
        let rest = &inner[at..];
        if braces == 0 && rest.starts_with(close) {
            return at;
        }
        match rest.as_bytes()[0] {
            b'"' | b'\'' => at += quoted(rest),
            byte => {
                braces = if byte == b'{' {
                    braces + 1
                } else {
                    braces.saturating_sub(usize::from(byte == b'}'))
                };
                at += 1;
                while !inner.is_char_boundary(at) {
                    at += 1;
                }
            }
        }
    }
    at
}

/// The length of the string that `text` begins with, including its quotes.
fn quoted(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            byte if byte == bytes[0] => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Copies an expression, with its slices rewritten.
fn expression(text: &str, out: &mut String) -> Result<(), String> {
    let mut at = 0;
    let mut copied = 0;
    while at < text.len() {
        match text.as_bytes()[at] {
            b'"' | b'\'' => at += quoted(&text[at..]),
            b'[' => {
                out.push_str(&text[copied..at]);
                let (length, colons) = bracket(&text[at..]);
                subscript(&text[at..at + length], &colons, out)?;
                at += length;
                copied = at;
            }
            _ => at += 1,
        }
    }
    out.push_str(&text[copied..]);
    Ok(())
}

/// The length of the bracket that `text` begins with, and the positions of a slice's colons in it.
fn bracket(text: &str) -> (usize, Vec<usize>) {
    let (mut at, mut depth) = (0, 0usize);
    let mut colons = Vec::new();
    while at < text.len() {
        match text.as_bytes()[at] {
            b'"' | b'\'' => {
                at += quoted(&text[at..]);
                continue;
            }
            b'[' | b'(' | b'{' => depth += 1,
            b']' | b')' | b'}' => {
                depth -= 1;
                if depth == 0 {
                    return (at + 1, colons);
                }
            }
            b':' if depth == 1 => colons.push(at),
            _ => {}
        }
        at += 1;
    }
    (text.len(), colons)
}

fn subscript(text: &str, colons: &[usize], out: &mut String) -> Result<(), String> {
    let inner = text[1..].strip_suffix(']').unwrap_or(&text[1..]);
    if let &[first, second] = colons {
        let step = text[second + 1..].trim_end_matches(']').trim();
        let whole = text[1..first].trim().is_empty() && text[first + 1..second].trim().is_empty();
        if whole && step == "-1" {
            out.push_str("|reverse");
            return Ok(());
        }
        if !step.bytes().all(|b| b.is_ascii_digit()) {
            return Err(format!("the slice `{text}` is not supported"));
        }
    }
    out.push('[');
    expression(inner, out)?;
    if inner.len() + 1 < text.len() {
        out.push(']');
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::prepare;
    use proptest::prelude::*;

    #[test]
    fn slices_that_go_backwards_are_written_otherwise() {
        let same = |text: &str| assert_eq!(prepare(text).unwrap(), text);
        assert_eq!(
            prepare("{% for m in messages[::-1] %}[::-1]{{ a[b[ : : -1 ]][1:] }}").unwrap(),
            "{% for m in messages|reverse %}[::-1]{{ a[b|reverse][1:] }}"
        );
        same("{{ '[::-1]' ~ \"a[::-x]\" }} {# [::-1] #} {{ {'a': [1, {'b': 2}]}['a'][::2] }} {");
        same("{{ {'a': {'b': '}}'}} }} é {{ 'é'[0] }} {% if x[");
        assert!(prepare("{{ a[3:0:-1] }}").is_err());
        assert!(prepare("{{ a[::n] }}").is_err());
    }

    proptest! {
        #[test]
        fn no_source_is_too_strange(source in "[{}%#\\[\\]():'\"\\\\a1é|\\- \n]{0,60}") {
            let _ = prepare(&source);
        }

        #[test]
        fn what_has_no_slices_stays(source in "[{}%#()'\"\\\\a1é|\\- \n]{0,60}") {
            prop_assert_eq!(prepare(&source), Ok(source));
        }
    }
}
