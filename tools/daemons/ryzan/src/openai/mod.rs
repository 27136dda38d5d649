//! `OpenAI`'s wire format, as its reference and its Python client have it: requests into what is asked for, answers out
//! of what was computed. Nothing here computes or waits.
//!
//! - [`fields`]: reading objects so that nothing is passed over
//! - [`error`]: errors and their statuses

pub mod error;
pub mod fields;
