//! `sigmavault pool`.
//!
//! - [`Arguments`]: the command line; [`run`]: carrying it out
//! - `request`: from a command to the change that it asks for
//! - `list`, `show`, `disks`: what there is, for a person

mod arguments;
mod disks;
mod list;
mod request;
mod run;
mod show;

pub use arguments::Arguments;
pub use run::run;
