//! Answering by a function.

use std::fmt;

use super::error::RunError;
use super::invocation::Invocation;
use super::output::Output;
use super::runner::Run;

/// Answers invocations by a function, so that a test needs no program.
pub struct Scripted<F>(pub F);

impl<F: Fn(&Invocation) -> Output + Send + Sync> Run for Scripted<F> {
    fn run(&self, invocation: &Invocation) -> Result<Output, RunError> {
        Ok((self.0)(invocation))
    }
}

impl<F> fmt::Debug for Scripted<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted")
    }
}
