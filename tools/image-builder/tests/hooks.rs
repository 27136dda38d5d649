//! The hooks of the initrd and scripts of the system: their functions, run in isolation by `tests/hooks/run`.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::process::Command;

#[test]
fn the_functions_of_the_hooks_do_what_they_say() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/hooks/run");
    let output = Command::new(tests).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    // Fewer would mean that files were not found.
    let passed: usize = text.split(' ').next().unwrap().parse().unwrap();
    assert!(passed >= 15, "{text}");
}
