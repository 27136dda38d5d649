//! `sigmavault model`: the language models of this machine.
//!
//! - [`arguments`], [`run`]: the command line, and carrying it out
//! - [`list`], [`pull`], [`inspect`], [`verify`], [`remove`]: one module per command
//! - [`add`]: models that the catalogue does not offer
//! - [`fetch`]: downloads, in a process without rights
//! - [`place`], [`error`]: context and errors common to all commands
//! - [`terminal`]: questions and foreign texts
//! - [`progress`]: bars, notes and Ctrl-C
//! - [`service`]: which models the running service has loaded

mod add;
mod arguments;
mod error;
mod fetch;
mod inspect;
mod list;
mod place;
mod progress;
mod pull;
mod remove;
mod run;
mod service;
mod terminal;
mod verify;

pub use arguments::Arguments;
pub use run::run;
