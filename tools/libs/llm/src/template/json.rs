//! JSON as Python's `json.dumps` writes it.

use std::fmt::Write;

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, ErrorKind, Value};

use super::limits::{check, spend};
use super::marks;

/// The most spaces for one level.
const WIDEST: usize = 64;

struct Style {
    item: String,
    key: String,
    indent: Option<String>,
    ascii: bool,
    sorted: bool,
}

/// The filter `tojson`, with the parameters that `transformers` defines.
#[expect(clippy::needless_pass_by_value, reason = "a filter's signature")]
pub(super) fn tojson(value: &Value, indent: Option<Value>, named: Kwargs) -> Result<String, Error> {
    let indent = match indent {
        Some(indent) => Some(indent),
        None => named.get::<Option<Value>>("indent")?,
    };
    let indent = match indent.filter(|i| !i.is_none()) {
        None => None,
        Some(text) if text.as_str().is_some() => text.as_str().map(str::to_owned),
        Some(number) => match usize::try_from(number)? {
            width @ 0..=WIDEST => Some(" ".repeat(width)),
            width => {
                return Err(wrong(format!(
                    "tojson cannot indent by {width}; the most is {WIDEST}"
                )));
            }
        },
    };
    let separators: Option<Vec<String>> = named.get("separators")?;
    let ascii = named.get::<Option<bool>>("ensure_ascii")?.unwrap_or(false);
    let sorted = named.get::<Option<bool>>("sort_keys")?.unwrap_or(false);
    named.assert_all_used()?;
    let (item, key) = match separators.as_deref() {
        Some([item, key]) => (item.clone(), key.clone()),
        Some(_) => return Err(wrong("tojson takes two separators")),
        None if indent.is_some() => (",".to_owned(), ": ".to_owned()),
        None => (", ".to_owned(), ": ".to_owned()),
    };
    let mut out = String::new();
    write(
        value,
        &Style {
            item,
            key,
            indent,
            ascii,
            sorted,
        },
        0,
        &mut out,
    )?;
    spend(out.len() as u64)?;
    Ok(out)
}

fn wrong(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, what.into())
}

fn write(value: &Value, style: &Style, depth: usize, out: &mut String) -> Result<(), Error> {
    if depth > 200 {
        return Err(wrong("a value is nested too deeply for JSON"));
    }
    check(out.len() as u64)?;
    match value.kind() {
        ValueKind::None => out.push_str("null"),
        ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number => number(value, out),
        ValueKind::String => string(value.as_str().unwrap_or_default(), style.ascii, out),
        ValueKind::Seq | ValueKind::Iterable => {
            let items: Vec<Value> = value.try_iter()?.collect();
            block(('[', ']'), items.len(), style, depth, out, |i, out| {
                write(&items[i], style, depth + 1, out)
            })?;
        }
        ValueKind::Map => {
            let mut keys: Vec<Value> = value.try_iter()?.collect();
            if style.sorted {
                keys.sort();
            }
            block(('{', '}'), keys.len(), style, depth, out, |i, out| {
                let key = &keys[i];
                match key.as_str() {
                    Some(text) => string(text, style.ascii, out),
                    None => {
                        out.push('"');
                        write(key, style, depth + 1, out)?;
                        out.push('"');
                    }
                }
                out.push_str(&style.key);
                write(&value.get_item(key)?, style, depth + 1, out)
            })?;
        }
        kind => return Err(wrong(format!("a value that is {kind} cannot be written as JSON"))),
    }
    Ok(())
}

fn block(
    (open, close): (char, char),
    count: usize,
    style: &Style,
    depth: usize,
    out: &mut String,
    mut each: impl FnMut(usize, &mut String) -> Result<(), Error>,
) -> Result<(), Error> {
    let newline = |depth: usize, out: &mut String| {
        if let Some(indent) = &style.indent {
            out.push('\n');
            (0..depth).for_each(|_| out.push_str(indent));
        }
    };
    out.push(open);
    for i in 0..count {
        if i > 0 {
            out.push_str(&style.item);
        }
        newline(depth + 1, out);
        each(i, out)?;
    }
    if count > 0 {
        newline(depth, out);
    }
    out.push(close);
    Ok(())
}

fn number(value: &Value, out: &mut String) {
    if value.is_integer() {
        let _ = write!(out, "{value}");
        return;
    }
    match f64::try_from(value.clone()) {
        Ok(float) => out.push_str(&super::python::float(float)),
        Err(_) => {
            let _ = write!(out, "{value}");
        }
    }
}

fn string(text: &str, ascii: bool, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            // A mark stands for the template's own text, or for nothing; it is taken out of the rendered text.
            c if marks::is_mark(c) => out.push(c),
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if u32::from(c) < 0x20 || ascii && !c.is_ascii() => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
