//! Why a build stopped, sorted by who can mend it.
//!
//! [`BuildError`] names the stage and its log, [`Problem`] what failed there: a program ([`ToolFailure`]), a file
//! operation, or one of [`InputError`] (the source tree, a profile or the lock), [`EnvironmentError`] (this
//! machine), [`ArchiveError`] (packages and the network) and [`InternalError`] (this program). Every text says
//! what to do next.

mod archive;
mod environment;
mod input;
mod internal;
mod problem;
mod tool;

pub use archive::ArchiveError;
pub use environment::EnvironmentError;
pub use input::{Budgeted, EntryFault, InputError};
pub use internal::InternalError;
pub use problem::{BuildError, Problem};
pub use tool::{Ending, ToolFailure};
