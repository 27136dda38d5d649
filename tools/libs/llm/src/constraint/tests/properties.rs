//! Whatever a grammar accepts is valid under the schema as it was given, by a validator of the draft it was given in.

use std::sync::OnceLock;

use proptest::prelude::*;
use serde_json::Map;
use sigmavault_schema::{Draft, Validator};

use super::*;
use crate::guide::Numbers;
use crate::tokenizer::Tokenizer;

fn tokenizer() -> &'static Tokenizer {
    static TOKENIZER: OnceLock<std::sync::Arc<Tokenizer>> = OnceLock::new();
    TOKENIZER.get_or_init(toy::tokenizer)
}

/// The constraint of a schema all of which is enforced.
fn enforced(schema: &Value) -> Option<Constraint> {
    Constraint::of_schema(&mut Schema::read(schema, true).ok()?, tokenizer()).ok()
}

/// Whether a text can be written: its numbers are short enough, too.
fn writable(constraint: &Constraint, text: &str) -> bool {
    Numbers::of_json().push(text.as_bytes()) && accepts(constraint, text)
}

fn assert_valid(schema: &Value, validator: &Validator, text: &str) -> Result<(), TestCaseError> {
    let value: Result<Value, _> = serde_json::from_str(text);
    let Ok(value) = value else {
        return Err(TestCaseError::fail(format!("{text} is no JSON, under {schema}")));
    };
    if let Err(error) = validator.validate(&value) {
        return Err(TestCaseError::fail(format!("{text} under {schema}: {error}")));
    }
    Ok(())
}

/// Numbers as schemas hold them: small and large, with many digits and with exponents.
fn number() -> BoxedStrategy<Value> {
    prop_oneof![
        4 => (-12i64..12).prop_map(Value::from),
        2 => (-40i64..40, 1i32..5).prop_map(|(units, scale)| json!(units as f64 / 10f64.powi(scale))),
        1 => (-1000i64..1000, -20i32..20).prop_map(|(units, power)| json!(units as f64 * 10f64.powi(power))),
        1 => any::<i64>().prop_map(Value::from),
        1 => prop::num::f64::NORMAL.prop_map(|number| json!(number)),
        1 => prop::sample::select(vec![
            json!(-0.0), json!(0.1), json!(0.3), json!(1e-7), json!(5e-324), json!(1e300), json!(-1e300), json!(0.1 + 0.2),
            json!(1e15), json!(999_999_999_999_999_i64), json!(9_007_199_254_740_992_i64), json!(u64::MAX), json!(1e16), json!(1e113),
            json!(0.999_999_999_999_999_9), json!(9.999_999_999_999_999), json!(1.0), json!(-1.0), json!(99.5), json!(1e-15),
        ]),
    ]
    .boxed()
}

fn divisor() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!(1),
        json!(2),
        json!(3),
        json!(7),
        json!(10),
        json!(0.1),
        json!(0.01),
        json!(0.25),
        json!(0.5),
        json!(1.5),
        json!(0.07),
        json!(1e-8),
        json!(1000),
        json!(1999),
        json!(123_456),
        json!(1e20),
        json!(2.0),
        json!(65_537),
    ])
}

fn some<T: Strategy<Value = Value>>(strategy: T) -> impl Strategy<Value = Option<Value>> {
    prop_oneof![2 => Just(None), 1 => strategy.prop_map(Some)]
}

fn object(words: Vec<(&str, Option<Value>)>) -> Value {
    let given = words
        .into_iter()
        .filter_map(|(word, value)| Some((word.to_owned(), value?)));
    Value::Object(given.collect())
}

/// Bounds of numbers.
fn bounds() -> BoxedStrategy<Value> {
    (
        prop::option::of(prop::sample::select(vec![json!("number"), json!("integer")])),
        some(number()),
        some(number()),
        some(number()),
        some(number()),
        prop_oneof![3 => Just(None), 1 => divisor().prop_map(Some)],
    )
        .prop_map(|(kind, minimum, maximum, above, below, divisor)| {
            object(vec![
                ("type", kind),
                ("minimum", minimum),
                ("maximum", maximum),
                ("exclusiveMinimum", above),
                ("exclusiveMaximum", below),
                ("multipleOf", divisor),
            ])
        })
        .boxed()
}

/// Texts of numbers at and near the bounds of a schema.
fn near(schema: &Value, more: &[f64]) -> Vec<String> {
    let mut numbers: Vec<f64> = vec![0.0, -0.0, 1.0, -1.0, 0.5];
    numbers.extend_from_slice(more);
    collect(schema, &mut numbers);
    let mut texts = vec![
        "-0".to_owned(),
        "-0.0".into(),
        "0.0".into(),
        "1e0".into(),
        "-1E+2".into(),
        "0e5".into(),
    ];
    for number in numbers {
        for near in [
            number,
            number.next_up(),
            number.next_down(),
            number + 1e-14,
            number - 1e-14,
            number.ceil(),
            -number,
        ] {
            texts.extend([format!("{near}"), format!("{near:e}")]);
        }
    }
    texts.retain(|text| text.len() < 40);
    texts.sort_unstable();
    texts.dedup();
    texts
}

fn collect(value: &Value, numbers: &mut Vec<f64>) {
    match value {
        Value::Number(number) => numbers.extend(number.as_f64()),
        Value::Array(values) => values.iter().for_each(|value| collect(value, numbers)),
        Value::Object(values) => values.values().for_each(|value| collect(value, numbers)),
        _ => {}
    }
}

/// A schema of any kind, with at most three levels.
#[expect(clippy::too_many_lines, reason = "one strategy for each kind of schema")]
fn schema() -> impl Strategy<Value = Value> {
    let pattern = prop::sample::select(vec!["^a", "b$", "^[ab]{1,2}$", "^(a|bc)*$", "a.b", "^\\d+$"]);
    let name = || prop::sample::select(vec!["a", "b", "ab", "ü", "c d"]);
    let text = || prop::sample::select(vec!["", "a", "b", "ab", "abc", "ü", "bb", "1", "\n", "\u{1}"]);
    let scalar = prop_oneof![
        number(),
        text().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null)
    ]
    .boxed();
    let values = prop_oneof![
        scalar.clone(),
        prop::collection::vec(scalar.clone(), 0..3).prop_map(Value::Array),
        prop::collection::vec((name(), scalar.clone()), 0..3).prop_map(|named| named
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect::<Value>()),
    ]
    .boxed();
    let strings = (
        some((0u64..4).prop_map(Value::from)),
        some((0u64..5).prop_map(Value::from)),
        some(pattern.prop_map(Value::from)),
        some(prop::sample::select(vec![
            json!("date"),
            json!("uri"),
            json!("ipv4"),
            json!("int64"),
        ])),
    )
        .prop_map(|(least, most, pattern, format)| {
            object(vec![
                ("type", Some(json!("string"))),
                ("minLength", least),
                ("maxLength", most),
                ("pattern", pattern),
                ("format", format),
            ])
        });
    let leaf = prop_oneof![
        3 => bounds(),
        2 => strings,
        1 => Just(json!({"type": ["boolean", "null"]})),
        1 => values.clone().prop_map(|value| json!({"const": value})),
        2 => prop::collection::vec(values, 1..4).prop_map(|values| json!({"enum": values})),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => Just(json!({})),
        1 => Just(json!({"$ref": "#/$defs/leaf"})),
        1 => Just(json!({"$ref": "#/$defs/tree"})),
    ];
    leaf.prop_recursive(3, 14, 4, move |inner| {
        let count = || some((0u64..4).prop_map(Value::from));
        let objects = (
            prop::collection::vec((name(), inner.clone()), 0..4),
            prop::sample::subsequence(vec!["a", "b", "ab", "ü", "c d"], 0..3),
            some(inner.clone()),
            prop::option::of((prop::sample::select(vec!["^a", "^x", "b$"]), inner.clone())),
            count(),
            count(),
            some(Just(json!({"maxLength": 2}))),
        )
            .prop_map(|(named, required, more, pattern, least, most, names)| {
                let properties: Map<String, Value> = named
                    .into_iter()
                    .map(|(name, schema)| (name.to_owned(), schema))
                    .collect();
                object(vec![
                    ("type", Some(json!("object"))),
                    ("additionalProperties", more),
                    ("properties", (!properties.is_empty()).then_some(Value::Object(properties))),
                    ("required", (!required.is_empty()).then(|| json!(required))),
                    ("patternProperties", pattern.map(|(pattern, schema)| json!({pattern: schema}))),
                    ("minProperties", least),
                    ("maxProperties", most),
                    ("propertyNames", names),
                ])
            });
        let arrays = (
            prop::collection::vec(inner.clone(), 0..3),
            some(inner.clone()),
            count(),
            count(),
            prop::option::of(prop::bool::weighted(0.2)),
        )
            .prop_map(|(first, items, least, most, unique)| {
                object(vec![
                    ("type", Some(json!("array"))),
                    ("prefixItems", (!first.is_empty()).then(|| json!(first))),
                    ("items", items),
                    ("minItems", least),
                    ("maxItems", most),
                    ("uniqueItems", unique.map(Value::Bool)),
                ])
            });
        let list = || prop::collection::vec(inner.clone(), 1..3);
        prop_oneof![
            3 => objects,
            2 => arrays,
            1 => list().prop_map(|list| json!({"anyOf": list})),
            1 => list().prop_map(|list| json!({"oneOf": list})),
            2 => list().prop_map(|list| json!({"allOf": list})),
            1 => (inner.clone(), list()).prop_map(|(schema, list)| match schema {
                Value::Object(mut object) => {
                    object.insert("allOf".into(), list.into());
                    Value::Object(object)
                }
                other => other,
            }),
            1 => inner.prop_map(|schema| json!({"not": schema})),
        ]
    })
    .prop_map(|schema| {
        let mut object = match schema {
            Value::Object(object) => object,
            other => json!({"allOf": [other]}).as_object().unwrap().clone(),
        };
        object.insert(
            "$defs".into(),
            json!({
                "leaf": {"type": "integer", "exclusiveMinimum": -3, "maximum": 3},
                "tree": {"type": "object", "properties": {"a": {"anyOf": [{"$ref": "#/$defs/tree"}, {"$ref": "#/$defs/leaf"}]}},
                         "additionalProperties": false}
            }),
        );
        Value::Object(object)
    })
}

/// Values that schemas may be about.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        number(),
        prop::sample::select(vec!["", "a", "b", "ab", "abc", "ü", "2024-01-31", "urn:a", "1"])
            .prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
    ];
    leaf.prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec(
                (prop::sample::select(vec!["a", "b", "ab", "ü", "xyz"]), inner),
                0..4
            )
            .prop_map(|named| named
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect::<Value>()),
        ]
    })
}

/// Few cases, as each compiles a grammar; more by the environment.
fn cases() -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok());
    ProptestConfig::with_cases(asked.unwrap_or(40))
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn numbers_keep_their_bounds(first in bounds(), second in prop::option::weighted(0.3, bounds()), more in prop::collection::vec(-20.0f64..20.0, 2)) {
        let schema = match second {
            None => first,
            Some(second) => json!({"allOf": [first, second]}),
        };
        let Some(constraint) = enforced(&schema) else {
            return Ok(());
        };
        let validator = Validator::new(&schema, Draft::Of2020).unwrap();
        for text in near(&schema, &more) {
            if writable(&constraint, &text) {
                assert_valid(&schema, &validator, &text)?;
            }
        }
        for seed in 0..4 {
            if let Some(text) = write(&mut constraint.fork(), seed, 60) {
                assert_valid(&schema, &validator, &text)?;
            }
        }
    }

    /// What a schema says is written; where it says more, that is checked by a validator that judges as one of the schema itself does.
    #[test]
    fn texts_are_valid_under_any_schema(schema in schema(), values in prop::collection::vec(value(), 4)) {
        let Ok(constraint) = Constraint::json_schema(&schema, tokenizer()) else {
            return Ok(());
        };
        let validator = Validator::new(&schema, Draft::Of2020).unwrap();
        for value in &values {
            prop_assert_eq!(
                constraint.validate(&value.to_string()).is_ok(),
                validator.validate(value).is_ok(),
                "{} under {}", value, schema
            );
        }
        let Some(constraint) = enforced(&schema) else {
            return Ok(());
        };
        for value in values {
            let text = value.to_string();
            if writable(&constraint, &text) {
                assert_valid(&schema, &validator, &text)?;
            }
        }
        for seed in 0..3 {
            if let Some(text) = write(&mut constraint.fork(), seed, 150) {
                assert_valid(&schema, &validator, &text)?;
            }
        }
    }
}

/// The bounds that were not kept.
#[test]
fn exclusive_bounds_next_to_zero_are_kept() {
    for (schema, wrong, right) in [
        (
            json!({"type": "number", "exclusiveMinimum": 0, "maximum": 0.1}),
            "0",
            "0.05",
        ),
        (
            json!({"type": "number", "exclusiveMaximum": 0, "minimum": -0.5}),
            "-0",
            "-0.25",
        ),
        (
            json!({"type": "number", "exclusiveMinimum": 3, "exclusiveMaximum": 3.5}),
            "3",
            "3.25",
        ),
        (json!({"type": "number", "minimum": -1e20}), "-9e30", "-5"),
        (
            json!({"allOf": [{"multipleOf": 70_001}, {"multipleOf": 90_001}], "type": "integer"}),
            "70001",
            "0",
        ),
    ] {
        let constraint = Constraint::json_schema(&schema, tokenizer()).unwrap();
        assert!(accepts(&constraint, right), "{right} under {schema}");
        assert!(
            !accepts(&constraint, wrong) || constraint.validate(wrong).is_err(),
            "{wrong} under {schema}"
        );
    }
    let constraint = strict(&json!({"type": "number", "exclusiveMinimum": 0, "maximum": 0.1})).unwrap();
    for wrong in ["0", "0.0", "-0", "0.11", "1"] {
        assert!(!accepts(&constraint, wrong), "{wrong}");
    }
    for right in ["0.1", "0.00001", "0.0999"] {
        assert!(accepts(&constraint, right), "{right}");
    }
}
