//! Work under way: plans that are carried out, and what the kernel does with the data of a pool.

use std::path::{Path, PathBuf};

use log::warn;
use sigmavault_plan::Digest;
use sigmavault_types::storage::{Job, JobState, Pool, Scan, ScanState, Work, World};

/// Jobs that are over and still listed.
const OVER: usize = 50;

/// Plans that are or were carried out; kept on disk, so that one that a power cut ended is told as such.
#[derive(Debug)]
pub struct Jobs {
    path: PathBuf,
    plans: Vec<Job>,
    /// The scans as they were seen last, to tell their rate.
    scans: Vec<Seen>,
}

#[derive(Debug, Clone)]
struct Seen {
    job: Job,
    time: i64,
}

impl Jobs {
    /// Those in a folder. A job that was under way when the service ended is interrupted.
    pub fn open(state: &Path, now: i64) -> Self {
        let path = state.join("jobs.json");
        let mut plans: Vec<Job> = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                warn!(
                    "{} is damaged ({error}); earlier jobs are forgotten",
                    path.display()
                );
                Vec::new()
            }),
            Err(_) => Vec::new(),
        };
        for job in plans.iter_mut().filter(|job| !job.state.is_over()) {
            job.state = JobState::Interrupted;
            job.ended = Some(now);
            job.error = Some(
                "the service or the machine stopped; see what is there, and plan the rest again".to_owned(),
            );
        }
        let jobs = Self {
            path,
            plans,
            scans: Vec::new(),
        };
        jobs.save();
        jobs
    }

    /// A plan that will be carried out; its job's id.
    pub fn begin(&mut self, id: String, digest: Digest, steps: usize, now: i64) -> Job {
        let job = Job {
            id,
            work: Work::Plan {
                digest: digest.to_string(),
            },
            state: JobState::Queued,
            done: 0,
            total: steps as u64,
            rate: None,
            seconds_left: None,
            began: now,
            ended: None,
            error: None,
        };
        self.plans.push(job.clone());
        let over = self.plans.iter().filter(|job| job.state.is_over()).count();
        for _ in OVER..over {
            if let Some(oldest) = self.plans.iter().position(|job| job.state.is_over()) {
                self.plans.remove(oldest);
            }
        }
        self.save();
        job
    }

    /// Says how many of its steps are done.
    pub fn step(&mut self, id: &str, done: usize) -> Option<Job> {
        self.change(id, |job| {
            job.state = JobState::Running;
            job.done = done as u64;
        })
    }

    /// Says how it ended, after so many steps.
    pub fn end(&mut self, id: &str, done: usize, error: Option<String>, now: i64) -> Option<Job> {
        self.change(id, |job| {
            job.state = if error.is_some() {
                JobState::Failed
            } else {
                JobState::Succeeded
            };
            job.done = done as u64;
            job.ended = Some(now);
            job.error = error;
        })
    }

    fn change(&mut self, id: &str, change: impl FnOnce(&mut Job)) -> Option<Job> {
        let job = self.plans.iter_mut().find(|job| job.id == id)?;
        change(job);
        let job = job.clone();
        self.save();
        Some(job)
    }

    /// A job is told even if it cannot be written: what it does is recorded elsewhere.
    fn save(&self) {
        let written = serde_json::to_vec(&self.plans)
            .map_err(std::io::Error::from)
            .and_then(|bytes| sigmavault_durable::replace(&self.path, &bytes));
        if let Err(error) = written {
            warn!("cannot write {}: {error}", self.path.display());
        }
    }

    /// Takes what the pools' scans are now, and returns those that changed.
    pub fn look_at(&mut self, world: &World) -> Vec<Job> {
        let mut changed = Vec::new();
        let mut seen = Vec::new();
        for pool in world.pools.iter().filter(|pool| pool.imported) {
            let Some(scan) = &pool.scan else { continue };
            let mut job = of_scan(pool, scan);
            let before = self.scans.iter().find(|seen| seen.job.id == job.id);
            if let Some(before) = before {
                pace(&mut job, before, world.time);
            }
            if before.is_none_or(|before| before.job != job) && (before.is_some() || !job.state.is_over()) {
                changed.push(job.clone());
            }
            seen.push(Seen {
                job,
                time: world.time,
            });
        }
        self.scans = seen;
        changed
    }

    /// Every job, those of scans too.
    pub fn all(&self) -> Vec<Job> {
        let scans = self.scans.iter().map(|seen| &seen.job);
        self.plans.iter().chain(scans).cloned().collect()
    }

    /// A job by its id.
    pub fn get(&self, id: &str) -> Option<Job> {
        let mut all = self.plans.iter().chain(self.scans.iter().map(|seen| &seen.job));
        all.find(|job| job.id == id).cloned()
    }

    /// Whether a scan runs, so that its progress is worth reading.
    pub fn scans_run(&self) -> bool {
        self.scans.iter().any(|seen| seen.job.state == JobState::Running)
    }
}

fn of_scan(pool: &Pool, scan: &Scan) -> Job {
    let kind = serde_json::to_value(scan.kind).ok();
    let kind = kind
        .as_ref()
        .and_then(|kind| kind.as_str())
        .unwrap_or("scan")
        .replace('-', "_");
    Job {
        id: format!("{kind}_{}_{}", pool.id, scan.began),
        work: Work::Scan {
            pool: pool.id,
            scan: scan.kind,
        },
        state: match scan.state {
            ScanState::Running => JobState::Running,
            ScanState::Paused => JobState::Paused,
            ScanState::Finished => JobState::Succeeded,
            ScanState::Stopped => JobState::Cancelled,
        },
        done: scan.done,
        total: scan.total,
        rate: None,
        seconds_left: None,
        began: scan.began,
        ended: scan.ended,
        error: (scan.errors > 0).then(|| format!("{} errors could not be repaired", scan.errors)),
    }
}

/// How fast it goes, by what was seen before.
fn pace(job: &mut Job, before: &Seen, now: i64) {
    if job.state != JobState::Running {
        return;
    }
    let seconds = u64::try_from(now - before.time).unwrap_or(0);
    let bytes = job.done.saturating_sub(before.job.done);
    job.rate = match (bytes.checked_div(seconds), before.job.rate) {
        (Some(now), Some(earlier)) => Some((3 * earlier + now) / 4),
        (Some(now), None) => Some(now),
        (None, earlier) => earlier,
    };
    let left = job.total.saturating_sub(job.done);
    job.seconds_left = job.rate.and_then(|rate| left.checked_div(rate));
}

#[cfg(test)]
mod tests {
    use sigmavault_types::storage::ScanKind;

    use super::*;

    fn digest() -> Digest {
        "0".repeat(64).parse().unwrap()
    }

    #[test]
    fn a_job_that_was_under_way_is_interrupted_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let mut jobs = Jobs::open(folder.path(), 100);
        jobs.begin("one".to_owned(), digest(), 2, 100);
        jobs.begin("two".to_owned(), digest(), 2, 100);
        jobs.step("one", 1);
        jobs.end("two", 2, None, 110);
        let again = Jobs::open(folder.path(), 200);
        let one = again.get("one").unwrap();
        assert_eq!(
            (one.state, one.done, one.ended),
            (JobState::Interrupted, 1, Some(200))
        );
        assert_eq!(again.get("two").unwrap().state, JobState::Succeeded);
    }

    #[test]
    fn jobs_that_are_over_are_forgotten_some_time() {
        let folder = tempfile::tempdir().unwrap();
        let mut jobs = Jobs::open(folder.path(), 0);
        for number in 0..OVER + 10 {
            let id = format!("job{number}");
            jobs.begin(id.clone(), digest(), 1, 0);
            jobs.end(&id, 1, None, 1);
        }
        assert_eq!(jobs.all().len(), OVER + 1);
        assert_eq!(jobs.get("job0"), None);
    }

    #[test]
    fn a_scan_is_a_job_with_its_rate() {
        let folder = tempfile::tempdir().unwrap();
        let mut jobs = Jobs::open(folder.path(), 0);
        let world = |time, done, state| {
            let scan = Scan {
                kind: ScanKind::ErrorScrub,
                state,
                began: 90,
                ended: None,
                done,
                total: 10_000,
                errors: 0,
            };
            let json = serde_json::json!({
                "time": time,
                "pools": [{
                    "id": "7", "name": "tank", "imported": true, "state": "online", "bytes": 1, "allocated": 1, "usable": 1,
                    "may_fail": 1, "fragmentation": null, "read_only": false, "upgradable": false, "vdevs": [],
                    "scan": serde_json::to_value(scan).unwrap(), "trimming": false, "scrubbed": null, "properties": {},
                }],
            });
            serde_json::from_value::<World>(json).unwrap()
        };
        let seen = jobs.look_at(&world(100, 1000, ScanState::Running));
        assert_eq!((seen[0].id.as_str(), seen[0].rate), ("error_scrub_7_90", None));
        assert!(jobs.scans_run());
        let seen = jobs.look_at(&world(110, 3000, ScanState::Running));
        assert_eq!((seen[0].rate, seen[0].seconds_left), (Some(200), Some(35)));
        assert_eq!(jobs.look_at(&world(110, 3000, ScanState::Running)), []);
        let seen = jobs.look_at(&world(120, 10_000, ScanState::Finished));
        assert_eq!(seen[0].state, JobState::Succeeded);
        assert!(!jobs.scans_run());
    }
}
