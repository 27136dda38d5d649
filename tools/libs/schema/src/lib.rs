//! Validating JSON against a JSON Schema.
//!
//! The validator of the crate `jsonschema` is generic, and takes long to compile. Behind the types of this crate it is compiled once.

use std::fmt;

use serde_json::Value;

/// A version of JSON Schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Draft {
    /// Draft 4.
    Four,
    /// Draft 6.
    Six,
    /// Draft 7.
    Seven,
    /// Draft 2019-09.
    Of2019,
    /// Draft 2020-12.
    Of2020,
}

/// A schema is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at {place}")]
pub struct InvalidSchema {
    /// A JSON pointer to the fault, preceded by `#`.
    pub place: String,
    /// What is wrong.
    pub reason: String,
}

/// A value is not valid under a schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at {place}")]
pub struct InvalidValue {
    /// A JSON pointer to the fault; empty for the whole value.
    pub place: String,
    /// What is wrong.
    pub reason: String,
}

/// A compiled schema.
pub struct Validator(jsonschema::Validator);

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Validator").finish_non_exhaustive()
    }
}

impl Validator {
    /// Compiles a schema. Formats are validated, as far as they are known; remote references are not followed.
    pub fn new(schema: &Value, draft: Draft) -> Result<Self, InvalidSchema> {
        let draft = match draft {
            Draft::Four => jsonschema::Draft::Draft4,
            Draft::Six => jsonschema::Draft::Draft6,
            Draft::Seven => jsonschema::Draft::Draft7,
            Draft::Of2019 => jsonschema::Draft::Draft201909,
            Draft::Of2020 => jsonschema::Draft::Draft202012,
        };
        let built = jsonschema::options()
            .with_draft(draft)
            .should_validate_formats(true)
            .should_ignore_unknown_formats(true)
            .offline()
            .build(schema);
        built.map(Self).map_err(|error| InvalidSchema {
            place: format!("#{}", error.instance_path()),
            reason: error.to_string(),
        })
    }

    /// Whether a value is valid; the first fault if it is not.
    pub fn validate(&self, value: &Value) -> Result<(), InvalidValue> {
        self.0.validate(value).map_err(|error| InvalidValue {
            place: error.instance_path().to_string(),
            reason: error.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn faults_are_located() {
        let schema = json!({"properties": {"a": {"maximum": 5}, "b": {"format": "ipv4"}}});
        let validator = Validator::new(&schema, Draft::Of2020).unwrap();
        assert_eq!(validator.validate(&json!({"a": 5, "b": "127.0.0.1"})), Ok(()));
        let error = validator.validate(&json!({"a": 7})).unwrap_err();
        assert_eq!(error.to_string(), "7 is greater than the maximum of 5 at /a");
        assert_eq!(validator.validate(&json!({"b": "127"})).unwrap_err().place, "/b");
        let error =
            Validator::new(&json!({"properties": {"a": {"maximum": "5"}}}), Draft::Seven).unwrap_err();
        assert_eq!(error.place, "#/properties/a/maximum");
        let schema = json!({"exclusiveMinimum": true, "minimum": 3, "format": "int64"});
        let validator = Validator::new(&schema, Draft::Four).unwrap();
        assert_eq!(validator.validate(&json!(4)), Ok(()));
        assert!(validator.validate(&json!(3)).is_err());
    }
}
