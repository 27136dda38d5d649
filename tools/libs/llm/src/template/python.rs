//! Python's methods and number formats, as templates expect them.

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, State, Value};

/// Methods of strings, lists and dictionaries. A dictionary's own entries take precedence: `message.content` stays a value.
pub(super) fn method(
    state: &mut State<'_, '_>,
    value: &Value,
    name: &str,
    arguments: &[Value],
) -> Result<Value, Error> {
    match (value.kind(), name, arguments) {
        (ValueKind::String, "removeprefix", [prefix]) => {
            Ok(cut(value, prefix, |text, part| text.strip_prefix(part)))
        }
        (ValueKind::String, "removesuffix", [suffix]) => {
            Ok(cut(value, suffix, |text, part| text.strip_suffix(part)))
        }
        (ValueKind::String, "index", [part]) => {
            let (text, part) = (
                value.as_str().unwrap_or_default(),
                part.as_str().unwrap_or_default(),
            );
            match text.find(part) {
                Some(at) => Ok(Value::from(text[..at].chars().count())),
                None => Err(Error::new(ErrorKind::InvalidOperation, "substring not found")),
            }
        }
        _ => minijinja_contrib::pycompat::unknown_method_callback(state, value, name, arguments),
    }
}

fn cut(value: &Value, part: &Value, strip: impl for<'a> Fn(&'a str, &str) -> Option<&'a str>) -> Value {
    let text = value.as_str().unwrap_or_default();
    Value::from(strip(text, part.as_str().unwrap_or_default()).unwrap_or(text))
}

/// A floating-point number as Python writes it.
pub(super) fn float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.into();
    }
    // Both languages write the shortest digits that parse back, and use exponents from the same magnitudes on.
    let text = format!("{value:?}");
    match text.split_once('e') {
        None => text,
        Some((digits, exponent)) => {
            let (sign, power) = exponent.strip_prefix('-').map_or(('+', exponent), |p| ('-', p));
            format!("{digits}e{sign}{power:0>2}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::float;

    #[test]
    fn floats_are_written_as_in_python() {
        let written: Vec<String> = [1.0, 0.1, 1e16, 1e-5, 0.0001, -2.5e-300, 123_456_789.125]
            .into_iter()
            .map(float)
            .collect();
        assert_eq!(
            written,
            [
                "1.0",
                "0.1",
                "1e+16",
                "1e-05",
                "0.0001",
                "-2.5e-300",
                "123456789.125"
            ]
        );
    }
}
