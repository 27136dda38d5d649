//! journalctl(1): the journal.

use crate::run::Invocation;

/// Prints the texts of the last errors of a boot, given by its id without hyphens.
pub fn last_errors(boot: &str, lines: u32) -> Invocation {
    Invocation::new("journalctl")
        .arg(format!("--boot={boot}"))
        .arg("--priority=err")
        .arg(format!("--lines={lines}"))
        .args(["--output=cat", "--no-pager", "--quiet"])
}
