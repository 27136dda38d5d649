//! visudo(8): the rules of sudo.

use crate::run::Invocation;

/// Checks rules (sudoers(5)).
pub fn check(text: &str) -> Invocation {
    Invocation::new("visudo")
        .args(["--check", "--file=-"])
        .input(text)
}
