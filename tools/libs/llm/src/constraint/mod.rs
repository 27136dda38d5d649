//! Output that follows a JSON Schema, a grammar or a regular expression.
//!
//! Before every token, a [`Constraint`] determines which tokens may come next, with `llguidance`. It rejects what it cannot enforce: a
//! schema with a keyword that would be ignored is an error ([`schema`]). A finished JSON text is validated against the schema again, by a
//! validator that is independent of the masks.

mod error;
mod matching;
mod pattern;
mod schema;
#[cfg(test)]
mod tests;

pub use error::ConstraintError;
pub use matching::Constraint;
pub use schema::SchemaError;
