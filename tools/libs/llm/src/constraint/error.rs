//! Errors of constraints.

use super::schema::SchemaError;

/// A constraint cannot be enforced, or was violated.
#[derive(Debug, thiserror::Error)]
pub enum ConstraintError {
    /// The schema has a keyword or form that is not enforced.
    #[error("the schema cannot be enforced: {0}")]
    Schema(#[from] SchemaError),
    /// The grammar is invalid or too complex.
    #[error("the grammar cannot be enforced: {0}")]
    Grammar(String),
    /// The vocabulary cannot be constrained.
    #[error("this model's output cannot be constrained: {0}")]
    Tokenizer(String),
    /// The text violates the constraint.
    #[error("the text violates its constraint: {0}")]
    Violated(String),
}
