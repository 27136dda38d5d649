#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "small numbers"
)]

use serde_json::{Value, json};

use super::*;
use crate::engine::tests::toy;

/// A constraint that enforces all of a schema while a text is written.
pub(super) fn strict(schema: &Value) -> Result<Constraint, ConstraintError> {
    Constraint::of_schema(&mut Schema::read(schema, true)?, &toy::tokenizer())
}

fn refusal(schema: &Value) -> String {
    match strict(schema) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("{schema} was taken"),
    }
}

/// Generates a text by choosing among the allowed tokens at random; `None` if it does not end within `most`.
fn write(constraint: &mut Constraint, seed: u64, most: usize) -> Option<String> {
    let tokenizer = toy::tokenizer();
    let mut ids = Vec::new();
    for step in 0..most as u64 {
        let allowed: Vec<u32> = {
            let mask = constraint.allowed().unwrap();
            (0..toy::VOCABULARY as u32)
                .filter(|id| {
                    mask.get(*id as usize / 32)
                        .is_some_and(|w| w >> (id % 32) & 1 == 1)
                })
                .collect()
        };
        assert!(!allowed.is_empty());
        // With every other seed, the end is taken as soon as it is allowed.
        let random = toy::mix(seed.wrapping_mul(0x9e37_79b9).wrapping_add(step));
        let token = if allowed.contains(&toy::END) && random.is_multiple_of(2) {
            toy::END
        } else {
            allowed[(random >> 8) as usize % allowed.len()]
        };
        if token == toy::END {
            return Some(tokenizer.decode(&ids, false));
        }
        constraint.accept(token).unwrap();
        ids.push(token);
        if constraint.is_complete() {
            return Some(tokenizer.decode(&ids, false));
        }
    }
    None
}

/// Whether a whole text can be generated under a constraint. In the small vocabulary the first tokens are the bytes.
pub(super) fn accepts(constraint: &Constraint, text: &str) -> bool {
    let mut constraint = constraint.fork();
    for byte in text.bytes() {
        let token = u32::from(byte);
        if constraint.is_complete() || constraint.allows(&[token]) == 0 || constraint.accept(token).is_err() {
            return false;
        }
    }
    let end = toy::END as usize;
    constraint.is_complete()
        || constraint
            .allowed()
            .is_ok_and(|mask| mask.get(end / 32).is_some_and(|word| word >> (end % 32) & 1 == 1))
}

#[test]
fn what_is_not_enforced_is_refused_by_name_where_strict() {
    let refused = [
        (
            json!({"type": "object", "dependentRequired": {"a": ["b"]}}),
            "`dependentRequired` is not enforced at #/dependentRequired",
        ),
        (
            json!({"if": {"type": "string"}, "then": {"minLength": 3}}),
            "`if` is not enforced at #/if",
        ),
        (
            json!({"not": {"type": "string"}}),
            "`not` is not enforced at #/not",
        ),
        (
            json!({"type": "array", "uniqueItems": true}),
            "`uniqueItems` is not enforced at #/uniqueItems",
        ),
        (
            json!({"type": "array", "contains": {"type": "string"}}),
            "`contains` is not enforced at #/contains",
        ),
        (
            json!({"type": "object", "properties": {"a": {}}, "propertyNames": {"pattern": "^a"}}),
            "`propertyNames` is not enforced at #/propertyNames",
        ),
        (
            json!({"type": "object", "allOf": [{"properties": {"a": {}}}], "unevaluatedProperties": false}),
            "`unevaluatedProperties` is not enforced at #/unevaluatedProperties",
        ),
        (
            json!({"type": "string", "format": "regex"}),
            "the format \"regex\" is not enforced; enforced are date-time, date, time, duration, email, hostname, ipv4, ipv6, json-pointer, relative-json-pointer, uri, uri-reference, uuid at #/format",
        ),
        (
            json!({"properties": {"a/b": {"not": {"const": 3}}}}),
            "`not` is not enforced at #/properties/a~1b/not",
        ),
        (
            json!({"properties": {"a": {"$dynamicRef": "#x"}}, "$defs": {"b": {"$dynamicAnchor": "x"}, "c": {"$dynamicAnchor": "x"}}}),
            "`$dynamicRef` is not supported where it may lead to several schemas at #/properties/a/$dynamicRef",
        ),
        (
            json!({"$ref": "https://example.org/s"}),
            "the reference \"https://example.org/s\" leads outside the document at #/$ref",
        ),
        (
            json!({"$ref": "#/$defs/a", "$defs": {"b": {}}}),
            "the reference `#/$defs/a` does not lead to a schema in this document at #/$ref",
        ),
        (
            json!({"oneOf": [{"type": "string"}, {"minLength": 2}]}),
            "`oneOf` is not enforced, as a value may be valid under two of its schemas at #/oneOf",
        ),
        (
            json!({"$ref": "#/$defs/a", "$defs": {"a": {"type": "array", "items": {"pattern": "^(?=a)"}}}}),
            "the pattern \"^(?=a)\" has a look-around, which is not enforced at #/$defs/a/items/pattern",
        ),
        (
            json!({"const": 9_007_199_254_740_993_u64}),
            "its integers are outside of those that all JSON readers represent exactly at #/const",
        ),
        (
            json!({"type": "number", "minimum": 1e20}),
            "`minimum` is not enforced at #/minimum",
        ),
        (
            json!({"type": "object", "properties": {"a": {}, "b": {}}, "minProperties": 2}),
            "`minProperties` is not enforced at #/minProperties",
        ),
        (json!(false), "no value is valid under the schema `false` at #"),
        (json!(3), "a schema is an object, `true` or `false` at #"),
        (json!({"$ref": "#"}), "the schema leads back to itself at #"),
        (
            json!({"properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/b"}]}, "b": {"allOf": [{"$ref": "#/$defs/a"}]}}}),
            "the schema leads back to itself at #/$defs/a",
        ),
    ];
    for (schema, reason) in refused {
        assert_eq!(
            refusal(&schema),
            format!("the schema cannot be enforced: {reason}")
        );
    }
}

/// Whoever asks for it, a schema must be one.
#[test]
fn what_is_no_schema_is_refused_by_its_place() {
    for (schema, reason) in [
        (
            json!({"anyOf": []}),
            "this must be a list of schemas, not empty at #/anyOf",
        ),
        (
            json!({"type": "strin"}),
            "\"strin\" is not a type; types are null, boolean, integer, number, string, array, object at #/type",
        ),
        (
            json!({"properties": {"a": {"type": "string", "minLength": -1}}}),
            "this must be a whole number from 0 at #/properties/a/minLength",
        ),
        (json!({"minimum": "5"}), "this must be a number at #/minimum"),
        (
            json!({"multipleOf": 0}),
            "this must be a number above 0 at #/multipleOf",
        ),
        (
            json!({"enum": []}),
            "this must be a list of values, not empty at #/enum",
        ),
        (
            json!({"required": "a"}),
            "this must be a list of texts at #/required",
        ),
        (
            json!({"properties": []}),
            "this must be an object with schemas at #/properties",
        ),
        (
            json!({"items": {"pattern": "("}}),
            "the pattern \"(\" is not a valid ECMA-262 regular expression with the flag `u` at #/items/pattern",
        ),
        (
            json!({"$ref": "https://example.org/s"}),
            "the reference \"https://example.org/s\" leads outside the document at #/$ref",
        ),
        (
            json!({"type": "string", "minLength": 5, "maxLength": 2}),
            "Unsatisfiable schema: minLength (5) is greater than maxLength (2) at #",
        ),
        (
            json!({"type": "object", "required": ["a"], "properties": {"a": false}}),
            "Unsatisfiable schema: required property 'a' is unsatisfiable at #",
        ),
    ] {
        let error = Constraint::json_schema(&schema, &toy::tokenizer()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the schema cannot be enforced: {reason}")
        );
    }
}

#[test]
fn what_is_written_at_random_is_valid() {
    let schemas = [
        json!({"type": "object", "properties": {"name": {"type": "string", "maxLength": 6}, "size": {"type": "integer", "minimum": 3, "maximum": 1000}}, "required": ["name", "size"], "additionalProperties": false}),
        json!({"type": "array", "items": {"enum": ["a", "b", 3, null, true, {"k": [1, 2]}]}, "minItems": 1, "maxItems": 4}),
        json!({"type": "array", "prefixItems": [{"const": "x"}, {"type": "boolean"}], "items": {"type": "number", "multipleOf": 0.5, "exclusiveMinimum": -4, "maximum": 4}, "maxItems": 5}),
        json!({"allOf": [{"type": "integer", "multipleOf": 30}, {"multipleOf": 7}]}),
        json!({"type": "number", "multipleOf": 910, "minimum": -1e300, "exclusiveMaximum": 0.5}),
        json!({"type": "number", "multipleOf": 0.37}),
        json!({"anyOf": [{"type": "string", "pattern": "^[a-f]{2,4}-[0-9]+$", "maxLength": 9}, {"type": "null"}]}),
        json!({"oneOf": [{"type": "object", "properties": {"kind": {"const": "a"}, "n": {"type": "integer"}}, "required": ["kind", "n"], "additionalProperties": false}, {"type": "object", "properties": {"kind": {"const": "b"}}, "required": ["kind"], "additionalProperties": false}]}),
        json!({"$ref": "#/$defs/tree", "$defs": {"tree": {"type": "object", "properties": {"v": {"type": "integer"}, "l": {"anyOf": [{"$ref": "#/$defs/tree"}, {"type": "null"}]}}, "required": ["v", "l"], "additionalProperties": false}}}),
        json!({"type": "object", "patternProperties": {"^[ab]$": {"type": "integer"}}, "additionalProperties": false, "maxProperties": 3}),
        json!({"allOf": [{"type": "integer", "minimum": 5}, {"maximum": 9}]}),
        json!({"type": ["integer", "null", "string"], "maxLength": 3, "maximum": 50, "minimum": -50, "title": "any of three", "default": 7}),
        json!({"$schema": "http://json-schema.org/draft-07/schema#", "type": "array", "items": [{"type": "integer"}, {"type": "null"}], "additionalItems": false}),
        json!({"type": "string", "format": "date"}),
        json!({"type": "string", "format": "ipv4"}),
        json!({"type": "string", "format": "uuid"}),
        json!({"type": "string", "format": "time"}),
        json!({"type": "string", "format": "date-time", "minLength": 20}),
        json!({"type": "string", "format": "email"}),
        json!({"type": "string", "format": "hostname"}),
        json!({"type": "string", "format": "ipv6"}),
        json!({"type": "string", "format": "duration"}),
        json!({"type": "string", "format": "uri"}),
        json!({"type": "string", "format": "uri-reference"}),
        json!({"type": "string", "format": "json-pointer"}),
        json!({"type": "string", "format": "relative-json-pointer"}),
        json!({"type": "string", "format": "uuid4"}),
        json!({"type": "string", "format": "date", "pattern": "-02-2", "allOf": [{"pattern": "[0-9]$"}]}),
        json!({"type": "object"}),
        json!({"type": "number"}),
        json!({"type": "array", "items": {"type": "number", "exclusiveMaximum": 5, "minimum": -1}}),
        json!({"enum": [9_007_199_254_740_992_u64, 0.123_456_789_012_345_67]}),
        json!({"type": "string", "minLength": 2, "maxLength": 4}),
    ];
    for schema in schemas {
        let fresh = strict(&schema).unwrap_or_else(|e| panic!("{schema}: {e}"));
        let mut done = 0;
        for seed in 0..60 {
            let mut constraint = fresh.fork();
            if let Some(text) = write(&mut constraint, seed, 400) {
                constraint
                    .validate(&text)
                    .unwrap_or_else(|error| panic!("{schema} let through {text}: {error}"));
                done += 1;
            }
        }
        assert!(done > 20, "{schema}: only {done} texts came to an end");
    }
}

#[test]
fn a_grammar_and_a_pattern_are_followed() {
    let mut pattern = Constraint::regex("(ab|cd){2,3}", &toy::tokenizer()).unwrap();
    let text = write(&mut pattern, 3, 100).unwrap();
    assert!(
        ["ab", "cd"].contains(&&text[..2]) && (4..=6).contains(&text.len()),
        "{text}"
    );
    let mut grammar =
        Constraint::grammar("start: \"a\" word \"!\"\nword: /[x-z]{3}/", &toy::tokenizer()).unwrap();
    let text = write(&mut grammar, 3, 100).unwrap();
    assert!(
        text.starts_with('a') && text.ends_with('!') && text.len() == 5,
        "{text}"
    );
    assert!(matches!(
        Constraint::grammar("start: nothing", &toy::tokenizer()),
        Err(ConstraintError::Grammar(_))
    ));
    assert!(matches!(
        Constraint::regex("(", &toy::tokenizer()),
        Err(ConstraintError::Grammar(_))
    ));
}

/// A schema embedded in that of a grammar keeps its own references, and is enforced as if it stood alone.
#[test]
fn deep_schemas_fit_the_stack_or_are_refused() {
    let nested = |depth: usize| {
        let mut schema = json!({"type": "integer"});
        for _ in 0..depth {
            schema = json!({"type": "array", "items": schema});
        }
        schema
    };
    // A thread as those that compute answers have.
    let small = std::thread::Builder::new().stack_size(2 << 20);
    let thread = small.spawn(move || {
        let enforced = Schema::read(&nested(60), false).is_ok();
        (
            enforced,
            [65, 120].map(|depth| Schema::read(&nested(depth), false).is_err()),
        )
    });
    assert_eq!(thread.unwrap().join().unwrap(), (true, [true, true]));
}

#[test]
fn lines_of_json_in_a_grammar_are_valid() {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "description": "as a program makes it of its types",
        "properties": {
            "day": {"type": "string", "format": "date"},
            "code": {"type": "string", "pattern": r"^\d\s?$"},
            "size": {"type": "number"},
            "tree": {"$ref": "#/$defs/Tree"}
        },
        "required": ["day", "code", "size", "tree"],
        "additionalProperties": false,
        "$defs": {"Tree": {"type": "object", "properties": {"left": {"anyOf": [{"$ref": "#/$defs/Tree"}, {"type": "null"}]}}, "required": ["left"], "additionalProperties": false}}
    });
    let part = Schema::of_arguments(&schema, "#/anyOf/1/properties/arguments", true).unwrap();
    let part = part.grammar();
    assert_eq!(
        part["properties"]["tree"],
        json!({"$ref": "#/anyOf/1/properties/arguments/$defs/0"})
    );
    let body = |name: &str, arguments: &Value| json!({"type": "object", "properties": {"name": {"const": name}, "arguments": arguments}, "required": ["name", "arguments"], "additionalProperties": false});
    let any = json!({"anyOf": [body("now", &json!({"type": "null"})), body("keep", part)], "x-guidance": {"whitespace_flexible": false}});
    let lark = format!("start: \"12345678901234567 <call>\\n\" body \"\\n</call>\"\nbody: %json {any}\n");
    let fresh = Constraint::grammar_with_json(&lark, "<call>\n", &toy::tokenizer()).unwrap();
    let alone = Constraint::json_schema(&schema, &toy::tokenizer()).unwrap();
    let mut kept = 0;
    for seed in 0..200 {
        let Some(text) = write(&mut fresh.fork(), seed, 600) else {
            continue;
        };
        let line = text
            .split_once("<call>\n")
            .and_then(|(_, rest)| rest.strip_suffix("\n</call>"));
        let call: Value = serde_json::from_str(line.unwrap()).unwrap();
        if call["name"] == "keep" {
            alone.validate(&call["arguments"].to_string()).unwrap();
            kept += 1;
        }
    }
    assert!(kept > 20, "{kept}");
}

#[test]
fn a_schema_of_a_megabyte_or_three_hundred_tools_is_compiled() {
    let properties: serde_json::Map<String, Value> =
        (0..300).map(|i| (format!("tool_{i}"), json!({"type": "object", "description": "x".repeat(3500), "properties": {"path": {"type": "string"}, "n": {"type": "integer"}}, "required": ["path"], "additionalProperties": false}))).collect();
    let schema = json!({"type": "object", "properties": properties, "additionalProperties": false});
    assert!(schema.to_string().len() > 1_000_000);
    Constraint::json_schema(&schema, &toy::tokenizer()).unwrap();
}

#[test]
fn a_text_that_does_not_match_is_told() {
    let constraint =
        Constraint::json_schema(&json!({"type": "integer", "maximum": 5}), &toy::tokenizer()).unwrap();
    assert_eq!(constraint.validate("3").map_err(|e| e.to_string()), Ok(()));
    assert_eq!(
        constraint.validate("7").unwrap_err().to_string(),
        "the text violates its constraint: 7 is greater than the maximum of 5 at "
    );
    assert!(constraint.validate("{").is_err());
}

mod clients;
mod drafts;
mod properties;
mod suite;
