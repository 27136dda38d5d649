//! The values of words, and how a schema is put together from them.

use serde_json::{Map, Value, json};

use super::super::error::{SchemaError, refuse};
use super::node::Node;
use super::pair::Pair;

/// The types of draft 2020-12.
const TYPES: [&str; 7] = [
    "null", "boolean", "integer", "number", "string", "array", "object",
];

/// Words that the grammar compiler applies in their order, one after another.
const APPLIED: [&str; 6] = ["enum", "allOf", "anyOf", "oneOf", "$ref", "const"];

/// Adds `type`. The type `any`, of draft 3, allows all values.
pub(super) fn types(value: &Value, here: &str, node: &mut Node) -> Result<(), SchemaError> {
    let list = match value {
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    let mut names: Vec<&str> = Vec::with_capacity(list.len());
    for name in list {
        match name.as_str() {
            Some("any") => return Ok(()),
            Some(name) if TYPES.contains(&name) => {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            _ => {
                return refuse(
                    here,
                    format!("{name} is not a type; types are {}", TYPES.join(", ")),
                );
            }
        }
    }
    match names.as_slice() {
        [] => return refuse(here, "this must be a type or a list of types, not empty"),
        [name] => node.plain("type", &json!(name)),
        names => node.plain("type", &json!(names)),
    }
    Ok(())
}

/// A list of texts, each once.
pub(super) fn names(value: &Value, here: &str) -> Result<Vec<String>, SchemaError> {
    let mut names: Vec<String> = Vec::new();
    for name in value.as_array().map_or(&[Value::Null][..], Vec::as_slice) {
        match name.as_str() {
            Some(name) if names.iter().any(|known| known == name) => {}
            Some(name) => names.push(name.to_owned()),
            None => return refuse(here, "this must be a list of texts"),
        }
    }
    Ok(names)
}

/// A count, which may be written as `2.0`.
pub(super) fn count(value: &Value, here: &str) -> Result<u64, SchemaError> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole, and not negative; larger ones become the largest"
    )]
    let whole = value
        .as_f64()
        .filter(|number| *number >= 0.0 && number.fract() == 0.0)
        .map(|number| number as u64);
    match value.as_u64().or(whole) {
        Some(count) => Ok(count),
        None => refuse(here, "this must be a whole number from 0"),
    }
}

/// Adds a bound to the exact form. In drafts 3 and 4, exclusive bounds are `true` beside the bound itself.
pub(super) fn number(
    object: &Map<String, Value>,
    word: &str,
    value: &Value,
    here: &str,
    node: &mut Node,
) -> Result<(), SchemaError> {
    let bound = match (word, value) {
        ("exclusiveMinimum", Value::Bool(true)) => object.get("minimum"),
        ("exclusiveMaximum", Value::Bool(true)) => object.get("maximum"),
        ("exclusiveMinimum" | "exclusiveMaximum", Value::Bool(false)) => None,
        ("multipleOf", Value::Number(number)) if number.as_f64().is_none_or(|step| step <= 0.0) => {
            return refuse(here, "this must be a number above 0");
        }
        (_, Value::Number(_)) => Some(value),
        _ => return refuse(here, "this must be a number"),
    };
    if let Some(bound) = bound.filter(|bound| bound.is_number()) {
        node.plain_exact(word, bound);
    }
    Ok(())
}

/// A schema whose values are objects, from one in either form.
pub(super) fn objects_only(schema: Value) -> Result<Value, SchemaError> {
    let mut object = match schema {
        Value::Bool(true) => Map::new(),
        Value::Object(object) => object,
        _ => return refuse("#", "no arguments are valid under the schema `false`"),
    };
    let fits = match object.get("type") {
        None => true,
        Some(Value::Array(names)) => names.contains(&json!("object")),
        Some(name) => name == "object",
    };
    if !fits {
        return refuse(
            "#/type",
            format!("arguments are always an object, and `type` is {}", object["type"]),
        );
    }
    // At its place, or else before all others.
    if object.contains_key("type") {
        object.insert("type".into(), json!("object"));
    } else {
        let others = std::mem::take(&mut object);
        object.insert("type".into(), json!("object"));
        object.extend(others);
    }
    Ok(Value::Object(object))
}

/// Both forms of a schema.
pub(super) fn assembled(
    exact: Map<String, Value>,
    grammar: Map<String, Value>,
    nullable: bool,
    never: bool,
) -> Pair {
    let mut exact = Value::Object(exact);
    let mut grammar = if never {
        Value::Bool(false)
    } else {
        Value::Object(ordered(grammar))
    };
    if nullable {
        exact = or_null(exact);
        grammar = or_null(grammar);
    }
    Pair { exact, grammar }
}

/// A schema under which null is valid too.
fn or_null(schema: Value) -> Value {
    let simple = schema.as_object().is_some_and(|object| {
        !object
            .keys()
            .any(|word| APPLIED.contains(&word.as_str()) || word == "not")
    });
    match schema {
        Value::Object(mut object) if simple => {
            match object.get_mut("type") {
                Some(Value::Array(names)) if names.contains(&json!("null")) => {}
                Some(Value::Array(names)) => names.push(json!("null")),
                Some(name) if *name == "null" => {}
                Some(name) => *name = json!([name, "null"]),
                None => {}
            }
            Value::Object(object)
        }
        Value::Bool(false) => json!({"type": "null"}),
        other => json!({"anyOf": [other, {"type": "null"}]}),
    }
}

/// The compiler applies the words before and after a reference or a combination as if they stood in schemas of their own, and
/// `additionalProperties` then knows nothing of `patternProperties`. So they are put together, in the order of the first of them.
fn ordered(grammar: Map<String, Value>) -> Map<String, Value> {
    let applied = |word: &str| APPLIED.contains(&word);
    let first = grammar.keys().next().is_some_and(|word| applied(word));
    let (one, other): (Map<String, Value>, Map<String, Value>) =
        grammar.into_iter().partition(|(word, _)| applied(word) == first);
    one.into_iter().chain(other).collect()
}
