//! A simulated machine in a file. Plans are made, approved and carried out as by the service, in this process and without rights.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jiff::tz::TimeZone;
use sigmavault_plan::digest;
use sigmavault_storage_core::{Engine as _, Secret, Setting, Simulator, execute, plan};
use sigmavault_types::storage::{
    Job, JobState, Plan, Planned, Request, Risk, Snapshot, State, Work, World, is_within,
};

use super::error::AccessError;
use super::storage::Storage;
use crate::durable;

/// Time between two looks at the file.
const LOOK: Duration = Duration::from_millis(100);

/// A plan that was made.
struct Kept {
    plan: Plan,
    approved: bool,
}

/// A simulated machine. Its clock is that of this machine, unless the file is ahead of it.
pub struct Simulated {
    file: PathBuf,
    plans: BTreeMap<String, Kept>,
    jobs: Vec<Job>,
    /// What was in the file when it was read last.
    seen: Vec<u8>,
}

impl Simulated {
    /// Reads the machine, to see whether it is one.
    pub fn open(file: &Path) -> Result<Self, AccessError> {
        let mut opened = Self {
            file: file.to_owned(),
            plans: BTreeMap::new(),
            jobs: Vec::new(),
            seen: Vec::new(),
        };
        opened.machine()?;
        Ok(opened)
    }

    fn bytes(&self) -> Result<Vec<u8>, AccessError> {
        fs::read(&self.file).map_err(|source| self.unreadable(source))
    }

    fn unreadable(&self, source: io::Error) -> AccessError {
        AccessError::Simulation {
            path: self.file.clone(),
            source,
        }
    }

    /// The machine as it is now: what runs on it has gone on since the file was written.
    fn machine(&mut self) -> Result<Simulator, AccessError> {
        self.seen = self.bytes()?;
        let read = serde_json::from_slice(&self.seen);
        let mut machine: Simulator = read.map_err(|error| self.unreadable(error.into()))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let then = u64::try_from(machine.world.time).unwrap_or_default();
        machine.advance(now.as_secs().saturating_sub(then));
        Ok(machine)
    }

    fn world(&mut self) -> Result<World, AccessError> {
        let mut machine = self.machine()?;
        let world = machine.world();
        world.map_err(|error| AccessError::Refused(error.to_string()))
    }

    fn save(&mut self, machine: &Simulator) -> Result<(), AccessError> {
        let mut text = serde_json::to_vec_pretty(machine).map_err(|error| self.unreadable(error.into()))?;
        text.push(b'\n');
        durable::replace(&self.file, &text)?;
        Ok(())
    }
}

impl Storage for Simulated {
    fn state(&mut self) -> Result<State, AccessError> {
        let mut world = self.world()?;
        world.snapshots.clear();
        Ok(State {
            world,
            stale: None,
            jobs: self.jobs.clone(),
        })
    }

    fn snapshots(&mut self, dataset: &str, recursive: bool) -> Result<Vec<Snapshot>, AccessError> {
        let mut snapshots = self.world()?.snapshots;
        snapshots.retain(|one| {
            dataset.is_empty() || one.dataset() == dataset || (recursive && is_within(one.dataset(), dataset))
        });
        Ok(snapshots)
    }

    fn plan(&mut self, request: &Request) -> Result<Planned, AccessError> {
        let setting = Setting {
            at_console: false,
            zone: TimeZone::system(),
        };
        let world = self.world()?;
        let refused = |error: &dyn std::error::Error| AccessError::Refused(error.to_string());
        let plan = plan(request, &world, &setting).map_err(|error| refused(&error))?;
        let digest = digest(&plan).map_err(|error| refused(&error))?.to_string();
        let kept = Kept {
            plan: plan.clone(),
            approved: false,
        };
        self.plans.insert(digest.clone(), kept);
        Ok(Planned { digest, plan })
    }

    fn approve(&mut self, digest: &str, confirm: &str) -> Result<(), AccessError> {
        let kept = self.plans.get_mut(digest).ok_or_else(|| no_plan(digest))?;
        let expected = match kept.plan.risk {
            Risk::Destroys => kept.plan.confirm.as_deref().unwrap_or_default(),
            _ => "",
        };
        if confirm != expected {
            let text = format!("'{confirm}' does not approve this plan: it takes '{expected}'");
            return Err(AccessError::Refused(text));
        }
        kept.approved = true;
        Ok(())
    }

    fn execute(&mut self, digest: &str, secret: Option<&Secret>) -> Result<String, AccessError> {
        let kept = self.plans.remove(digest).ok_or_else(|| no_plan(digest))?;
        if !kept.approved {
            return Err(AccessError::Refused(format!(
                "the plan {digest} was not approved"
            )));
        }
        let mut machine = self.machine()?;
        let began = machine.world.time;
        let mut done = 0;
        let ended = execute(&kept.plan, &mut machine, secret, |step| done = step);
        // What was carried out before a failure stays.
        self.save(&machine)?;
        let total = kept.plan.steps.len() as u64;
        let id = format!("simulated_{}", self.jobs.len() + 1);
        self.jobs.push(Job {
            id: id.clone(),
            work: Work::Plan {
                digest: digest.to_owned(),
            },
            state: if ended.is_ok() {
                JobState::Succeeded
            } else {
                JobState::Failed
            },
            done: if ended.is_ok() { total } else { done as u64 },
            total,
            rate: None,
            seconds_left: None,
            began,
            ended: Some(machine.world.time),
            error: ended.err().map(|error| error.to_string()),
        });
        Ok(id)
    }

    fn job(&mut self, id: &str) -> Result<Job, AccessError> {
        let found = self.jobs.iter().find(|job| job.id == id).cloned();
        found.ok_or_else(|| AccessError::Refused(format!("there is no job {id}")))
    }

    fn wait(&mut self, at_most: Duration) -> Result<bool, AccessError> {
        let end = Instant::now() + at_most;
        loop {
            if self.bytes()? != self.seen {
                return Ok(true);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            std::thread::sleep(left.min(LOOK));
        }
    }

    fn kernel_name(&self, _: &Path) -> Option<String> {
        None
    }
}

fn no_plan(digest: &str) -> AccessError {
    AccessError::Refused(format!(
        "no plan with the digest {digest} is kept: make a new one"
    ))
}

#[cfg(test)]
mod tests {
    use sigmavault_types::storage::{Disk, DiskId, DiskUse};

    use super::*;

    /// 2100-01-01, so that the clock stands.
    const LATER: i64 = 4_102_444_800;

    fn disk(name: &str) -> Disk {
        Disk {
            id: DiskId::from(name),
            name: name.to_owned(),
            device: format!("/dev/disk/by-id/{name}"),
            bytes: 10 << 30,
            model: None,
            serial: None,
            wwn: None,
            transport: None,
            sector: 4096,
            rotational: false,
            drive: name.to_owned(),
            in_use: DiskUse::Free,
        }
    }

    fn machine(folder: &Path) -> PathBuf {
        let mut machine = Simulator::with_disks(vec![disk("a"), disk("b")]);
        machine.world.time = LATER;
        let file = folder.join("machine.json");
        fs::write(&file, serde_json::to_vec(&machine).unwrap()).unwrap();
        file
    }

    fn mirror() -> Request {
        Request::PoolCreate {
            name: "tank".to_owned(),
            disks: vec![DiskId::from("a"), DiskId::from("b")],
            layout: None,
            accept_no_redundancy: false,
            erase: Vec::new(),
            encryption: None,
            properties: BTreeMap::new(),
        }
    }

    #[test]
    fn a_plan_is_carried_out_once_and_only_when_it_was_approved() {
        let folder = tempfile::tempdir().unwrap();
        let mut storage = Simulated::open(&machine(folder.path())).unwrap();
        let planned = storage.plan(&mirror()).unwrap();
        assert_eq!(planned.digest, digest(&planned.plan).unwrap().to_string());
        let refused = storage.approve(&planned.digest, "tank").unwrap_err();
        assert_eq!(
            refused.to_string(),
            "'tank' does not approve this plan: it takes ''"
        );
        storage.approve(&planned.digest, "").unwrap();
        let id = storage.execute(&planned.digest, None).unwrap();
        let job = storage.job(&id).unwrap();
        assert_eq!((job.state, job.done, job.total), (JobState::Succeeded, 2, 2));
        assert!(storage.execute(&planned.digest, None).is_err());
        // Another process sees it.
        let mut other = Simulated::open(&folder.path().join("machine.json")).unwrap();
        assert_eq!(other.state().unwrap().world.pools[0].name, "tank");
    }

    #[test]
    fn a_plan_that_was_not_approved_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = machine(folder.path());
        let before = fs::read(&file).unwrap();
        let mut storage = Simulated::open(&file).unwrap();
        let planned = storage.plan(&mirror()).unwrap();
        assert!(storage.execute(&planned.digest, None).is_err());
        assert_eq!(fs::read(&file).unwrap(), before);
    }

    #[test]
    fn waiting_ends_when_the_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let file = machine(folder.path());
        let mut storage = Simulated::open(&file).unwrap();
        assert!(!storage.wait(Duration::from_millis(1)).unwrap());
        fs::write(&file, "{}").unwrap();
        assert!(storage.wait(Duration::from_mins(1)).unwrap());
    }
}
