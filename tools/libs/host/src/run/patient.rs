//! Programs of this machine that may never end.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::error::RunError;
use super::invocation::Invocation;
use super::local::{captured, not_started};
use super::output::Output;
use super::runner::Run;

/// Runs programs on this machine as [`Local`](super::Local) does, and gives up on one that does not end in time. It is killed; one that waits
/// in the kernel for a disk stays until the disk answers, and with it the thread that waits for it.
#[derive(Debug, Clone, Copy)]
pub struct Patient {
    /// How long a program may take.
    pub limit: Duration,
}

impl Run for Patient {
    fn run(&self, invocation: &Invocation) -> Result<Output, RunError> {
        let (started, pid) = channel();
        let (ended, result) = channel();
        let program = invocation.clone();
        let wait = move || {
            // The receiver is gone when it has given up.
            let captured = captured(&program, |pid| {
                let _ = started.send(pid);
            });
            let _ = ended.send(captured);
        };
        let thread = thread::Builder::new().name("program".to_owned()).spawn(wait);
        thread.map_err(|error| not_started(invocation, error))?;
        match result.recv_timeout(self.limit) {
            Ok(captured) => captured.map_err(|error| not_started(invocation, error)),
            Err(RecvTimeoutError::Disconnected) => Err(not_started(
                invocation,
                std::io::Error::other("the thread that waited for it ended"),
            )),
            Err(RecvTimeoutError::Timeout) => {
                let pid = pid.try_recv().ok().and_then(|pid| i32::try_from(pid).ok());
                if let Some(pid) = pid {
                    // It may have ended just now.
                    let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
                }
                Err(RunError::Late {
                    invocation: Box::new(invocation.clone()),
                    seconds: self.limit.as_secs(),
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_program_that_does_not_end_is_given_up() {
        let patient = Patient {
            limit: Duration::from_secs(1),
        };
        let began = Instant::now();
        let error = patient.run(&Invocation::new("sleep").arg("60")).unwrap_err();
        assert_eq!(error.to_string(), "sleep 60 did not end within 1 s");
        assert!(began.elapsed() < Duration::from_secs(20));
        let quick = Invocation::new("cat").input("in");
        assert_eq!(patient.text(&quick).unwrap(), "in");
        let absent = patient.run(&Invocation::new("/nowhere")).unwrap_err();
        assert!(
            absent.to_string().starts_with("cannot run /nowhere: "),
            "{absent}"
        );
    }
}
