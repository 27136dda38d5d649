//! `oneOf`, which the grammar compiler does not enforce. Where no value is valid under two of its schemas, it is the same as `anyOf`; where
//! that is uncertain, `anyOf` is enforced and the validator checks the rest.

use serde_json::{Map, Value, json};

use super::error::SchemaError;
use super::loosened::children;

/// The number of comparisons after which schemas count as overlapping.
const FUEL: usize = 20_000;

/// The number of schemas that are looked at for one value, through references and `allOf`.
const PARTS: usize = 32;

/// Replaces each `oneOf`, which [`list`] made, in the grammar of a document. Returns those that are not enforced.
pub(super) fn settle(grammar: &mut Value, root: &str) -> Vec<SchemaError> {
    let mut overlapping = Vec::new();
    {
        let definitions = Definitions {
            document: grammar,
            prefix: format!("{root}/"),
        };
        find(grammar, &definitions, &mut FUEL.clone(), &mut overlapping);
    }
    replace(grammar);
    overlapping
        .into_iter()
        .map(|place| SchemaError {
            place,
            reason: "`oneOf` is not enforced, as a value may be valid under two of its schemas".into(),
        })
        .collect()
}

/// The value of `oneOf` at `place`, until it is settled.
pub(super) fn list(place: &str, schemas: &[Value]) -> Value {
    json!([place, { "anyOf": schemas }])
}

struct Definitions<'a> {
    document: &'a Value,
    prefix: String,
}

impl<'a> Definitions<'a> {
    fn target(&self, reference: &str) -> Option<&'a Value> {
        self.document
            .pointer(&format!("/{}", reference.strip_prefix(&self.prefix)?))
    }
}

fn choice(object: &Map<String, Value>) -> Option<(&str, &Vec<Value>)> {
    let pair = object.get("oneOf")?.as_array()?;
    Some((pair.first()?.as_str()?, pair.get(1)?.get("anyOf")?.as_array()?))
}

fn find(schema: &Value, definitions: &Definitions<'_>, fuel: &mut usize, overlapping: &mut Vec<String>) {
    let Value::Object(object) = schema else {
        return;
    };
    if let Some((place, options)) = choice(object) {
        let apart = (0..options.len()).all(|i| {
            (i + 1..options.len()).all(|j| disjoint(&options[i], &options[j], definitions, 8, fuel))
        });
        if !apart && !overlapping.iter().any(|known| known == place) {
            overlapping.push(place.to_owned());
        }
    }
    for (word, value) in object {
        match (word.as_str(), value) {
            ("items" | "additionalProperties", one) => find(one, definitions, fuel, overlapping),
            ("allOf" | "anyOf" | "oneOf" | "prefixItems", Value::Array(list)) => {
                for schema in list {
                    find(schema, definitions, fuel, overlapping);
                }
            }
            ("properties" | "patternProperties" | "$defs", Value::Object(named)) => {
                for schema in named.values() {
                    find(schema, definitions, fuel, overlapping);
                }
            }
            _ => {}
        }
    }
}

fn replace(schema: &mut Value) {
    let Value::Object(object) = schema else {
        return;
    };
    children(object, &mut replace);
    let Some(Value::Array(mut pair)) = object.remove("oneOf") else {
        return;
    };
    let any = pair.pop().unwrap_or(Value::Bool(true));
    match (object.contains_key("anyOf"), any) {
        (false, Value::Object(any)) => object.extend(any),
        (_, any) => match object.get_mut("allOf").and_then(Value::as_array_mut) {
            Some(all) => all.push(any),
            None => {
                object.insert("allOf".into(), Value::Array(vec![any]));
            }
        },
    }
}

/// The type of a value; integers are numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Null,
    Boolean,
    Number,
    String,
    Array,
    Object,
}

const KINDS: [Kind; 6] = [
    Kind::Null,
    Kind::Boolean,
    Kind::Number,
    Kind::String,
    Kind::Array,
    Kind::Object,
];

fn kind(value: &Value) -> Kind {
    match value {
        Value::Null => Kind::Null,
        Value::Bool(_) => Kind::Boolean,
        Value::Number(_) => Kind::Number,
        Value::String(_) => Kind::String,
        Value::Array(_) => Kind::Array,
        Value::Object(_) => Kind::Object,
    }
}

/// Whether it is certain that no value is valid under both schemas.
fn disjoint(a: &Value, b: &Value, definitions: &Definitions<'_>, depth: usize, fuel: &mut usize) -> bool {
    if *a == Value::Bool(false) || *b == Value::Bool(false) {
        return true;
    }
    if depth == 0 || *fuel == 0 {
        return false;
    }
    *fuel -= 1;
    let (left, right) = (parts(a, definitions), parts(b, definitions));
    let left_kinds = kinds(&left);
    let common: Vec<Kind> = kinds(&right)
        .into_iter()
        .filter(|kind| left_kinds.contains(kind))
        .collect();
    if common.is_empty() {
        return true;
    }
    if let (Some(some), Some(others)) = (values(&left), values(&right))
        && !some
            .iter()
            .any(|value| others.iter().any(|other| same(value, other)))
    {
        return true;
    }
    let mut options = |parts: &[&Map<String, Value>], other: &Value| {
        parts
            .iter()
            .filter_map(|part| {
                part.get("anyOf")
                    .and_then(Value::as_array)
                    .or_else(|| choice(part).map(|(_, options)| options))
            })
            .any(|options| {
                options
                    .iter()
                    .all(|option| disjoint(option, other, definitions, depth - 1, fuel))
            })
    };
    if options(&left, b) || options(&right, a) {
        return true;
    }
    common == [Kind::Object]
        && required(&left).chain(required(&right)).any(|name| {
            left.iter().filter_map(|part| property(part, name)).any(|one| {
                right
                    .iter()
                    .filter_map(|part| property(part, name))
                    .any(|other| disjoint(one, other, definitions, depth - 1, fuel))
            })
        })
}

/// The schemas that a value must be valid under.
fn parts<'a>(schema: &'a Value, definitions: &Definitions<'a>) -> Vec<&'a Map<String, Value>> {
    let mut parts: Vec<&Map<String, Value>> = Vec::new();
    let mut left = vec![schema];
    while let Some(schema) = left.pop() {
        let Some(object) = schema.as_object().filter(|_| parts.len() < PARTS) else {
            continue;
        };
        parts.push(object);
        if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
            left.extend(definitions.target(reference));
        }
        left.extend(
            object
                .get("allOf")
                .and_then(Value::as_array)
                .into_iter()
                .flatten(),
        );
    }
    parts
}

fn kinds(parts: &[&Map<String, Value>]) -> Vec<Kind> {
    let kind_of = |name: &str| match name {
        "null" => Kind::Null,
        "boolean" => Kind::Boolean,
        "integer" | "number" => Kind::Number,
        "string" => Kind::String,
        "array" => Kind::Array,
        _ => Kind::Object,
    };
    let mut kinds = KINDS.to_vec();
    for part in parts {
        let types: Option<Vec<Kind>> = match part.get("type") {
            Some(Value::String(name)) => Some(vec![kind_of(name)]),
            Some(Value::Array(names)) => Some(names.iter().filter_map(Value::as_str).map(kind_of).collect()),
            _ => None,
        };
        if let Some(types) = types {
            kinds.retain(|kind| types.contains(kind));
        }
    }
    if let Some(values) = values(parts) {
        kinds.retain(|k| values.iter().any(|value| kind(value) == *k));
    }
    kinds
}

/// The values of the first `const` or `enum`.
fn values<'a>(parts: &[&'a Map<String, Value>]) -> Option<&'a [Value]> {
    parts.iter().find_map(|part| {
        part.get("const")
            .map(std::slice::from_ref)
            .or_else(|| part.get("enum").and_then(Value::as_array).map(Vec::as_slice))
    })
}

/// Whether two values are equal in JSON Schema, where 1 is 1.0.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        // Whether their parts are equal does not matter here.
        (Value::Array(_), Value::Array(_)) | (Value::Object(_), Value::Object(_)) => true,
        _ => a == b,
    }
}

fn required<'a>(parts: &[&'a Map<String, Value>]) -> impl Iterator<Item = &'a str> {
    let lists: Vec<&Value> = parts.iter().filter_map(|part| part.get("required")).collect();
    lists
        .into_iter()
        .filter_map(Value::as_array)
        .flatten()
        .filter_map(Value::as_str)
}

/// The schema of a property.
fn property<'a>(part: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    part.get("properties")
        .and_then(|named| named.get(name))
        .or_else(|| {
            part.get("additionalProperties")
                .filter(|_| !part.contains_key("patternProperties"))
        })
}
