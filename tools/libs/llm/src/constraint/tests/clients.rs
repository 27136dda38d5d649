//! Schemas in the shapes that programs make of their types: all are accepted, as strict as the program asks for, and enforced.

use super::*;

/// A schema, whether its program asks for strictness, and texts that are valid and invalid under it.
struct Shape {
    what: &'static str,
    strict: bool,
    schema: Value,
    right: &'static [&'static str],
    wrong: &'static [&'static str],
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn shapes() -> Vec<Shape> {
    vec![
        Shape {
            what: "pydantic through OpenAI's strict format: definitions, optional fields, an enumeration, a discriminated union",
            strict: true,
            schema: json!({
                "$defs": {
                    "Disk": {
                        "properties": {"kind": {"const": "disk", "default": "disk", "title": "Kind", "type": "string"}, "serial": {"title": "Serial", "type": "string"}},
                        "required": ["kind", "serial"], "title": "Disk", "type": "object", "additionalProperties": false
                    },
                    "Share": {
                        "properties": {"kind": {"const": "share", "default": "share", "title": "Kind", "type": "string"},
                                       "access": {"$ref": "#/$defs/Access"}},
                        "required": ["kind", "access"], "title": "Share", "type": "object", "additionalProperties": false
                    },
                    "Access": {"enum": ["read", "write"], "title": "Access", "type": "string"}
                },
                "properties": {
                    "target": {"discriminator": {"mapping": {"disk": "#/$defs/Disk", "share": "#/$defs/Share"}, "propertyName": "kind"},
                               "oneOf": [{"$ref": "#/$defs/Disk"}, {"$ref": "#/$defs/Share"}], "title": "Target"},
                    "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "title": "Note"},
                    "at": {"anyOf": [{"format": "date-time", "type": "string"}, {"type": "null"}]}
                },
                "required": ["target", "note", "at"], "title": "Request", "type": "object", "additionalProperties": false
            }),
            right: &[
                r#"{"target":{"kind":"disk","serial":"a"},"note":null,"at":null}"#,
                r#"{"target":{"kind":"share","access":"read"},"note":"b","at":"2024-02-29T10:00:00Z"}"#,
            ],
            wrong: &[
                r#"{"target":{"kind":"disk","access":"read"},"note":null,"at":null}"#,
                r#"{"target":{"kind":"share","access":"none"},"note":null,"at":null}"#,
                r#"{"target":{"kind":"disk","serial":"a"},"note":null}"#,
                r#"{"target":{"kind":"disk","serial":"a"},"note":null,"at":"today"}"#,
            ],
        },
        Shape {
            what: "pydantic: constrained numbers and strings, formats that are no standard's, sets, tuples, mappings",
            strict: false,
            schema: json!({
                "properties": {
                    "ratio": {"exclusiveMinimum": 0.0, "maximum": 1.0, "title": "Ratio", "type": "number"},
                    "count": {"default": 3, "minimum": 1, "exclusiveMaximum": 10, "type": "integer"},
                    "code": {"maxLength": 4, "minLength": 2, "pattern": "^[A-Z]+$", "type": "string"},
                    "id": {"format": "uuid4", "type": "string"},
                    "home": {"format": "path", "type": "string"},
                    "secret": {"format": "password", "type": "string", "writeOnly": true},
                    "site": {"format": "uri", "maxLength": 2083, "minLength": 1, "type": "string"},
                    "tags": {"items": {"type": "string"}, "type": "array", "uniqueItems": true},
                    "pair": {"maxItems": 2, "minItems": 2, "prefixItems": [{"type": "integer"}, {"type": "string"}], "type": "array"},
                    "sizes": {"additionalProperties": {"type": "integer"}, "type": "object"},
                    "levels": {"additionalProperties": {"type": "number"}, "propertyNames": {"enum": ["low", "high"]}, "type": "object"}
                },
                "required": ["ratio", "code"], "title": "Options", "type": "object"
            }),
            right: &[
                r#"{"ratio":0.5,"code":"AB","tags":["a","b"],"pair":[1,"a"],"sizes":{"x":1},"levels":{"low":0.5}}"#,
                r#"{"ratio":1,"code":"ABCD","id":"01234567-89ab-4def-8123-456789abcdef","site":"https://example.org/a?b=c#d"}"#,
            ],
            wrong: &[
                r#"{"ratio":0,"code":"AB"}"#,
                r#"{"ratio":0.5,"code":"A"}"#,
                r#"{"ratio":0.5,"code":"AB","count":10}"#,
                r#"{"ratio":0.5,"code":"AB","tags":["a","a"]}"#,
                r#"{"ratio":0.5,"code":"AB","pair":[1]}"#,
                r#"{"ratio":0.5,"code":"AB","levels":{"middle":1}}"#,
                r#"{"ratio":0.5,"code":"AB","site":"not a uri"}"#,
            ],
        },
        Shape {
            what: "pydantic: a recursive model, at the root",
            strict: true,
            schema: json!({
                "$defs": {"Folder": {
                    "properties": {"name": {"type": "string"}, "folders": {"items": {"$ref": "#/$defs/Folder"}, "type": "array"}},
                    "required": ["name", "folders"], "type": "object", "additionalProperties": false
                }},
                "$ref": "#/$defs/Folder"
            }),
            right: &[r#"{"name":"a","folders":[{"name":"b","folders":[]}]}"#],
            wrong: &[r#"{"name":"a","folders":[{"name":"b"}]}"#],
        },
        Shape {
            what: "zod, draft 7: positive numbers, literals, tuples, records, an intersection, a reference by path, never",
            strict: false,
            schema: json!({
                "$schema": "http://json-schema.org/draft-07/schema#",
                "type": "object",
                "properties": {
                    "amount": {"type": "number", "exclusiveMinimum": 0},
                    "mode": {"type": "string", "enum": ["fast", "safe"]},
                    "flag": {"type": ["string", "number"]},
                    "pair": {"type": "array", "minItems": 2, "maxItems": 2, "items": [{"type": "number"}, {"type": "boolean"}]},
                    "by": {"type": "object", "additionalProperties": {"type": "string"}, "propertyNames": {"minLength": 1}},
                    "both": {"allOf": [{"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
                                       {"type": "object", "properties": {"b": {"type": "number"}}, "required": ["b"]}],
                             "unevaluatedProperties": false},
                    "again": {"$ref": "#/properties/mode"},
                    "gone": {"not": {}},
                    "large": {"type": "integer", "format": "int64"},
                    "mail": {"type": "string", "format": "email"}
                },
                "required": ["amount", "mode"],
                "additionalProperties": false
            }),
            right: &[
                r#"{"amount":0.01,"mode":"fast","flag":1,"pair":[1,true],"by":{"a":"b"},"both":{"a":"x","b":1},"again":"safe"}"#,
                r#"{"amount":5,"mode":"safe","mail":"a@example.org"}"#,
            ],
            wrong: &[
                r#"{"amount":0,"mode":"fast"}"#,
                r#"{"amount":1,"mode":"slow"}"#,
                r#"{"amount":1,"mode":"fast","pair":[1,true,2]}"#,
                r#"{"amount":1,"mode":"fast","both":{"a":"x","b":1,"c":2}}"#,
                r#"{"amount":1,"mode":"fast","again":"x"}"#,
                r#"{"amount":1,"mode":"fast","gone":1}"#,
                r#"{"amount":1,"mode":"fast","by":{"":"b"}}"#,
            ],
        },
        Shape {
            what: "zod for OpenAPI 3: nullable, boolean exclusive bounds",
            strict: false,
            schema: json!({
                "type": "object",
                "properties": {
                    "name": {"type": "string", "nullable": true},
                    "price": {"type": "number", "minimum": 0, "exclusiveMinimum": true},
                    "kind": {"type": "string", "enum": ["a", "b"], "nullable": true}
                },
                "required": ["name", "price"]
            }),
            right: &[
                r#"{"name":null,"price":0.5,"kind":null}"#,
                r#"{"name":"a","price":1,"kind":"b"}"#,
            ],
            wrong: &[
                r#"{"name":1,"price":0.5}"#,
                r#"{"name":null,"price":0}"#,
                r#"{"name":null,"price":1,"kind":"c"}"#,
            ],
        },
        Shape {
            what: "FastMCP: titles, defaults, an output envelope",
            strict: false,
            schema: json!({
                "properties": {
                    "path": {"title": "Path", "type": "string"},
                    "depth": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": null, "title": "Depth"},
                    "filters": {"anyOf": [{"items": {"type": "string"}, "type": "array"}, {"type": "null"}], "default": null},
                    "options": {"additionalProperties": true, "default": {}, "title": "Options", "type": "object"}
                },
                "required": ["path"], "title": "list_filesArguments", "type": "object",
                "x-fastmcp-wrap-result": true
            }),
            right: &[
                r#"{"path":"/a","depth":null,"filters":["b"],"options":{"c":{"d":1}}}"#,
                r#"{"path":"/a"}"#,
            ],
            wrong: &[
                "{}",
                r#"{"path":"/a","depth":"b"}"#,
                r#"{"path":"/a","filters":"b"}"#,
            ],
        },
        Shape {
            what: "Home Assistant: unions of areas and devices, bounds of brightness, colours as fixed lists",
            strict: false,
            schema: json!({
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "area": {"type": "string"},
                    "domain": {"type": "array", "items": {"type": "string", "enum": ["light", "switch"]}},
                    "brightness": {"type": "integer", "minimum": 0, "maximum": 100},
                    "position": {"type": "number", "minimum": 0.0, "maximum": 100.0},
                    "rgb": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 255}, "minItems": 3, "maxItems": 3},
                    "start": {"type": "string", "format": "time"},
                    "value": {"anyOf": [{"type": "integer"}, {"type": "number"}, {"type": "string", "nullable": true}]}
                },
                "required": []
            }),
            right: &[
                r#"{"name":"a","domain":["light"],"brightness":100,"rgb":[0,255,7],"value":null}"#,
                "{}",
            ],
            wrong: &[
                r#"{"brightness":101}"#,
                r#"{"domain":["fan"]}"#,
                r#"{"rgb":[0,1]}"#,
                r#"{"position":100.5}"#,
            ],
        },
        Shape {
            what: "LangChain of docstrings: no root type beside properties, words for examples and environment",
            strict: false,
            schema: json!({
                "title": "multiply", "description": "Multiply two numbers.", "type": "object",
                "properties": {
                    "a": {"description": "first", "type": "integer", "example": 3, "env_names": ["A"]},
                    "b": {"allOf": [{"$ref": "#/definitions/Factor"}], "description": "second", "default": 2}
                },
                "required": ["a", "b"],
                "definitions": {"Factor": {"title": "Factor", "description": "An enumeration.", "enum": [1, 2], "type": "integer"}}
            }),
            right: &[r#"{"a":3,"b":2}"#],
            wrong: &[r#"{"a":3,"b":5}"#, r#"{"a":3}"#],
        },
        Shape {
            what: "a generator for OpenAPI 3.0, with nulls for what is absent",
            strict: false,
            schema: json!({
                "type": "object", "title": null, "required": null, "enum": null, "$id": "Query", "additionalProperties": null,
                "properties": {
                    "limit": {"type": "integer", "format": "int32", "minimum": 1, "maximum": null, "items": null, "x-go-name": "Limit"},
                    "score": {"type": "number", "format": "double"},
                    "blob": {"type": "string", "format": "byte", "contentEncoding": "base64"}
                }
            }),
            right: &[r#"{"limit":5,"score":0.5,"blob":"YQ=="}"#, "{}"],
            wrong: &[r#"{"limit":0}"#, r#"{"limit":"a"}"#],
        },
        Shape {
            what: "a program of JavaScript: patterns without the flag `u`",
            strict: true,
            schema: json!({
                "type": "object", "additionalProperties": false, "required": ["host", "tag"],
                "properties": {"host": {"type": "string", "pattern": "^[\\w-.]+$"}, "tag": {"type": "string", "pattern": "^{[a-z]}$"}}
            }),
            right: &[r#"{"host":"a-b.c","tag":"{x}"}"#],
            wrong: &[r#"{"host":"a b","tag":"{x}"}"#, r#"{"host":"a","tag":"x"}"#],
        },
    ]
}

#[test]
fn all_shapes_are_accepted_and_enforced() {
    for shape in shapes() {
        let Shape { what, schema, .. } = &shape;
        let mut read = Schema::read(schema, shape.strict).unwrap_or_else(|error| panic!("{what}: {error}"));
        let constraint = Constraint::of_schema(&mut read, &toy::tokenizer())
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(read.loosened(), 0, "{what}");
        for text in shape.right {
            assert!(accepts(&constraint, text), "{what}: {text}");
            assert_eq!(
                constraint.validate(text).map_err(|e| e.to_string()),
                Ok(()),
                "{what}: {text}"
            );
        }
        for text in shape.wrong {
            assert!(constraint.validate(text).is_err(), "{what}: {text}");
            let written = accepts(&constraint, text);
            assert!(!written || !read.unenforced().is_empty(), "{what}: {text}");
        }
        // As the arguments of a function, too.
        let arguments = Schema::of_arguments(schema, "#/properties/arguments", shape.strict).unwrap();
        let mut whole = json!({"type": "object", "properties": {"arguments": arguments.grammar()},
                               "required": ["arguments"], "additionalProperties": false});
        whole["x-guidance"] = json!({"whitespace_flexible": false});
        let lark = format!("start: %json {whole}\n");
        let call =
            Constraint::grammar(&lark, &toy::tokenizer()).unwrap_or_else(|error| panic!("{what}: {error}"));
        for text in shape.right {
            assert!(
                accepts(&call, &format!("{{\"arguments\":{text}}}")),
                "{what}: {text}"
            );
        }
    }
}
