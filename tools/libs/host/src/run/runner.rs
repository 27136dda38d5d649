//! The runner's trait.

use std::fmt;
use std::sync::Arc;

use super::error::RunError;
use super::invocation::Invocation;
use super::output::Output;

/// Runs programs to their end.
pub trait Run: Send + Sync + fmt::Debug {
    /// Runs a program, whatever its exit code. An error means that it did not run.
    fn run(&self, invocation: &Invocation) -> Result<Output, RunError>;

    /// Runs a program that must end with exit code 0.
    fn succeed(&self, invocation: &Invocation) -> Result<Output, RunError> {
        let output = self.run(invocation)?;
        if output.status.success() {
            return Ok(output);
        }
        Err(RunError::Ended {
            invocation: Box::new(invocation.clone()),
            output,
        })
    }

    /// Runs a program that must end with exit code 0, and gives its standard output as text.
    fn text(&self, invocation: &Invocation) -> Result<String, RunError> {
        Ok(self.succeed(invocation)?.text())
    }
}

impl<R: Run + ?Sized> Run for &R {
    fn run(&self, invocation: &Invocation) -> Result<Output, RunError> {
        (**self).run(invocation)
    }
}

impl<R: Run + ?Sized> Run for Arc<R> {
    fn run(&self, invocation: &Invocation) -> Result<Output, RunError> {
        (**self).run(invocation)
    }
}
