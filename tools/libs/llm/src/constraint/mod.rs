//! Output that follows a JSON Schema, a grammar or a regular expression.
//!
//! Before every token, a [`Constraint`] determines which tokens may come next, with `llguidance`. What a schema says beyond what can be
//! enforced so is known by name, and refused where strictness was asked for ([`Schema`]). A finished JSON text is validated against the
//! whole schema, by a validator that is independent of the masks; so are the arguments of calls ([`Arguments`]).

mod arguments;
mod error;
mod matching;
mod pattern;
mod schema;
#[cfg(test)]
mod tests;

pub use arguments::Arguments;
pub use error::ConstraintError;
pub use matching::Constraint;
pub use schema::{Schema, SchemaError};
