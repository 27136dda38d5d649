//! The JSON Schema of answers.

use schemars::schema_for;
use serde_json::Value;

use super::model::Answers;

/// The JSON Schema (2020-12) of an answer file. It has no `null`, since TOML has none: what is not given is absent.
pub fn schema() -> Value {
    let mut schema = schema_for!(Answers).to_value();
    without_null(&mut schema);
    // By name, however serde_json was compiled: other programs of the workspace have it keep the order of insertion.
    schema.sort_all_objects();
    schema
}

/// `anyOf: [X, null]` becomes X, and `type: [T, null]` becomes T.
fn without_null(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(without_null),
        Value::Object(object) => {
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = &types[..] {
                    let only = only.clone();
                    object.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
                choices.retain(|choice| choice["type"] != "null");
                if let [Value::Object(only)] = &choices[..] {
                    let only = only.clone();
                    object.remove("anyOf");
                    object.extend(only);
                }
            }
            object.values_mut().for_each(without_null);
        }
        _ => {}
    }
}
