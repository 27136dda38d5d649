//! `sigmavault policy`.
//!
//! - [`Arguments`]: the command line; [`run`]: carrying it out
//! - `request`: from a command to the change that it asks for
//! - `show`: what there is, for a person

mod arguments;
mod request;
mod run;
mod show;

pub use arguments::Arguments;
pub use run::run;
