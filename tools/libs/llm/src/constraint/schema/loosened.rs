//! Schemas for the grammar compiler, with less in them.

use serde_json::{Map, Value, json};

/// The keywords of schemas that always compile.
const PLAIN: [&str; 14] = [
    "type",
    "enum",
    "const",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "prefixItems",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "anyOf",
    "$defs",
];

/// Visits the schemas directly within a schema for the grammar compiler.
pub(super) fn children(schema: &mut Map<String, Value>, visit: &mut impl FnMut(&mut Value)) {
    for (word, value) in schema {
        match (word.as_str(), value) {
            ("items" | "additionalProperties", one) => visit(one),
            ("allOf" | "anyOf" | "oneOf" | "prefixItems", Value::Array(list)) => {
                list.iter_mut().for_each(&mut *visit);
            }
            ("properties" | "patternProperties" | "$defs", Value::Object(named)) => {
                named.values_mut().for_each(&mut *visit);
            }
            _ => {}
        }
    }
}

/// Without what makes combinations of schemas or regular expressions too complex.
pub(super) fn skeleton(schema: &Value) -> Value {
    let mut schema = schema.clone();
    strip(&mut schema);
    schema
}

fn strip(schema: &mut Value) {
    let Value::Object(object) = schema else {
        return;
    };
    // What a pattern allows would not be allowed without it.
    let patterns = object.contains_key("patternProperties");
    let alone = object.keys().all(|word| word == "$ref" || word == "$defs");
    object.retain(|word, _| {
        (PLAIN.contains(&word.as_str()) && !(patterns && word == "additionalProperties"))
            || (word == "$ref" && alone)
    });
    children(object, &mut strip);
}

/// Any value of the same type.
pub(super) fn any(schema: &Value) -> Value {
    match schema.get("type") {
        Some(kind) => json!({ "type": kind }),
        None => json!({}),
    }
}

/// Whether an object may have names besides those that a schema lists.
pub(super) fn has_open_names(schema: &Value) -> bool {
    let Value::Object(object) = schema else {
        return false;
    };
    let listed = ["properties", "patternProperties", "required"]
        .iter()
        .any(|word| object.contains_key(*word));
    (listed && object.get("additionalProperties") != Some(&Value::Bool(false)))
        || object
            .iter()
            .filter(|(word, _)| !matches!(word.as_str(), "const" | "enum"))
            .any(|(_, value)| match value {
                Value::Array(list) => list.iter().any(has_open_names),
                // Schemas by names, or a schema.
                Value::Object(named) => has_open_names(value) || named.values().any(has_open_names),
                _ => false,
            })
}

/// Whether a string or name within it needs an escape with a code.
pub(super) fn has_control_characters(value: &Value) -> bool {
    let short = |c: char| matches!(c, '\n' | '\r' | '\t' | '\u{8}' | '\u{c}');
    let controls = |text: &str| text.chars().any(|c| c.is_control() && !short(c));
    match value {
        Value::String(text) => controls(text),
        Value::Array(values) => values.iter().any(has_control_characters),
        Value::Object(named) => named
            .iter()
            .any(|(name, value)| controls(name) || has_control_characters(value)),
        _ => false,
    }
}
