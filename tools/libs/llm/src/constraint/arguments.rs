//! Validating the arguments of calls.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use sigmavault_schema::Validator;

use super::error::ConstraintError;
use super::schema::Schema;

/// The functions that may be called, with the schemas of their arguments.
#[derive(Debug, Default)]
pub struct Arguments(BTreeMap<String, Arc<Validator>>);

impl Arguments {
    /// Adds a function.
    pub fn insert(&mut self, name: &str, parameters: &Schema) {
        self.0.insert(name.to_owned(), Arc::clone(parameters.validator()));
    }

    /// Validates a call: its function is known, and its arguments, a JSON text, are valid.
    pub fn validate(&self, name: &str, arguments: &str) -> Result<(), ConstraintError> {
        let Some(validator) = self.0.get(name) else {
            return Err(ConstraintError::Violated(format!(
                "it calls {name:?}, which is unknown"
            )));
        };
        let value: Value = serde_json::from_str(arguments)
            .map_err(|e| ConstraintError::Violated(format!("the arguments of {name:?} are not JSON: {e}")))?;
        validator.validate(&value).map_err(|invalid| {
            ConstraintError::Violated(format!("the arguments of {name:?} are invalid: {invalid}"))
        })
    }
}
