//! What goes wrong with an action.

/// A fault of the next action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// None: this one succeeds.
    None,
    /// It is cut off before anything is done.
    Before,
    /// It is done, and nobody is told.
    After,
}
