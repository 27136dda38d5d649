//! Which JSON Schemas are enforced exactly, and which are rejected.
//!
//! The grammar compiler ignores keywords that it does not know or that its draft does not have, so that it may accept invalid texts.
//! Therefore every keyword of every schema is checked here first, and only those that are enforced are accepted.

use std::collections::HashSet;

use serde_json::{Map, Value};
use sigmavault_schema::{Draft, Validator};

use super::pattern;

/// A schema is rejected, with the reason and its location.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at {place}")]
pub struct SchemaError {
    /// A JSON pointer, preceded by `#`.
    pub place: String,
    /// Why it is rejected.
    pub reason: String,
}

macro_rules! date {
    () => {
        "[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))\
        |([0-9]{2}(0[48]|[2468][048]|[13579][26])|([2468][048]|[13579][26])00)-02-29"
    };
}

macro_rules! time {
    () => {
        "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
    };
}

macro_rules! domain {
    () => {
        "([A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?\\.){1,4}[A-Za-z]{2,12}"
    };
}

/// Enforced keywords whose value is not a schema.
const PLAIN: [&str; 16] = [
    "const",
    "enum",
    "type",
    "minItems",
    "maxItems",
    "required",
    "minProperties",
    "maxProperties",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "$ref",
];

/// Keywords that do not affect validity and are removed.
const NOTES: [&str; 9] = [
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "$comment",
    "$schema",
];

/// Formats that the compiler enforces as the standards define them.
const FORMATS: [&str; 4] = ["duration", "ipv4", "ipv6", "uuid"];

/// Formats that the compiler enforces too loosely (leap seconds and days, lengths), with patterns that only valid texts match.
const PATTERNS: [(&str, &str); 5] = [
    ("date-time", concat!("^(", date!(), ")T(", time!(), ")$")),
    ("date", concat!("^(", date!(), ")$")),
    ("time", concat!("^(", time!(), ")$")),
    ("hostname", concat!("^", domain!(), "$")),
    (
        "email",
        concat!("^[A-Za-z0-9_+-]{1,30}(\\.[A-Za-z0-9_+-]{1,30})?@", domain!(), "$"),
    ),
];

const SUPPORTED: &str = "date-time, date, time, duration, email, hostname, ipv4, ipv6, uuid";

/// The deepest nesting of schemas, so that the stack is not exhausted.
const DEPTH: usize = 64;

/// The schema without annotations, if all of it can be enforced. Its references are adjusted for a schema located at `root`.
pub(super) fn check(schema: &Value, root: &str) -> Result<Value, SchemaError> {
    let draft = draft(schema)?;
    let mut walk = Walk {
        draft,
        root,
        places: Vec::new(),
        references: Vec::new(),
        same_value: Vec::new(),
    };
    let checked = walk.schema(schema, "#", 0)?;
    for (place, target) in &walk.references {
        if !walk.places.contains(target) {
            return Err(SchemaError {
                place: place.clone(),
                reason: format!("the reference `{target}` does not lead to a schema in this document"),
            });
        }
    }
    if let Some(place) = walk.circle() {
        return refuse(place, "the schema leads back to itself");
    }
    match checked {
        Value::Object(mut object) => {
            if let Some(uri) = schema.get("$schema").filter(|_| root == "#") {
                object.insert("$schema".into(), uri.clone());
            }
            Ok(Value::Object(object))
        }
        Value::Bool(true) => Ok(Value::Object(Map::new())),
        _ => Err(SchemaError {
            place: "#".into(),
            reason: "no value is valid under the schema `false`".into(),
        }),
    }
}

/// The validator for finished texts. It checks formats, and does not follow remote references.
pub(super) fn validator(schema: &Value) -> Result<Validator, SchemaError> {
    Validator::new(schema, draft(schema)?).map_err(|invalid| SchemaError {
        place: invalid.place,
        reason: invalid.reason,
    })
}

fn refuse<T>(place: &str, reason: impl Into<String>) -> Result<T, SchemaError> {
    Err(SchemaError {
        place: place.to_owned(),
        reason: reason.into(),
    })
}

/// The largest number up to which doubles represent all integers exactly (RFC 8259, section 6).
const EXACT: u64 = 1 << 53;

/// Limits the multiples of a number to those that doubles represent exactly: integers up to [`EXACT`], and 15 digits for fractions.
/// Without bounds, the next multiple might lie beyond them.
fn bound(object: &mut Map<String, Value>) {
    let Some(step) = object.get("multipleOf").and_then(Value::as_f64) else {
        return;
    };
    let decimals = step
        .to_string()
        .split_once('.')
        .map_or(0, |(_, digits)| digits.len());
    #[expect(clippy::cast_precision_loss, reason = "exact by its definition")]
    let largest = if decimals == 0 {
        EXACT as f64
    } else {
        10f64.powi(15 - i32::try_from(decimals.min(15)).unwrap_or(15))
    };
    for (keyword, sign) in [("minimum", -1.0), ("maximum", 1.0)] {
        let given = object.get(keyword).map(Value::as_f64);
        // The validator rejects what is not a number.
        if given.is_none_or(|given| given.is_some_and(|given| sign * given > largest)) {
            object.insert(keyword.into(), (sign * largest).into());
        }
    }
}

/// An integer within a value that doubles do not represent exactly (RFC 8259, section 6), so that the compiler would write another.
fn too_large(value: &Value) -> Option<&serde_json::Number> {
    match value {
        Value::Number(number) => {
            let magnitude = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            magnitude.filter(|magnitude| *magnitude > EXACT).map(|_| number)
        }
        Value::Array(values) => values.iter().find_map(too_large),
        Value::Object(values) => values.values().find_map(too_large),
        _ => None,
    }
}

fn draft(schema: &Value) -> Result<Draft, SchemaError> {
    let Some(uri) = schema.get("$schema") else {
        return Ok(Draft::Of2020);
    };
    let bare = uri.as_str().map(|u| {
        u.trim_end_matches('#')
            .trim_start_matches("https://")
            .trim_start_matches("http://")
    });
    match bare {
        Some("json-schema.org/draft/2020-12/schema") => Ok(Draft::Of2020),
        Some("json-schema.org/draft/2019-09/schema") => Ok(Draft::Of2019),
        Some("json-schema.org/draft-07/schema") => Ok(Draft::Seven),
        _ => Err(SchemaError {
            place: "#/$schema".into(),
            reason: format!("the version {uri} is not supported; supported are 2020-12, 2019-09 and draft 7"),
        }),
    }
}

struct Walk<'a> {
    draft: Draft,
    /// The location of the schema in the whole.
    root: &'a str,
    /// The locations of schemas.
    places: Vec<String>,
    /// The locations of references, with their targets.
    references: Vec<(String, String)>,
    /// From schemas to those that apply to the same value.
    same_value: Vec<(String, String)>,
}

/// The treatment of a keyword.
enum Kept {
    /// It is kept, with this value.
    As(Value),
    /// It is removed.
    Nothing,
    /// It is replaced by a pattern.
    Pattern(&'static str),
}

impl Walk<'_> {
    fn schema(&mut self, schema: &Value, place: &str, depth: usize) -> Result<Value, SchemaError> {
        if depth > DEPTH {
            return refuse(place, format!("schemas are nested more than {DEPTH} deep"));
        }
        self.places.push(place.to_owned());
        let object = match schema {
            Value::Bool(_) => return Ok(schema.clone()),
            Value::Object(object) => object,
            _ => return refuse(place, "a schema is an object, `true` or `false`"),
        };
        let mut kept = Map::new();
        let mut shape = None;
        for (keyword, value) in object {
            match self.keyword(object, keyword, value, place, depth)? {
                Kept::As(value) => {
                    kept.insert(keyword.clone(), value);
                }
                Kept::Nothing => {}
                Kept::Pattern(pattern) => shape = Some(serde_json::json!({"pattern": pattern})),
            }
        }
        bound(&mut kept);
        if let Some(pattern) = shape {
            match kept.get_mut("allOf").and_then(Value::as_array_mut) {
                Some(all) => all.push(pattern),
                None => {
                    kept.insert("allOf".into(), Value::Array(vec![pattern]));
                }
            }
        }
        Ok(Value::Object(kept))
    }

    fn keyword(
        &mut self,
        object: &Map<String, Value>,
        keyword: &str,
        value: &Value,
        place: &str,
        depth: usize,
    ) -> Result<Kept, SchemaError> {
        let here = format!("{place}/{}", keyword.replace('~', "~0").replace('/', "~1"));
        let new = self.draft == Draft::Of2020;
        Ok(match keyword {
            "$schema" if depth > 0 => return refuse(&here, "a version inside of a schema is not supported"),
            note if NOTES.contains(&note) => Kept::Nothing,
            // These forms have no effect.
            "uniqueItems" if *value == Value::Bool(false) => Kept::Nothing,
            "unevaluatedProperties" | "unevaluatedItems" if *value == Value::Bool(true) => Kept::Nothing,
            "format" => match PATTERNS.iter().find(|(name, _)| value == name) {
                Some((_, pattern)) => Kept::Pattern(pattern),
                None if value.as_str().is_some_and(|f| FORMATS.contains(&f)) => Kept::As(value.clone()),
                None => {
                    return refuse(
                        &here,
                        format!("the format {value} is not enforced; enforced are {SUPPORTED}"),
                    );
                }
            },
            "$ref" => {
                let Some(target) = value.as_str().filter(|t| t.starts_with('#')) else {
                    return refuse(&here, format!("the reference {value} leads outside the document"));
                };
                let ignored = |k: &String| k != "$ref" && k != "definitions" && !NOTES.contains(&k.as_str());
                if self.draft == Draft::Seven && object.keys().any(ignored) {
                    return refuse(
                        &here,
                        "draft 7 ignores what stands beside a reference; use `allOf`",
                    );
                }
                self.same_value.push((place.to_owned(), target.to_owned()));
                self.references.push((here, target.to_owned()));
                Kept::As(Value::String(target.replacen('#', self.root, 1)))
            }
            "items" if value.is_array() && new => {
                return refuse(
                    &here,
                    "a list of schemas is called `prefixItems` in version 2020-12",
                );
            }
            "prefixItems" if !new => {
                return refuse(
                    &here,
                    "`prefixItems` exists from version 2020-12 on; use a list for `items`",
                );
            }
            "additionalItems" if new => {
                return refuse(&here, "`additionalItems` is called `items` in version 2020-12");
            }
            "allOf" | "anyOf" | "oneOf" => {
                let count = value.as_array().map_or(0, Vec::len);
                self.same_value
                    .extend((0..count).map(|i| (place.to_owned(), format!("{here}/{i}"))));
                Kept::As(self.list(value, &here, depth)?)
            }
            "prefixItems" => Kept::As(self.list(value, &here, depth)?),
            "items" if value.is_array() => Kept::As(self.list(value, &here, depth)?),
            "items" | "additionalItems" | "additionalProperties" => {
                Kept::As(self.schema(value, &here, depth + 1)?)
            }
            "properties" | "$defs" | "definitions" => {
                Kept::As(self.named(value, &here, depth, |name| Ok(name.to_owned()))?)
            }
            "patternProperties" => Kept::As(self.named(value, &here, depth, pattern::translate)?),
            "pattern" => match value.as_str().map(pattern::translate) {
                Some(Ok(pattern)) => Kept::As(Value::String(pattern)),
                Some(Err(reason)) => return refuse(&here, reason),
                None => return refuse(&here, "this must be a text"),
            },
            plain if PLAIN.contains(&plain) => {
                if let Some(number) = too_large(value) {
                    return refuse(
                        &here,
                        format!("{number} is outside the integers that all JSON readers represent exactly"),
                    );
                }
                Kept::As(value.clone())
            }
            other => return refuse(&here, format!("`{other}` is not enforced")),
        })
    }

    /// Rejects a schema that leads back to itself without descending into the value: it is meaningless, and following it never ends.
    fn circle(&self) -> Option<&str> {
        let mut safe: HashSet<&str> = HashSet::new();
        let mut left: Vec<&(String, String)> = self.same_value.iter().collect();
        loop {
            let before = left.len();
            let busy: HashSet<&str> = left.iter().map(|(from, _)| from.as_str()).collect();
            safe.extend(
                self.places
                    .iter()
                    .map(String::as_str)
                    .filter(|place| !busy.contains(place)),
            );
            left.retain(|(_, to)| !safe.contains(to.as_str()));
            if left.is_empty() {
                return None;
            }
            if left.len() == before {
                return left.first().map(|(from, _)| from.as_str());
            }
        }
    }

    fn list(&mut self, value: &Value, place: &str, depth: usize) -> Result<Value, SchemaError> {
        let Some(list) = value.as_array().filter(|l| !l.is_empty()) else {
            return Err(SchemaError {
                place: place.to_owned(),
                reason: "this must be a list of schemas, not empty".into(),
            });
        };
        let checked: Result<Vec<Value>, SchemaError> = list
            .iter()
            .enumerate()
            .map(|(i, s)| self.schema(s, &format!("{place}/{i}"), depth + 1))
            .collect();
        Ok(Value::Array(checked?))
    }

    /// Schemas by names, which `rename` may change or reject.
    fn named(
        &mut self,
        value: &Value,
        place: &str,
        depth: usize,
        rename: fn(&str) -> Result<String, String>,
    ) -> Result<Value, SchemaError> {
        let Some(named) = value.as_object() else {
            return Err(SchemaError {
                place: place.to_owned(),
                reason: "this must be an object with schemas".into(),
            });
        };
        let mut checked = Map::new();
        for (name, schema) in named {
            let here = format!("{place}/{}", name.replace('~', "~0").replace('/', "~1"));
            let renamed = match rename(name) {
                Ok(name) => name,
                Err(reason) => return refuse(&here, reason),
            };
            if checked
                .insert(renamed, self.schema(schema, &here, depth + 1)?)
                .is_some()
            {
                return refuse(&here, "this pattern says the same as another");
            }
        }
        Ok(Value::Object(checked))
    }
}
