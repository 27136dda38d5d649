//! What only follows from all words of a schema together.

use serde_json::{Map, Value, json};

use super::super::error::SchemaError;
use super::super::numbers::numbers;
use super::node::{Node, apply};
use super::pair::Pair;
use super::{Walk, shape};

/// Words that apply other schemas to the same value.
const APPLIED: [&str; 5] = ["$ref", "allOf", "anyOf", "oneOf", "dependentSchemas"];

/// Words with numbers.
const NUMBERS: [&str; 5] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
];

impl Walk<'_> {
    /// The two forms of a schema all of whose words are known.
    pub(super) fn finish(&mut self, place: &str, depth: usize, mut node: Node) -> Result<Pair, SchemaError> {
        self.numbers(place, &mut node);
        // The schema of other properties is known before names are limited to those that it is for.
        let mut later = std::mem::take(&mut node.later);
        later.sort_by_key(|(word, ..)| word == "propertyNames");
        for (word, pair, exact) in later {
            let enforced = match word.as_str() {
                "propertyNames" => exact && self.property_names(pair.grammar, depth, &mut node)?,
                _ => exact && rest(&word, pair.grammar, &mut node),
            };
            if !enforced {
                self.unenforced(place, &word);
            }
        }
        if node.open_names {
            node.grammar.shift_remove("additionalProperties");
        }
        if !node.required.is_empty() {
            node.plain("required", &json!(node.required));
        }
        self.counts(place, &mut node);
        if let Some(word) = node.unwritable {
            self.unenforced_because(
                place,
                word,
                "its integers are outside of those that all JSON readers represent exactly".into(),
            );
        }
        if node.exact.contains_key("if") {
            if node.exact.contains_key("then") || node.exact.contains_key("else") {
                self.unenforced(place, "if");
            }
        } else {
            node.exact.shift_remove("then");
            node.exact.shift_remove("else");
        }
        self.contained(place, &mut node);
        let items = node.exact.get("maxItems").and_then(Value::as_u64);
        if node.exact.contains_key("uniqueItems") && items.is_none_or(|items| items > 1) {
            self.unenforced(place, "uniqueItems");
        }
        if let Some(pattern) = node.shape.take() {
            apply(&mut node.grammar, json!({ "pattern": pattern }));
        }
        Ok(shape::assembled(
            node.exact,
            node.grammar,
            node.nullable,
            node.never,
        ))
    }

    fn numbers(&mut self, place: &str, node: &mut Node) {
        if !NUMBERS.iter().any(|word| node.exact.contains_key(*word)) {
            return;
        }
        let found = numbers(&node.exact, self.divide);
        for word in &found.loose {
            self.unenforced(place, word);
        }
        self.divisors.extend(found.multiple);
        node.grammar.extend(found.words);
    }

    /// Names as properties or as a pattern. Returns whether the grammar enforces them.
    fn property_names(
        &mut self,
        mut names: Value,
        depth: usize,
        node: &mut Node,
    ) -> Result<bool, SchemaError> {
        // A reference to an enumeration is common, as programs make it of a type.
        if let Some(reference) = names.get("$ref").and_then(Value::as_str)
            && let Some(place) = reference
                .rsplit_once('/')
                .and_then(|(_, number)| self.targets.get(number.parse::<usize>().ok()?))
                .cloned()
            && let Some(schema) = self.target(&place).filter(|schema| has_no_schemas(schema))
        {
            let known = self.unenforced.len();
            names = self.schema(schema, &place, depth + 1)?.grammar;
            let exact = self.unenforced.len() == known;
            self.unenforced.truncate(known);
            if !exact {
                return Ok(false);
            }
        }
        let Value::Object(mut names) = names else {
            return Ok(names == Value::Bool(true));
        };
        if names.get("type").is_some_and(|kind| kind != "string") {
            return Ok(false);
        }
        names.shift_remove("type");
        if names.is_empty() {
            return Ok(true);
        }
        let listed = ["properties", "patternProperties"]
            .iter()
            .any(|word| node.grammar.contains_key(*word));
        if listed || node.open_names {
            return Ok(false);
        }
        let length = |word: &str| names.get(word).and_then(Value::as_u64);
        let others = |words: &[&str]| names.keys().any(|word| !words.contains(&word.as_str()));
        let (word, keys) = if let Some(values) = names.get("enum").and_then(Value::as_array)
            && !others(&["enum"])
        {
            let texts = values.iter().filter_map(Value::as_str).map(str::to_owned);
            ("properties", texts.collect())
        } else if let Some(pattern) = names.get("pattern").and_then(Value::as_str)
            && !others(&["pattern"])
        {
            ("patternProperties", vec![pattern.to_owned()])
        } else if !others(&["minLength", "maxLength"]) {
            let least = length("minLength").unwrap_or(0);
            let most = length("maxLength")
                .map(|most| most.to_string())
                .unwrap_or_default();
            // A pattern of a schema for the compiler, in which a dot does not match a line's end.
            (
                "patternProperties",
                vec![format!("^(?:.|\\n){{{least},{most}}}$")],
            )
        } else {
            return Ok(false);
        };
        let more = node
            .grammar
            .shift_remove("additionalProperties")
            .unwrap_or(Value::Bool(true));
        let listing: Map<String, Value> = keys.into_iter().map(|key| (key, more.clone())).collect();
        node.grammar.insert(word.into(), Value::Object(listing));
        node.grammar
            .insert("additionalProperties".into(), Value::Bool(false));
        Ok(true)
    }

    /// The number of properties, as far as the compiler counts them: where all listed ones are required, or one more is.
    fn counts(&mut self, place: &str, node: &mut Node) {
        let least = node.exact.get("minProperties").and_then(Value::as_u64);
        let most = node.exact.get("maxProperties").and_then(Value::as_u64);
        if least.is_none() && most.is_none() {
            return;
        }
        let length = |word: &str| match node.grammar.get(word) {
            Some(Value::Object(named)) => named.len() as u64,
            _ => 0,
        };
        let required = node.required.len() as u64;
        let listed = match node.grammar.get("properties") {
            Some(Value::Object(named)) => {
                named.keys().filter(|name| !node.required.contains(name)).count() as u64
            }
            _ => 0,
        };
        let closed = node.grammar.get("additionalProperties") == Some(&Value::Bool(false))
            && length("patternProperties") == 0;
        let least = least.filter(|least| *least > required);
        let most = most.filter(|most| !closed || *most < required + listed);
        let one_more = closed
            && least.is_none_or(|least| least == required + 1)
            && most.is_none_or(|most| most == required + 1);
        if listed > 0 && !one_more {
            let words = [least.map(|_| "minProperties"), most.map(|_| "maxProperties")];
            for word in words.into_iter().flatten() {
                self.unenforced(place, word);
            }
            return;
        }
        if let Some(most) = most {
            node.grammar.insert("maxProperties".into(), most.into());
        }
        if let Some(least) = least {
            node.grammar.insert("minProperties".into(), least.into());
            // A name that is not listed may be written twice.
            if least > required + 1 {
                self.unenforced(place, "minProperties");
            }
        }
    }

    fn contained(&mut self, place: &str, node: &mut Node) {
        let count = |word: &str| node.exact.get(word).and_then(Value::as_u64);
        let effective = node.exact.contains_key("contains")
            && !(count("minContains") == Some(0) && count("maxContains").is_none());
        if effective {
            self.unenforced(place, "contains");
        } else {
            for word in ["minContains", "maxContains"] {
                node.exact.shift_remove(word);
            }
            // It still tells which items are evaluated.
            if node.exact.contains_key("contains") {
                node.exact.insert("minContains".into(), 0.into());
            }
        }
    }
}

/// Whether there are no schemas within a schema.
fn has_no_schemas(schema: &Value) -> bool {
    schema.as_object().is_some_and(|object| {
        object.iter().all(|(word, value)| match value {
            Value::Object(_) => false,
            Value::Array(list) => word == "enum" || !list.iter().any(Value::is_object),
            _ => word != "$ref",
        })
    })
}

/// The schema of what no other word is about. Returns whether the grammar enforces it.
fn rest(word: &str, schema: Value, node: &mut Node) -> bool {
    if schema == Value::Bool(true) {
        return true;
    }
    let applied = APPLIED
        .iter()
        .chain(&["if"])
        .any(|word| node.exact.contains_key(*word));
    let (others, marked) = if word == "unevaluatedItems" {
        ("items", node.exact.contains_key("contains"))
    } else {
        ("additionalProperties", node.open_names)
    };
    if node.exact.contains_key(others) {
        return true;
    }
    if applied || marked {
        return false;
    }
    node.grammar.insert(others.into(), schema);
    true
}
