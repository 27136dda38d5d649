//! wall(1): a message to everybody who is logged in.

use crate::run::Invocation;

/// Shows a text on every terminal.
pub fn message(text: &str) -> Invocation {
    Invocation::new("wall").arg(text)
}
