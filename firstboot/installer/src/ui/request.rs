//! What the screens ask of their surroundings.

use crate::answers::{Action, Keyboard};
use crate::plan::InstallPlan;

/// What the surroundings are asked to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// Ends the installer.
    Leave,
    /// Makes the console's keys those of this keyboard.
    Keyboard(Keyboard),
    /// Begins the installation.
    Install(Box<InstallPlan>),
    /// Stops it at the next safe point.
    Stop,
    /// Reads the machine once more and gives it to [`App::look_at`](super::App::look_at).
    Look,
    /// Ends the installer, and then this.
    Finish(Action),
    /// Runs a shell, and comes back.
    Shell,
    /// Draws everything anew, over what others have written on the terminal.
    Redraw,
}
