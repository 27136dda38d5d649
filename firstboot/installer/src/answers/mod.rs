//! The installer's input: given by a person, screen by screen, or by an answer file in TOML.
//!
//! One type serves both. [`schema`] is its JSON Schema, committed as `answers.schema.json`; [`parse`] reads an answer
//! file and checks it against that schema. `answers.example.toml` shows every answer.

mod model;
mod parse;
mod place;
mod schema;
mod secrets;
#[cfg(test)]
mod tests;

pub use crate::keyboard::XkbLayout;
pub use model::{
    Action, Address, Answers, BondMode, Encryption, Finish, Keyboard, Link, LinkKind, Mode, Network, Pool,
    Secret, System, User,
};
pub use parse::{AnswersError, parse, text};
pub use place::Place;
pub use schema::schema;
pub use secrets::{typed_secrets, without_secrets};
