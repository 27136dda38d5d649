//! loadkeys(1): keymaps of the Linux console.

use crate::run::Invocation;

/// Reads a keymap and changes nothing: fails if the console could not take it.
pub fn check(keymap: &str) -> Invocation {
    Invocation::new("loadkeys")
        .args(["--quiet", "--unicode", "--bkeymap"])
        .input(keymap)
}
