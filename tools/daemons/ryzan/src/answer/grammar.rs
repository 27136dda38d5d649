//! The grammar of an answer that may call functions: text, then calls with known names and arguments that match their
//! schemas, in the Lark dialect of llguidance.

use serde_json::{Value, json};
use sigmavault_llm::constraint::{Arguments, Constraint, ConstraintError, Schema};
use sigmavault_llm::tokenizer::Tokenizer;

use crate::openai::error::ApiError;
use crate::openai::tools::Function;

/// The text before the JSON of a call.
const TAG: &str = "<tool_call>\n";

/// Text and calls; only calls if `forced`; several calls if `parallel`. Arguments that are too complex to be enforced are left to the
/// validator, unless their function is strict.
pub fn calls(
    functions: &[&Function],
    forced: bool,
    parallel: bool,
    tokenizer: &Tokenizer,
) -> Result<Constraint, ApiError> {
    let mut schemas: Vec<Schema> = functions
        .iter()
        .enumerate()
        .map(|(number, function)| {
            let place = if functions.len() == 1 {
                "#/properties/arguments".to_owned()
            } else {
                format!("#/anyOf/{number}/properties/arguments")
            };
            Schema::of_arguments(&function.parameters, &place, function.strict)
                .map_err(|error| refused(function, &error.into()))
        })
        .collect::<Result<_, _>>()?;
    let compile = |schemas: &[Schema]| {
        Constraint::grammar_with_json(&lark(functions, schemas, forced, parallel), TAG, tokenizer)
    };
    let constraint = match compile(&schemas) {
        Ok(constraint) => constraint,
        Err(_) => {
            loosen(functions, &mut schemas, tokenizer)?;
            loop {
                match compile(&schemas) {
                    Ok(constraint) => break constraint,
                    // Each of them is accepted, so they are too many together.
                    Err(error) => {
                        let loosened = schemas
                            .iter_mut()
                            .map(Schema::loosen)
                            .filter(|done| *done)
                            .count();
                        if loosened == 0 {
                            return Err(ApiError::invalid(
                                "tools",
                                format!("the calls of these functions cannot be enforced: {error}"),
                            ));
                        }
                    }
                }
            }
        }
    };
    let mut arguments = Arguments::default();
    for (function, schema) in functions.iter().zip(&schemas) {
        arguments.insert(&function.name, schema);
    }
    Ok(constraint.with_arguments(arguments))
}

/// Compiles each function's arguments on their own, and leaves more to the validator where that fails.
fn loosen(functions: &[&Function], schemas: &mut [Schema], tokenizer: &Tokenizer) -> Result<(), ApiError> {
    for (function, schema) in functions.iter().zip(schemas) {
        let mut alone = Schema::of_arguments(&function.parameters, "#", function.strict)
            .map_err(|error| refused(function, &error.into()))?;
        Constraint::of_schema(&mut alone, tokenizer).map_err(|error| refused(function, &error))?;
        for _ in 0..alone.loosened() {
            schema.loosen();
        }
    }
    Ok(())
}

fn lark(functions: &[&Function], schemas: &[Schema], forced: bool, parallel: bool) -> String {
    let mut bodies: Vec<Value> = functions
        .iter()
        .zip(schemas)
        .map(|(function, schema)| {
            json!({
                "type": "object",
                "properties": {"name": {"const": function.name}, "arguments": schema.grammar()},
                "required": ["name", "arguments"],
                "additionalProperties": false,
            })
        })
        .collect();
    let mut schema = match (bodies.pop(), bodies.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            bodies.extend(last);
            json!({ "anyOf": bodies })
        }
    };
    // One that excludes names decides for all.
    let escapes = schemas
        .iter()
        .map(Schema::escapes)
        .min_by_key(|escapes| escapes.len());
    // Only the notation that models were trained on: other white space would cost tokens.
    schema["x-guidance"] = json!({"whitespace_flexible": false, "key_separator": ": ", "item_separator": ", ",
                                  "json_allowed_escapes": escapes});
    let more = if parallel {
        " (\"\\n<tool_call>\\n\" body \"\\n</tool_call>\")*"
    } else {
        ""
    };
    let start = if forced {
        format!("start: \"<tool_call>\\n\" call\ncall: body \"\\n</tool_call>\"{more}\n")
    } else {
        // The opening ends at its first tag, so that a call follows every tag.
        format!(
            "start: TEXT | opening call\nopening[lazy]: /(.|\\n)*<tool_call>\\n/\ncall: body \"\\n</tool_call>\"{more}\n\
             TEXT: /(.|\\n)*/ & ~/(.|\\n)*<tool_call>(.|\\n)*/\n"
        )
    };
    format!("{start}body: %json {schema}\n")
}

fn refused(function: &Function, error: &ConstraintError) -> ApiError {
    ApiError::invalid(
        "tools",
        format!("the parameters of {} cannot be enforced: {error}", function.name),
    )
}

#[cfg(test)]
mod tests {
    use sigmavault_llm::tokenizer::{TokenKind, Vocabulary};

    use super::*;

    fn function(name: &str, parameters: Value) -> Function {
        Function {
            name: name.into(),
            description: None,
            parameters,
            strict: false,
        }
    }

    #[test]
    fn forced_calls_leave_no_text() {
        let now = function("now", json!({"type": "object"}));
        let schema = [Schema::of_arguments(&now.parameters, "#/properties/arguments", false).unwrap()];
        let forced = lark(&[&now], &schema, true, false);
        assert!(forced.starts_with("start: \"<tool_call>\\n\" call\n"), "{forced}");
        assert!(!forced.contains("TEXT"), "{forced}");
        let free = lark(&[&now], &schema, false, true);
        assert!(free.contains("start: TEXT | opening call"), "{free}");
    }

    /// A tokenizer of bytes.
    fn tokenizer() -> Tokenizer {
        let mut tokens: Vec<String> = (0..=255u8).map(|byte| format!("\\x{byte:02x}")).collect();
        tokens.push("<end>".into());
        let mut kinds = vec![TokenKind::Normal; 256];
        kinds.push(TokenKind::Control);
        Tokenizer::from_vocabulary(&Vocabulary {
            model: "rwkv".into(),
            tokens,
            kinds,
            eos: Some(256),
            ..Vocabulary::default()
        })
        .unwrap()
    }

    fn writes(constraint: &Constraint, text: &str) -> bool {
        let mut constraint = constraint.fork();
        text.bytes().all(|byte| constraint.accept(byte.into()).is_ok())
    }

    #[test]
    fn arguments_are_always_an_object_and_validated() {
        for parameters in [
            json!({}),
            json!({"description": "anything"}),
            json!({"type": ["object", "null"]}),
            json!({"anyOf": [{"type": "object"}, {"type": "number"}]}),
            json!({"$ref": "#/$defs/a", "$defs": {"a": {}}}),
        ] {
            let any = function("any", parameters.clone());
            for others in [vec![&any], vec![&any, &any]] {
                let constraint = calls(&others, true, false, &tokenizer()).unwrap();
                let call = |arguments: &str| {
                    format!("<tool_call>\n{{\"name\": \"any\", \"arguments\": {arguments}}}\n</tool_call>")
                };
                assert!(writes(&constraint, &call("{\"a\": 1}")), "{parameters}");
                assert!(!writes(&constraint, &call("5")), "{parameters}");
                assert!(!writes(&constraint, &call("null")), "{parameters}");
                let arguments = constraint.fork().arguments().unwrap();
                assert!(arguments.validate("any", "{\"a\": 1}").is_ok(), "{parameters}");
                for wrong in ["5", "null", "{"] {
                    assert!(arguments.validate("any", wrong).is_err(), "{parameters} {wrong}");
                }
                assert!(arguments.validate("other", "{}").is_err());
            }
        }
        for (parameters, why) in [
            (
                json!({"type": "array"}),
                "arguments are always an object, and `type` is \"array\" at #/type",
            ),
            (
                json!({"anyOf": [{"type": "string"}, {"type": "number"}]}),
                "Unsatisfiable schema: incompatible types at #",
            ),
        ] {
            let error = calls(&[&function("f", parameters)], true, false, &tokenizer()).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("the parameters of f cannot be enforced: the schema cannot be enforced: {why}")
            );
        }
    }

    #[test]
    fn a_function_that_is_too_complex_leaves_the_others_as_they_are() {
        // Two patterns that overlap are not compiled.
        let overlapping =
            json!({"type": "object", "patternProperties": {"^a": {"type": "integer"}, "b$": {"minimum": 5}}});
        let size = json!({"type": "object", "properties": {"size": {"type": "integer"}}, "required": ["size"], "additionalProperties": false});
        let complex = function("complex", overlapping.clone());
        let plain = function("plain", size);
        let constraint = calls(&[&complex, &plain], true, false, &tokenizer()).unwrap();
        let call = |name: &str, arguments: &str| {
            format!("<tool_call>\n{{\"name\": \"{name}\", \"arguments\": {arguments}}}\n</tool_call>")
        };
        assert!(writes(&constraint, &call("complex", "{\"ab\": 3}")));
        assert!(!writes(&constraint, &call("plain", "{\"size\": true}")));
        let arguments = constraint.arguments().unwrap();
        assert!(arguments.validate("complex", "{\"ab\": 7}").is_ok());
        let error = arguments.validate("complex", "{\"ab\": 3}").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the text violates its constraint: the arguments of \"complex\" are invalid: 3 is less than the minimum of 5 at /ab"
        );
        let strict = Function {
            strict: true,
            ..function("complex", overlapping)
        };
        let error = calls(&[&strict, &plain], true, false, &tokenizer())
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("the parameters of complex cannot be enforced: ")
                && error.contains("not disjoint"),
            "{error}"
        );
    }
}
