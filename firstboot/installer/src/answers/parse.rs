//! Parsing an answer file into answers, or into one sentence that says what is wrong and where.
//!
//! The text is checked against the schema before serde sees it: serde knows neither the nearest valid key nor that
//! it must not repeat a value that may be a password.

use std::ops::Range;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::model::Answers;
use super::place::Place;
use super::schema::schema;
use crate::nearest::hint;

/// What is wrong with an answer file, and where. It never repeats a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct AnswersError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong and what would be right.
    pub message: String,
}

/// A fault and the bytes of the text in which it lies.
type Fault = (Range<usize>, String);

/// Reads an answer file.
pub fn parse(text: &str) -> Result<Answers, AnswersError> {
    let at = |(span, message): Fault| located(text, span.start, message);
    let unread = |error: &toml::de::Error| {
        at((
            error.span().unwrap_or_default(),
            error.message().trim_end().replace('\n', ", "),
        ))
    };
    let document = DeTable::parse(text).map_err(|error| unread(&error))?;
    let root = schema();
    let checker = Checker { root: &root };
    checker
        .table(document.get_ref(), document.span(), &root, "")
        .map_err(at)?;
    toml::from_str(text).map_err(|error| unread(&error))
}

/// The text of an answer file, without the byte order mark that some editors put before it.
pub fn text(bytes: &[u8]) -> Result<&str, AnswersError> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => {
            let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            Err(located(
                &good,
                good.len(),
                "a byte that is not UTF-8 text: save the file as UTF-8".to_owned(),
            ))
        }
    }
}

fn located(text: &str, offset: usize, message: String) -> AnswersError {
    let Place { line, column } = Place::of(text, offset);
    AnswersError {
        line,
        column,
        message,
    }
}

/// Checks a document against the parts of JSON Schema that the answers' schema uses.
struct Checker<'a> {
    root: &'a Value,
}

impl<'a> Checker<'a> {
    /// The schema that a reference leads to.
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        schema["$ref"]
            .as_str()
            .and_then(|path| path.strip_prefix('#'))
            .and_then(|path| self.root.pointer(path))
            .unwrap_or(schema)
    }

    fn table(
        &self,
        table: &DeTable<'_>,
        span: Range<usize>,
        schema: &'a Value,
        path: &str,
    ) -> Result<(), Fault> {
        let Some(properties) = schema["properties"].as_object() else {
            return Ok(());
        };
        for (name, value) in table {
            let key = join(path, name.get_ref());
            let Some(schema) = properties.get(name.get_ref().as_ref()) else {
                return Err((name.span(), self.unknown(name.get_ref(), schema, path)));
            };
            self.value(value, self.resolve(schema), &key)?;
        }
        let missing = schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .find(|name| !table.contains_key(*name));
        match missing {
            Some(name) => Err((span, format!("{} is missing", join(path, name)))),
            None => Ok(()),
        }
    }

    fn value(&self, value: &Spanned<DeValue<'_>>, schema: &'a Value, path: &str) -> Result<(), Fault> {
        let fault = |message: String| Err((value.span(), message));
        let is_choice = schema.get("oneOf").is_some();
        let expected = if is_choice {
            "string"
        } else {
            schema["type"].as_str().unwrap_or_default()
        };
        match (expected, value.get_ref()) {
            ("object", DeValue::Table(table)) => self.table(table, value.span(), schema, path),
            ("array", DeValue::Array(items)) => {
                let schema = self.resolve(&schema["items"]);
                items
                    .iter()
                    .enumerate()
                    .try_for_each(|(index, item)| self.value(item, schema, &format!("{path}[{index}]")))
            }
            ("string", DeValue::String(text)) if is_choice => {
                let choices: Vec<&str> = schema["oneOf"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|choice| choice["const"].as_str())
                    .collect();
                if choices.contains(&text.as_ref()) {
                    return Ok(());
                }
                let near = hint(text, choices.iter().copied());
                fault(format!(
                    "{path} cannot be '{text}'; it is one of {}{near}",
                    choices.join(", ")
                ))
            }
            ("string", DeValue::String(_))
            | ("boolean", DeValue::Boolean(_))
            | ("integer", DeValue::Integer(_)) => Ok(()),
            ("object", DeValue::Array(_)) if path == "system.disk" => fault(
                "system.disk is one disk, written [system.disk]: mirrored system disks are not supported"
                    .to_owned(),
            ),
            (expected, found) => fault(format!(
                "{path} must be {}, not {}",
                in_words(expected),
                in_words(found.type_str())
            )),
        }
    }

    /// The message about an unknown key: the nearest known key, or the table in which it belongs.
    fn unknown(&self, name: &str, schema: &'a Value, path: &str) -> String {
        let key = join(path, name);
        let names = |schema: &'a Value| {
            schema["properties"]
                .as_object()
                .into_iter()
                .flat_map(|all| all.keys().map(String::as_str))
        };
        let near = hint(name, names(schema));
        if !near.is_empty() {
            return format!("there is no {key}{near}");
        }
        let elsewhere = self.root["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .find(|(_, section)| names(self.resolve(section)).any(|known| known == name));
        if let Some((section, _)) = elsewhere {
            return format!("there is no {key}; nearest: '{section}.{name}'");
        }
        let known: Vec<&str> = names(schema).collect();
        format!("there is no {key}; known here: {}", known.join(", "))
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// A type of JSON Schema or TOML for a person.
fn in_words(name: &str) -> &str {
    match name {
        "object" | "table" => "a table",
        "array" => "a list",
        "string" => "text in quotes",
        "boolean" => "true or false",
        "integer" | "float" => "a number",
        "datetime" => "a date",
        other => other,
    }
}
