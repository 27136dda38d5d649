//! `sigmavault snapshot`.
//!
//! - [`Arguments`]: the command line; [`run`]: carrying it out
//! - `request`: from a command to the change that it asks for
//! - `list`: what there is, for a person

mod arguments;
mod list;
mod request;
mod run;

pub use arguments::Arguments;
pub use run::run;
