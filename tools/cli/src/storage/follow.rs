//! Work under way, until it ends.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use sigmavault_facts::terminal::printable;
use sigmavault_types::storage::{Job, JobState};

use super::access::{AccessError, Storage};
use super::stop::{SignalError, Stop};

/// Time after which Ctrl-C is seen at the latest.
const STEP: Duration = Duration::from_millis(250);

/// Why work did not end well, or its end was not seen.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The storage does not tell.
    #[error("the change was begun, and how it goes on is not known: {0}")]
    Access(#[from] AccessError),
    /// Ctrl-C cannot be caught.
    #[error(transparent)]
    Signal(#[from] SignalError),
    /// Somebody does not want to wait.
    #[error("the work goes on in the storage service; look at it with: {look}")]
    LeftRunning {
        /// The command that shows it.
        look: String,
    },
    /// It failed.
    #[error("{}", printable(.0))]
    Failed(String),
    /// Somebody ended it.
    #[error("the change was cancelled after {done} of {total} steps")]
    Cancelled {
        /// Steps done.
        done: u64,
        /// Steps in all.
        total: u64,
    },
    /// The service ended.
    #[error(
        "the storage service ended after {done} of {total} steps; see: journalctl -u sigmavault-storage.service, then look at what is \
         left with --dry-run"
    )]
    Interrupted {
        /// Steps done.
        done: u64,
        /// Steps in all.
        total: u64,
    },
}

/// Shows how far a job is on standard error, if that is a terminal, until it has ended. `look` is the command that shows it later.
pub fn follow(
    storage: &mut dyn Storage,
    stop: &Stop,
    id: &str,
    steps: &[String],
    look: &str,
) -> Result<Job, FollowError> {
    let bar = Bar::new(steps);
    loop {
        let job = storage.job(id)?;
        bar.show(&job);
        if job.state.is_over() {
            return ended(job);
        }
        if stop.is_wanted() {
            let look = look.to_owned();
            return Err(FollowError::LeftRunning { look });
        }
        storage.wait(STEP)?;
    }
}

fn ended(job: Job) -> Result<Job, FollowError> {
    let (done, total) = (job.done, job.total);
    match job.state {
        JobState::Failed => {
            let why = job
                .error
                .unwrap_or_else(|| format!("the change failed after {done} of {total} steps"));
            Err(FollowError::Failed(why))
        }
        JobState::Cancelled => Err(FollowError::Cancelled { done, total }),
        JobState::Interrupted => Err(FollowError::Interrupted { done, total }),
        JobState::Queued | JobState::Running | JobState::Paused | JobState::Succeeded => Ok(job),
    }
}

struct Bar<'a> {
    bar: ProgressBar,
    steps: &'a [String],
}

impl<'a> Bar<'a> {
    fn new(steps: &'a [String]) -> Self {
        let style = ProgressStyle::with_template(TEMPLATE).map_or_else(
            |_| ProgressStyle::default_bar(),
            |style| style.progress_chars("=> "),
        );
        let bar = ProgressBar::new(steps.len() as u64).with_style(style);
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar, steps }
    }

    fn show(&self, job: &Job) {
        self.bar.set_length(job.total);
        self.bar.set_position(job.done);
        self.bar.set_message(message(job, self.steps));
    }
}

impl Drop for Bar<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

const TEMPLATE: &str = "{spinner} [{bar:20}] {pos} of {len}: {msg}";

/// The step that a job is at.
fn message(job: &Job, steps: &[String]) -> String {
    let at = usize::try_from(job.done).unwrap_or(usize::MAX);
    match (job.state, steps.get(at)) {
        (JobState::Queued, _) => "waits for another change".to_owned(),
        (JobState::Paused, _) => "paused".to_owned(),
        (_, Some(step)) => printable(step),
        (_, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use sigmavault_storage_core::Secret;
    use sigmavault_types::storage::{Planned, Request, Snapshot, State, Work};

    use super::*;

    fn job(state: JobState, error: Option<&str>) -> Job {
        Job {
            id: "a1".to_owned(),
            work: Work::Plan {
                digest: String::new(),
            },
            state,
            done: 1,
            total: 3,
            rate: None,
            seconds_left: None,
            began: 0,
            ended: None,
            error: error.map(str::to_owned),
        }
    }

    #[test]
    fn every_end_says_what_happened() {
        assert_eq!(ended(job(JobState::Succeeded, None)).unwrap().id, "a1");
        for (state, error, expected) in [
            (
                JobState::Failed,
                Some("step 2 of 3 failed: tank/a is in use"),
                "step 2 of 3 failed: tank/a is in use",
            ),
            (JobState::Failed, None, "the change failed after 1 of 3 steps"),
            (
                JobState::Cancelled,
                None,
                "the change was cancelled after 1 of 3 steps",
            ),
            (
                JobState::Interrupted,
                None,
                "the storage service ended after 1 of 3 steps; see: journalctl -u sigmavault-storage.service, then look at what is left \
                 with --dry-run",
            ),
        ] {
            assert_eq!(ended(job(state, error)).unwrap_err().to_string(), expected);
        }
    }

    /// Has one job that never ends.
    struct Endless;

    impl Storage for Endless {
        fn state(&mut self) -> Result<State, AccessError> {
            Ok(State::default())
        }

        fn snapshots(&mut self, _: &str, _: bool) -> Result<Vec<Snapshot>, AccessError> {
            Ok(Vec::new())
        }

        fn plan(&mut self, _: &Request) -> Result<Planned, AccessError> {
            Err(AccessError::Silent)
        }

        fn approve(&mut self, _: &str, _: &str) -> Result<(), AccessError> {
            Ok(())
        }

        fn execute(&mut self, _: &str, _: Option<&Secret>) -> Result<String, AccessError> {
            Ok("a1".to_owned())
        }

        fn job(&mut self, _: &str) -> Result<Job, AccessError> {
            Ok(job(JobState::Running, None))
        }

        fn wait(&mut self, _: Duration) -> Result<bool, AccessError> {
            Ok(false)
        }

        fn kernel_name(&self, _: &Path) -> Option<String> {
            None
        }
    }

    #[test]
    fn who_stops_waiting_learns_how_to_look() {
        let left = follow(
            &mut Endless,
            &Stop::at_once(),
            "a1",
            &[],
            "sigmavault pool show tank --watch",
        );
        assert_eq!(
            left.unwrap_err().to_string(),
            "the work goes on in the storage service; look at it with: sigmavault pool show tank --watch"
        );
    }

    #[test]
    fn the_step_is_named_and_does_not_act_on_the_terminal() {
        let steps = ["unmount a".to_owned(), "destroy \u{1b}[2J".to_owned()];
        let running = job(JobState::Running, None);
        assert_eq!(message(&running, &steps), "destroy \\u{1b}[2J");
        assert_eq!(message(&running, &steps[..1]), "");
        assert_eq!(
            message(&job(JobState::Queued, None), &steps),
            "waits for another change"
        );
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }
}
