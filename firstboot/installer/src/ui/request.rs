//! Requests of the screens to their surroundings.

use crate::answers::{Action, Keyboard};
use crate::plan::InstallPlan;

/// A request to the surroundings.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// Ends the installer.
    Leave,
    /// Makes the console's keys those of this keyboard, and tells by [`App::learn`](super::App::learn) which letters
    /// they give.
    Keyboard(Keyboard),
    /// Begins the installation.
    Install(Box<InstallPlan>),
    /// Stops it at the next safe point.
    Stop,
    /// Reads the machine again and gives it to [`App::look_at`](super::App::look_at).
    Look,
    /// Ends the installer, then performs this action.
    Finish(Action),
    /// Runs a shell, and comes back.
    Shell,
    /// Redraws everything, over what others have written on the terminal.
    Redraw,
}
