//! From a JSON Schema to what is enforced while a text is written, and what is checked afterwards.
//!
//! A schema is rewritten twice ([`walk`]): into draft 2020-12 without annotations, which the validator of finished texts compiles, and into
//! the part of it that the grammar compiler enforces. The second allows all texts that the first does, and more only where a keyword is in
//! [`Schema::unenforced`]; where strictness was asked for, such a schema is refused.
//!
//! - Words that say nothing about validity are ignored, as are unknown words and formats (draft 2020-12, core, section 6.5).
//! - The forms of drafts 4 to 2019-09 are understood in any schema: boolean `exclusiveMinimum`, lists in `items`, `additionalItems`,
//!   `dependencies`, `definitions`, `id`, and `required: true` in a property as in draft 3. So are the words of newer drafts in schemas that name an
//!   older one. In drafts up to 7, what stands beside `$ref` is ignored.
//! - `nullable: true`, of `OpenAPI` 3.0, means that null is valid too, whatever stands beside it.
//! - A word whose value is null is absent, except `const`.

mod choices;
mod error;
mod formats;
mod loosened;
mod numbers;
mod references;
mod walk;

use std::sync::Arc;

use serde_json::Value;
use sigmavault_schema::{Draft, Validator};

pub use error::SchemaError;

/// A schema, ready to be enforced.
#[derive(Debug, Clone)]
pub struct Schema {
    grammar: Value,
    validator: Arc<Validator>,
    unenforced: Vec<SchemaError>,
    strict: bool,
    loosened: u8,
}

impl Schema {
    /// Reads the schema of a text. If `strict`, all of it must be enforced while the text is written.
    pub fn read(schema: &Value, strict: bool) -> Result<Schema, SchemaError> {
        Self::of(walk::walk(schema, "#", false)?, strict)
    }

    /// Reads the schema of a function's arguments, which are always an object. Its grammar is to be embedded at `place`, such as
    /// `#/properties/arguments`.
    pub fn of_arguments(parameters: &Value, place: &str, strict: bool) -> Result<Schema, SchemaError> {
        Self::of(walk::walk(parameters, place, true)?, strict)
    }

    fn of(walked: walk::Walked, strict: bool) -> Result<Schema, SchemaError> {
        if let Some(first) = walked.unenforced.first().filter(|_| strict) {
            return Err(first.clone());
        }
        let validator = Validator::new(&walked.exact, Draft::Of2020).map_err(|invalid| SchemaError {
            place: "#".into(),
            reason: format!(
                "it cannot be checked whether a text is valid: {} at {} of the schema without annotations",
                invalid.reason, invalid.place
            ),
        })?;
        Ok(Schema {
            grammar: walked.grammar,
            validator: Arc::new(validator),
            unenforced: walked.unenforced,
            strict,
            loosened: 0,
        })
    }

    /// The schema for the grammar compiler.
    pub fn grammar(&self) -> &Value {
        &self.grammar
    }

    /// The validator of finished texts.
    pub fn validator(&self) -> &Arc<Validator> {
        &self.validator
    }

    /// The keywords that are only checked in the finished text.
    pub fn unenforced(&self) -> &[SchemaError] {
        &self.unenforced
    }

    /// The letters that may follow a backslash in texts of this schema. Without `u`, a string can only be written in one way. This matters
    /// where names of properties are excluded from other names, and only the one way is excluded.
    pub fn escapes(&self) -> &'static str {
        if loosened::has_control_characters(&self.grammar) || !loosened::has_open_names(&self.grammar) {
            "nrbtf\\\"u"
        } else {
            "nrbtf\\\""
        }
    }

    /// How often more of it was left to the validator.
    pub fn loosened(&self) -> u8 {
        self.loosened
    }

    /// Leaves more of the schema to the validator, after the grammar compiler failed. Returns false if it is strict or nothing is left.
    pub fn loosen(&mut self) -> bool {
        if self.strict {
            return false;
        }
        self.loosened += 1;
        match self.loosened {
            1 => self.grammar = loosened::skeleton(&self.grammar),
            2 => self.grammar = loosened::any(&self.grammar),
            _ => return false,
        }
        true
    }
}

/// Whether a failure of the grammar compiler says that no text is valid.
pub(super) fn is_unsatisfiable(reason: &str) -> bool {
    reason.contains("nsatisfiable")
}
