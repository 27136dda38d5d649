//! setupcon(1): the console's keyboard, set by `/etc/default/keyboard`.

use crate::run::Invocation;

/// Sets the keyboard of the virtual consoles, even if this is not one.
pub fn keyboard() -> Invocation {
    Invocation::new("setupcon").args(["--keyboard-only", "--force"])
}
