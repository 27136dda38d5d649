//! One schema while its words are collected.

use serde_json::{Map, Value, json};

use super::super::numbers;
use super::pair::Pair;

/// The longest string, and the most items, that a grammar counts.
const COUNTED: u64 = 100_000;

#[derive(Default)]
pub(super) struct Node {
    pub(super) exact: Map<String, Value>,
    pub(super) grammar: Map<String, Value>,
    /// A pattern that stands for a format.
    pub(super) shape: Option<String>,
    /// Names may match a pattern that the grammar does not have.
    pub(super) open_names: bool,
    pub(super) nullable: bool,
    /// Words that depend on others, with whether their grammar says all of it.
    pub(super) later: Vec<(String, Pair, bool)>,
    pub(super) required: Vec<String>,
    pub(super) never: bool,
    /// The word whose values are all outside of what can be written.
    pub(super) unwritable: Option<&'static str>,
}

impl Node {
    pub(super) fn both(&mut self, word: &str, pair: Pair) {
        self.exact.insert(word.into(), pair.exact);
        self.grammar.insert(word.into(), pair.grammar);
    }

    /// A word that means the same in both forms.
    pub(super) fn plain(&mut self, word: &str, value: &Value) {
        self.plain_exact(word, value);
        self.grammar.insert(word.into(), value.clone());
    }

    pub(super) fn plain_exact(&mut self, word: &str, value: &Value) {
        self.exact.insert(word.into(), value.clone());
    }

    /// A word that may be there already, with another value.
    pub(super) fn exact_also(&mut self, word: &str, value: Value) {
        also(&mut self.exact, word, value);
    }

    pub(super) fn grammar_also(&mut self, word: &str, value: Value) {
        also(&mut self.grammar, word, value);
    }

    /// No value is valid.
    pub(super) fn never(&mut self) {
        self.exact.insert("not".into(), json!({}));
        self.never = true;
    }

    /// The values of `enum` or `const`.
    pub(super) fn values(&mut self, word: &'static str, values: &[Value]) {
        let writable: Vec<Value> = values.iter().filter(|value| is_exact(value)).cloned().collect();
        self.exact_also("enum", Value::Array(values.to_vec()));
        if writable.is_empty() {
            self.unwritable = Some(word);
        } else {
            self.grammar_also("enum", Value::Array(writable));
        }
    }

    pub(super) fn require(&mut self, names: Vec<String>) {
        for name in names {
            if !self.required.contains(&name) {
                self.required.push(name);
            }
        }
    }

    /// A count. Returns whether the grammar enforces it.
    pub(super) fn count(&mut self, word: &str, count: u64) -> bool {
        self.exact.insert(word.into(), count.into());
        match word {
            // These depend on the names.
            "minProperties" | "maxProperties" => return true,
            "maxItems" | "maxLength" => {
                self.grammar.insert(word.into(), count.min(COUNTED).into());
            }
            _ if count > COUNTED => return false,
            _ => {
                self.grammar.insert(word.into(), count.into());
            }
        }
        true
    }

    pub(super) fn depend(&mut self, word: &str, name: &str, value: Value) {
        let named = self
            .exact
            .entry(word)
            .or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(named) = named {
            named.insert(name.to_owned(), value);
        }
    }
}

/// Inserts a word, or the schema with it among those that apply too.
fn also(schema: &mut Map<String, Value>, word: &str, value: Value) {
    if schema.contains_key(word) {
        apply(schema, json!({ word: value }));
    } else {
        schema.insert(word.into(), value);
    }
}

/// Adds a schema for the same value.
pub(super) fn apply(schema: &mut Map<String, Value>, other: Value) {
    match schema.get_mut("allOf").and_then(Value::as_array_mut) {
        Some(all) => all.push(other),
        None => {
            schema.insert("allOf".into(), Value::Array(vec![other]));
        }
    }
}

/// Whether a grammar writes all numbers in a value as they are.
fn is_exact(value: &Value) -> bool {
    match value {
        Value::Number(number) => !numbers::too_large(number),
        Value::Array(values) => values.iter().all(is_exact),
        Value::Object(values) => values.values().all(is_exact),
        _ => true,
    }
}
