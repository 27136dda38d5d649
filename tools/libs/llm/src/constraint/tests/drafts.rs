//! Words of older drafts, of `OpenAPI` and of nobody.

use super::*;

/// Schemas with texts that are written and texts that are not.
#[expect(clippy::too_many_lines, reason = "a table")]
fn cases() -> Vec<(Value, Vec<&'static str>, Vec<&'static str>)> {
    vec![
        // Draft 4.
        (
            json!({"type": "number", "minimum": 0, "exclusiveMinimum": true, "maximum": 2, "exclusiveMaximum": false}),
            vec!["0.5", "2"],
            vec!["0", "-0", "2.5"],
        ),
        (
            json!({"$schema": "http://json-schema.org/draft-04/schema#", "id": "http://example.org/a",
                   "$ref": "#/definitions/size", "definitions": {"size": {"id": "#size", "type": "integer"}}}),
            vec!["1"],
            vec!["true"],
        ),
        (
            json!({"type": "array", "items": [{"type": "integer"}, {"type": "string"}], "additionalItems": false}),
            vec!["[]", "[1]", "[1,\"a\"]"],
            vec!["[\"a\"]", "[1,\"a\",2]"],
        ),
        (
            json!({"type": "array", "items": {"type": "integer"}, "additionalItems": false}),
            vec!["[1,2]"],
            vec!["[\"a\"]"],
        ),
        // Draft 3.
        (
            json!({"type": "object", "properties": {"a": {"type": "any", "required": true}, "b": {"type": "integer", "required": false}},
                   "additionalProperties": false}),
            vec!["{\"a\":1}", "{\"a\":null,\"b\":1}"],
            vec!["{}", "{\"b\":1}", "{\"a\":1,\"b\":\"c\"}"],
        ),
        // Draft 7: what stands beside a reference is ignored.
        (
            json!({"$schema": "http://json-schema.org/draft-07/schema#", "$ref": "#/definitions/a", "minimum": 5,
                   "definitions": {"a": {"type": "integer"}}}),
            vec!["1"],
            vec!["null"],
        ),
        (
            json!({"$ref": "#/definitions/a", "minimum": 5, "definitions": {"a": {"type": "integer"}}}),
            vec!["5"],
            vec!["1"],
        ),
        (
            json!({"$schema": "http://json-schema.org/draft-07/schema#", "type": "array",
                   "items": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"const": 1}}, "contentMediaType": "text/plain"}),
            vec!["[1]", "[1,2]"],
            vec!["[2]"],
        ),
        // Identifiers, anchors and recursion.
        (
            json!({"$id": "https://example.org/tree", "$anchor": "node", "type": "object", "additionalProperties": false,
                   "properties": {"a": {"$ref": "https://example.org/tree#node"}, "b": {"$ref": "#"}, "c": {"$ref": "tree"}}}),
            vec!["{\"a\":{\"b\":{\"c\":{}}}}"],
            vec!["{\"a\":{\"b\":{\"c\":1}}}"],
        ),
        (
            json!({"type": "array", "items": {"$recursiveRef": "#"}}),
            vec!["[[],[[]]]"],
            vec!["[1]", "{}"],
        ),
        (
            json!({"properties": {"a": {"type": "integer"}, "b": {"$ref": "#/properties/a"}}, "type": "object",
                   "additionalProperties": false}),
            vec!["{\"b\":1}"],
            vec!["{\"b\":null}"],
        ),
        // OpenAPI 3.0.
        (
            json!({"type": "string", "nullable": true, "example": "a", "xml": {"name": "a"}, "maxLength": 1}),
            vec!["\"a\"", "null"],
            vec!["\"ab\"", "1"],
        ),
        (
            json!({"type": "string", "enum": ["a"], "nullable": true}),
            vec!["\"a\"", "null"],
            vec!["\"b\""],
        ),
        (
            json!({"allOf": [{"$ref": "#/components/schemas/A"}], "nullable": true, "components": {"schemas": {"A": {"type": "integer"}}}}),
            vec!["1", "null"],
            vec!["\"a\""],
        ),
        (
            json!({"type": "string", "nullable": false, "enum": ["a"]}),
            vec!["\"a\""],
            vec!["null"],
        ),
        // Words that say nothing, and null as a value.
        (
            json!({"$schema": "https://example.org/my-dialect", "type": "integer", "x-order": 1, "title": 3, "description": ["a"], "default": "a",
                   "examples": 1, "deprecated": "yes", "readOnly": true, "writeOnly": true, "$comment": "", "discriminator": {"propertyName": "a"},
                   "format": "int64", "contentEncoding": "base64", "contentSchema": {"type": "string"}, "unknown": {"$ref": "nowhere"},
                   "minimum": null, "enum": null, "properties": null, "required": null, "items": null, "anyOf": null, "uniqueItems": false}),
            vec!["1"],
            vec!["\"a\""],
        ),
        (
            json!({"type": "string", "format": "path"}),
            vec!["\"/a\""],
            vec!["1"],
        ),
        // Exact forms of what is not enforced in general.
        (
            json!({"type": "object", "properties": {"a": {"not": {}}}, "unevaluatedProperties": {"type": "integer"}}),
            vec!["{}", "{\"b\":1}"],
            vec!["{\"a\":1}", "{\"b\":\"c\"}"],
        ),
        (
            json!({"type": "object", "propertyNames": {"enum": ["a", "b"]}, "additionalProperties": {"type": "integer"}}),
            vec!["{}", "{\"a\":1,\"b\":2}"],
            vec!["{\"c\":1}", "{\"a\":\"b\"}"],
        ),
        (
            json!({"type": "object", "propertyNames": {"$ref": "#/$defs/name"}, "$defs": {"name": {"type": "string", "pattern": "^x-"}}}),
            vec!["{\"x-a\":1}"],
            vec!["{\"a\":1}"],
        ),
        (
            json!({"type": "object", "propertyNames": {"maxLength": 2}}),
            vec!["{\"ab\":1}"],
            vec!["{\"abc\":1}"],
        ),
        (
            json!({"type": "object", "propertyNames": {"maxLength": 1}, "unevaluatedProperties": {"type": "number"}}),
            vec!["{\"a\":1}"],
            vec!["{\"a\":\"b\"}", "{\"ab\":1}"],
        ),
        (
            json!({"type": "array", "uniqueItems": true, "maxItems": 1}),
            vec!["[1]"],
            vec!["[1,1]"],
        ),
        (
            json!({"type": "array", "prefixItems": [{"const": 1}], "unevaluatedItems": false}),
            vec!["[1]"],
            vec!["[1,1]"],
        ),
        (
            json!({"minLength": 2.0, "maxLength": 2, "type": "string"}),
            vec!["\"ab\""],
            vec!["\"a\""],
        ),
        (
            json!({"enum": [1, {"a": [9_007_199_254_740_993_u64]}]}),
            vec!["1"],
            vec!["2"],
        ),
    ]
}

#[test]
fn they_are_understood_and_enforced() {
    for (schema, right, wrong) in cases() {
        let constraint = strict(&schema).unwrap_or_else(|error| panic!("{schema}: {error}"));
        for text in right {
            assert!(accepts(&constraint, text), "{text} under {schema}");
            assert_eq!(
                constraint.validate(text).map_err(|e| e.to_string()),
                Ok(()),
                "{schema}"
            );
        }
        for text in wrong {
            assert!(!accepts(&constraint, text), "{text} under {schema}");
            assert!(constraint.validate(text).is_err(), "{text} under {schema}");
        }
    }
}

/// What is not enforced does not refuse a schema where strictness was not asked for, and is checked in the finished text.
#[test]
fn what_is_not_enforced_is_checked() {
    for (schema, place, right, wrong) in [
        (
            json!({"type": "array", "uniqueItems": true}),
            "#/uniqueItems",
            "[1,2]",
            "[1,1]",
        ),
        (json!({"not": {"type": "string"}}), "#/not", "1", "\"a\""),
        (
            json!({"if": {"type": "string"}, "then": {"minLength": 3}}),
            "#/if",
            "1",
            "\"a\"",
        ),
        (
            json!({"type": "object", "dependentRequired": {"a": ["b"]}}),
            "#/dependentRequired",
            "{\"b\":1}",
            "{\"a\":1}",
        ),
        (
            json!({"type": "object", "dependencies": {"a": ["b"], "c": {"required": ["d"]}}}),
            "#/dependencies",
            "{\"c\":1,\"d\":1}",
            "{\"c\":1}",
        ),
        (
            json!({"contains": {"const": 1}, "type": "array"}),
            "#/contains",
            "[2,1]",
            "[2]",
        ),
        (
            json!({"type": "string", "format": "regex"}),
            "#/format",
            "\"a+\"",
            "\"(\"",
        ),
        (
            json!({"type": "string", "pattern": "^(?=.*[0-9])(?=.*[a-z])"}),
            "#/pattern",
            "\"a1\"",
            "\"aa\"",
        ),
        (
            json!({"type": "object", "patternProperties": {"(?<!x)a": {"type": "integer"}}, "additionalProperties": false}),
            "#/patternProperties/(?<!x)a",
            "{\"a\":1}",
            "{\"xa\":1}",
        ),
        (
            json!({"oneOf": [{"multipleOf": 2}, {"multipleOf": 3}], "type": "integer"}),
            "#/oneOf",
            "2",
            "6",
        ),
        (
            json!({"type": "integer", "minimum": 1_000_000_000_000_000_u64}),
            "#/minimum",
            "1000000000000001",
            "5",
        ),
        (
            json!({"type": "object", "properties": {"a": {}, "b": {}, "c": {}}, "minProperties": 2}),
            "#/minProperties",
            "{\"a\":1,\"c\":1}",
            "{\"a\":1}",
        ),
        (
            json!({"allOf": [{"properties": {"a": {}}}], "type": "object", "unevaluatedProperties": false}),
            "#/unevaluatedProperties",
            "{\"a\":1}",
            "{\"b\":1}",
        ),
        (
            json!({"enum": [9_007_199_254_740_993_u64]}),
            "#/enum",
            "9007199254740993",
            "9007199254740992",
        ),
    ] {
        let read = Schema::read(&schema, false).unwrap();
        let places: Vec<&str> = read.unenforced().iter().map(|e| e.place.as_str()).collect();
        assert_eq!(places, [place], "{schema}");
        assert_eq!(Schema::read(&schema, true).unwrap_err().place, place);
        let constraint = Constraint::json_schema(&schema, &toy::tokenizer()).unwrap();
        assert_eq!(
            constraint.validate(right).map_err(|e| e.to_string()),
            Ok(()),
            "{schema}"
        );
        assert!(constraint.validate(wrong).is_err(), "{wrong} under {schema}");
    }
}

/// What the compiler cannot do alone is left to the validator, the rest stays enforced.
#[test]
fn what_is_too_complex_is_checked() {
    let schema = json!({
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "patternProperties": {"^a": {"type": "integer"}, "b$": {"minimum": 5}},
        "required": ["n"]
    });
    let error = refusal(&schema);
    assert!(error.contains("are not disjoint at #"), "{error}");
    let constraint = Constraint::json_schema(&schema, &toy::tokenizer()).unwrap();
    assert!(accepts(&constraint, "{\"n\":1,\"ab\":3}"));
    assert!(constraint.validate("{\"n\":1,\"ab\":3}").is_err());
    assert!(constraint.validate("{\"n\":1,\"ab\":5}").is_ok());
    assert!(!accepts(&constraint, "{\"n\":\"a\"}"));
    assert!(!accepts(&constraint, "{}"));
}

/// A name that is excluded cannot be written in another way.
#[test]
fn names_have_one_spelling() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}}});
    let constraint = strict(&schema).unwrap();
    assert!(accepts(&constraint, "{\"a\":1,\"b\":\"c\"}"));
    assert!(!accepts(&constraint, "{\"\\u0061\":\"c\"}"));
}
