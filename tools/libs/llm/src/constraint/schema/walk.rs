//! The two forms of a schema: one for the validator and one for the grammar compiler.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};
use sigmavault_schema::Draft;

use super::choices;
use super::error::{SchemaError, refuse};
use super::formats::{self, Format};
use super::numbers::{self, Decimal};
use super::references::{DEPTH, References, child};
use crate::constraint::pattern::{self, Unusable};

mod finish;
mod node;
mod pair;
mod shape;
mod targets;

use node::Node;
use pair::Pair;

/// The number of schemas in a document, references followed.
const SIZE: usize = 50_000;

/// A schema in both forms.
pub(super) struct Walked {
    /// Draft 2020-12 without annotations.
    pub(super) exact: Value,
    /// What the grammar compiler enforces.
    pub(super) grammar: Value,
    /// The keywords that only the first has.
    pub(super) unenforced: Vec<SchemaError>,
}

/// Rewrites a schema, whose grammar is to be located at `root`. If `object`, its values are objects.
pub(super) fn walk(schema: &Value, root: &str, object: bool) -> Result<Walked, SchemaError> {
    let draft = draft(schema);
    let mut divide = true;
    loop {
        let mut walk = Walk {
            document: schema,
            draft,
            root,
            references: References::of(schema, draft),
            numbers: HashMap::new(),
            targets: Vec::new(),
            unenforced: Vec::new(),
            same_value: Vec::new(),
            size: 0,
            divide,
            divisors: Vec::new(),
        };
        let walked = walk.document(object)?;
        // The compiler merges schemas for the same value, and would get a wrong multiple of large divisors.
        if divide && !walk.same_value.is_empty() && !numbers::combine(&walk.divisors) {
            divide = false;
            continue;
        }
        return Ok(walked);
    }
}

/// The draft that a schema names; 2020-12 if none or an unknown one.
fn draft(schema: &Value) -> Draft {
    let uri = schema.get("$schema").and_then(Value::as_str).unwrap_or_default();
    let bare = uri
        .trim_end_matches('#')
        .trim_start_matches("https://")
        .trim_start_matches("http://")
        .trim_start_matches("json-schema.org/");
    match bare {
        "draft-03/schema" | "draft-04/schema" => Draft::Four,
        "draft-06/schema" => Draft::Six,
        "draft-07/schema" => Draft::Seven,
        "draft/2019-09/schema" => Draft::Of2019,
        _ => Draft::Of2020,
    }
}

struct Walk<'a> {
    document: &'a Value,
    draft: Draft,
    /// The location of the grammar in the whole.
    root: &'a str,
    references: References,
    /// The targets of references by their places, and these places in order. They become definitions, named by their numbers.
    numbers: HashMap<String, usize>,
    targets: Vec<String>,
    unenforced: Vec<SchemaError>,
    /// From schemas to those that apply to the same value.
    same_value: Vec<(String, String)>,
    size: usize,
    /// Whether divisors are enforced.
    divide: bool,
    divisors: Vec<Decimal>,
}

impl<'a> Walk<'a> {
    fn document(&mut self, object: bool) -> Result<Walked, SchemaError> {
        let mut root = self.schema(self.document, "#", 0)?;
        if object {
            root.exact = shape::objects_only(root.exact)?;
            root.grammar = shape::objects_only(root.grammar)?;
        }
        let mut definitions = (Map::new(), Map::new());
        let mut next = 0;
        while let Some(place) = self.targets.get(next).cloned() {
            let target = self.target(&place).unwrap_or(&Value::Bool(true));
            let pair = self.schema(target, &place, 0)?;
            definitions.0.insert(next.to_string(), pair.exact);
            definitions.1.insert(next.to_string(), pair.grammar);
            next += 1;
        }
        if let Some(place) = self.circle() {
            return refuse(place, "the schema leads back to itself");
        }
        let whole = |schema: Value, definitions: Map<String, Value>| match schema {
            Value::Object(mut schema) => {
                if !definitions.is_empty() {
                    schema.insert("$defs".into(), Value::Object(definitions));
                }
                Ok(Value::Object(schema))
            }
            Value::Bool(true) => Ok(Value::Object(Map::new())),
            _ => refuse("#", "no value is valid under the schema `false`"),
        };
        let exact = whole(root.exact, definitions.0)?;
        let mut grammar = whole(root.grammar, definitions.1)?;
        let mut unenforced = std::mem::take(&mut self.unenforced);
        unenforced.extend(choices::settle(&mut grammar, self.root));
        let mut known = HashSet::new();
        unenforced.retain(|error| known.insert(error.place.clone()));
        Ok(Walked {
            exact,
            grammar,
            unenforced,
        })
    }

    fn target(&self, place: &str) -> Option<&'a Value> {
        self.document.pointer(place.strip_prefix('#')?)
    }

    fn unenforced(&mut self, place: &str, word: &str) {
        self.unenforced_because(place, word, format!("`{word}` is not enforced"));
    }

    fn unenforced_because(&mut self, place: &str, word: &str, reason: String) {
        self.unenforced.push(SchemaError {
            place: child(place, word),
            reason,
        });
    }

    fn schema(&mut self, schema: &Value, place: &str, depth: usize) -> Result<Pair, SchemaError> {
        if depth > DEPTH {
            return refuse(place, format!("schemas are nested more than {DEPTH} deep"));
        }
        self.size += 1;
        if self.size > SIZE {
            return refuse(place, format!("the document has more than {SIZE} schemas"));
        }
        let object = match schema {
            Value::Bool(_) => {
                return Ok(Pair {
                    exact: schema.clone(),
                    grammar: schema.clone(),
                });
            }
            Value::Object(object) => object,
            _ => return refuse(place, "a schema is an object, `true` or `false`"),
        };
        let mut node = Node::default();
        // Up to draft 7, a reference hides what stands beside it.
        let hides = self.draft <= Draft::Seven && object.get("$ref").is_some_and(Value::is_string);
        for (word, value) in object {
            let hidden = hides && word != "$ref" && word != "nullable";
            if !hidden && (!value.is_null() || word == "const") {
                self.word(object, word, value, place, depth, &mut node)?;
            }
        }
        self.finish(place, depth, node)
    }

    /// Adds one word of a schema to `node`.
    fn word(
        &mut self,
        object: &Map<String, Value>,
        word: &str,
        value: &Value,
        place: &str,
        depth: usize,
        node: &mut Node,
    ) -> Result<(), SchemaError> {
        let here = child(place, word);
        match word {
            "type" => shape::types(value, &here, node)?,
            "const" => node.values("const", std::slice::from_ref(value)),
            "enum" => match value.as_array().filter(|values| !values.is_empty()) {
                Some(values) => node.values("enum", values),
                None => return refuse(&here, "this must be a list of values, not empty"),
            },
            "$ref" | "$recursiveRef" | "$dynamicRef" => {
                let target = self.reference(word, value, place, &here)?;
                self.same_value.push((place.to_owned(), target.clone()));
                let number = self.number(target);
                node.exact_also("$ref", json!(format!("#/$defs/{number}")));
                node.grammar_also("$ref", json!(format!("{}/$defs/{number}", self.root)));
            }
            "allOf" | "anyOf" | "oneOf" | "prefixItems" => match value.as_array() {
                Some(list) if list.is_empty() && matches!(word, "allOf" | "prefixItems") => {}
                Some(list) if word == "prefixItems" => self.tuple(list, &here, depth, node)?,
                Some(list) if !list.is_empty() => self.combination(word, list, place, depth, node)?,
                _ => return refuse(&here, "this must be a list of schemas, not empty"),
            },
            "items" => {
                if let Some(list) = value.as_array() {
                    self.tuple(list, &here, depth, node)?;
                    if let Some(more) = object.get("additionalItems").filter(|more| !more.is_null()) {
                        let more = self.schema(more, &child(place, "additionalItems"), depth + 1)?;
                        node.both("items", more);
                    }
                } else {
                    let items = self.schema(value, &here, depth + 1)?;
                    node.both("items", items);
                }
            }
            "properties" | "patternProperties" => self.named(word, value, &here, depth, node)?,
            "additionalProperties" => {
                let more = self.schema(value, &here, depth + 1)?;
                node.both("additionalProperties", more);
            }
            "required" => match value {
                Value::Bool(_) => {}
                _ => node.require(shape::names(value, &here)?),
            },
            "minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties" | "maxProperties" => {
                let count = shape::count(value, &here)?;
                if !node.count(word, count) {
                    self.unenforced(place, word);
                }
            }
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" => {
                shape::number(object, word, value, &here, node)?;
            }
            "pattern" => self.pattern(value, place, node)?,
            "format" => self.format(value, place, node),
            _ => self.checked_word(word, value, place, depth, node)?,
        }
        Ok(())
    }

    /// Adds `allOf`, `anyOf` or `oneOf`.
    fn combination(
        &mut self,
        word: &str,
        list: &[Value],
        place: &str,
        depth: usize,
        node: &mut Node,
    ) -> Result<(), SchemaError> {
        let here = child(place, word);
        let (mut exact, mut grammar) = (Vec::new(), Vec::new());
        for (at, schema) in list.iter().enumerate() {
            let inner = format!("{here}/{at}");
            self.same_value.push((place.to_owned(), inner.clone()));
            let pair = self.schema(schema, &inner, depth + 1)?;
            if word == "allOf" {
                node::apply(&mut node.exact, pair.exact);
                node::apply(&mut node.grammar, pair.grammar);
            } else {
                exact.push(pair.exact);
                grammar.push(pair.grammar);
            }
        }
        let grammar = match word {
            "allOf" => return Ok(()),
            "oneOf" => choices::list(&here, &grammar),
            _ => Value::Array(grammar),
        };
        node.exact.insert(word.into(), Value::Array(exact));
        node.grammar.insert(word.into(), grammar);
        Ok(())
    }

    fn pattern(&mut self, value: &Value, place: &str, node: &mut Node) -> Result<(), SchemaError> {
        let here = child(place, "pattern");
        let Some(text) = value.as_str() else {
            return refuse(&here, "this must be a text");
        };
        match pattern::read(text) {
            Ok((exact, grammar)) => {
                node.exact.insert("pattern".into(), exact.into());
                node.grammar.insert("pattern".into(), grammar.into());
            }
            Err(Unusable::Here(exact, reason)) => {
                node.exact.insert("pattern".into(), exact.into());
                self.unenforced_because(place, "pattern", reason);
            }
            Err(Unusable::Anywhere(reason)) => return refuse(&here, reason),
        }
        Ok(())
    }

    fn format(&mut self, value: &Value, place: &str, node: &mut Node) {
        match formats::format(value.as_str().unwrap_or_default()) {
            Format::Known => node.plain("format", value),
            Format::Pattern(pattern) => {
                node.plain_exact("format", value);
                node.shape = Some(pattern);
            }
            Format::Unenforced => {
                node.plain_exact("format", value);
                let enforced = formats::ENFORCED;
                self.unenforced_because(
                    place,
                    "format",
                    format!("the format {value} is not enforced; enforced are {enforced}"),
                );
            }
            Format::Annotation => {}
        }
    }

    /// Adds a word that only the validator knows, or that only becomes enforceable together with others. All others are annotations.
    fn checked_word(
        &mut self,
        word: &str,
        value: &Value,
        place: &str,
        depth: usize,
        node: &mut Node,
    ) -> Result<(), SchemaError> {
        let here = child(place, word);
        match word {
            "not" => match value {
                Value::Bool(false) => {}
                Value::Bool(true) => node.never(),
                Value::Object(words) if words.is_empty() => node.never(),
                _ => {
                    self.same_value.push((place.to_owned(), here.clone()));
                    let inner = self.only_exact(value, &here, depth)?;
                    node.exact.insert("not".into(), inner);
                    self.unenforced(place, word);
                }
            },
            "if" | "then" | "else" | "contains" => {
                if word != "contains" {
                    self.same_value.push((place.to_owned(), here.clone()));
                }
                let inner = self.only_exact(value, &here, depth)?;
                node.exact.insert(word.into(), inner);
            }
            "minContains" | "maxContains" => {
                node.exact.insert(word.into(), shape::count(value, &here)?.into());
            }
            "propertyNames" | "unevaluatedItems" | "unevaluatedProperties" => {
                let known = self.unenforced.len();
                let pair = self.schema(value, &here, depth + 1)?;
                let exact = self.unenforced.len() == known;
                self.unenforced.truncate(known);
                node.exact.insert(word.into(), pair.exact.clone());
                node.later.push((word.to_owned(), pair, exact));
            }
            "uniqueItems" => match value {
                Value::Bool(true) => node.plain_exact("uniqueItems", value),
                Value::Bool(false) => {}
                _ => return refuse(&here, "this must be `true` or `false`"),
            },
            "dependentRequired" | "dependentSchemas" | "dependencies" => {
                let Some(named) = value.as_object() else {
                    return refuse(&here, "this must be an object");
                };
                for (name, value) in named {
                    let inner = child(&here, name);
                    if value.is_array() {
                        let required = shape::names(value, &inner)?;
                        node.depend("dependentRequired", name, json!(required));
                    } else {
                        self.same_value.push((place.to_owned(), inner.clone()));
                        let schema = self.only_exact(value, &inner, depth)?;
                        node.depend("dependentSchemas", name, schema);
                    }
                }
                if !named.is_empty() {
                    self.unenforced(place, word);
                }
            }
            "nullable" => node.nullable = *value == Value::Bool(true),
            _ => {}
        }
        Ok(())
    }

    /// A schema for the validator alone.
    fn only_exact(&mut self, schema: &Value, place: &str, depth: usize) -> Result<Value, SchemaError> {
        let known = self.unenforced.len();
        let pair = self.schema(schema, place, depth + 1)?;
        self.unenforced.truncate(known);
        Ok(pair.exact)
    }

    fn tuple(
        &mut self,
        list: &[Value],
        place: &str,
        depth: usize,
        node: &mut Node,
    ) -> Result<(), SchemaError> {
        let (mut exact, mut grammar) = (Vec::new(), Vec::new());
        for (at, schema) in list.iter().enumerate() {
            let pair = self.schema(schema, &format!("{place}/{at}"), depth + 1)?;
            exact.push(pair.exact);
            grammar.push(pair.grammar);
        }
        if !exact.is_empty() {
            node.exact.insert("prefixItems".into(), Value::Array(exact));
            node.grammar.insert("prefixItems".into(), Value::Array(grammar));
        }
        Ok(())
    }

    /// Adds schemas by names or by patterns.
    fn named(
        &mut self,
        word: &str,
        value: &Value,
        place: &str,
        depth: usize,
        node: &mut Node,
    ) -> Result<(), SchemaError> {
        let Some(named) = value.as_object() else {
            return refuse(place, "this must be an object with schemas");
        };
        let (mut exact, mut grammar) = (Map::new(), Map::new());
        for (name, schema) in named {
            let here = child(place, name);
            let pair = self.schema(schema, &here, depth + 1)?;
            if word == "properties" {
                // Draft 3 says so in the property itself.
                if schema.get("required") == Some(&Value::Bool(true)) {
                    node.require(vec![name.clone()]);
                }
                exact.insert(name.clone(), pair.exact);
                grammar.insert(name.clone(), pair.grammar);
                continue;
            }
            match pattern::read(name) {
                Ok((name, pattern)) => {
                    exact.insert(name, pair.exact);
                    if grammar.insert(pattern, pair.grammar).is_some() {
                        return refuse(&here, "this pattern says the same as another");
                    }
                }
                Err(Unusable::Here(name, reason)) => {
                    exact.insert(name, pair.exact);
                    // What it allows must not be forbidden as additional.
                    node.open_names = true;
                    self.unenforced.push(SchemaError { place: here, reason });
                }
                Err(Unusable::Anywhere(reason)) => return refuse(&here, reason),
            }
        }
        node.exact.insert(word.into(), Value::Object(exact));
        node.grammar.insert(word.into(), Value::Object(grammar));
        Ok(())
    }
}
