//! One way to run a program. An [`Invocation`] says what to run, a runner ([`Run`]) runs it and gives its [`Output`].
//!
//! - [`Local`] runs programs on this machine.
//! - [`Patient`] does so too, and gives up on a program that does not end.
//! - [`Recorder`] wraps a runner and keeps a [`Transcript`] of what was run and what came back.
//! - [`Replayer`] answers from a transcript, and fails at the first invocation that differs from it.
//! - [`Scripted`] answers by a function, for tests.

mod error;
mod invocation;
mod local;
mod output;
mod patient;
mod quote;
mod recorder;
mod replayer;
mod runner;
mod scripted;
mod transcript;

pub use error::RunError;
pub use invocation::{Input, Invocation};
pub use local::Local;
pub use output::Output;
pub use patient::Patient;
pub use quote::quote;
pub use recorder::Recorder;
pub use replayer::Replayer;
pub use runner::Run;
pub use scripted::Scripted;
pub use transcript::{Answer, Call, Entry, Transcript, TranscriptError};
