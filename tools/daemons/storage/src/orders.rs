//! Standing orders: policies of snapshots and schedules of scrubs and trims, approved once and carried out when they are due.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use jiff::tz::TimeZone;
use log::{info, warn};
use serde::{Deserialize, Serialize};
use sigmavault_storage_core::{due, schedule};
use sigmavault_types::storage::{Care, Guid, Pool, Request, Scan, ScanKind, Scrub, Trim, World};

use crate::audit::Actor;
use crate::service::Service;

/// How often it looks. Schedules count in minutes.
const LOOK: Duration = Duration::from_secs(20);
/// Seconds after which an order that failed is tried again.
const RETRY: i64 = 15 * 60;

/// When pools were first seen, and when their scrubs and trims were started; in seconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Runs {
    seen: BTreeMap<Guid, i64>,
    scrubbed: BTreeMap<Guid, i64>,
    trimmed: BTreeMap<Guid, i64>,
}

/// Starts the thread.
pub fn start(service: Arc<Service>) -> std::io::Result<()> {
    let run = move || {
        let mut orders = Orders::open(&service.config.state);
        loop {
            thread::sleep(LOOK);
            let known = service.board.known();
            if known.stale.is_some() {
                continue;
            }
            // Another time zone may have been set.
            for (name, request) in orders.due(&known.world, crate::machine::now(), &TimeZone::system()) {
                info!("{name} is due");
                if let Err(error) =
                    service.carry_out_order(Actor::StandingOrder { name: name.clone() }, &request)
                {
                    warn!("{name} is due and was not carried out: {error}");
                }
            }
        }
    };
    thread::Builder::new()
        .name("orders".to_owned())
        .spawn(run)
        .map(drop)
}

/// What was done, and what was tried.
#[derive(Debug)]
struct Orders {
    path: PathBuf,
    runs: Runs,
    /// When an order was last given, so that one that fails is not given every time.
    tried: BTreeMap<String, i64>,
}

impl Orders {
    fn open(state: &Path) -> Self {
        let path = state.join("standing-runs.json");
        let runs = std::fs::read(&path)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        Self {
            path,
            runs,
            tried: BTreeMap::new(),
        }
    }

    /// What is due now, by the name of its order.
    fn due(&mut self, world: &World, now: i64, zone: &TimeZone) -> Vec<(String, Request)> {
        let before = self.runs.clone();
        let mut found: Vec<(String, Request)> = due(world, now, zone)
            .into_iter()
            .map(|name| (format!("policy {name}"), Request::PolicyRun { name }))
            .collect();
        for care in &world.care {
            if let Some(pool) = world
                .pool(care.pool)
                .filter(|pool| pool.imported && !pool.read_only)
            {
                found.extend(self.care_due(*care, pool, now, zone));
            }
        }
        found.retain(|(name, _)| {
            self.tried
                .get(name)
                .is_none_or(|last| now - last >= RETRY || now < *last)
        });
        for (name, request) in &found {
            self.tried.insert(name.clone(), now);
            match request {
                Request::PoolScrub { pool, .. } => drop(self.runs.scrubbed.insert(*pool, now)),
                Request::PoolTrim { pool, .. } => drop(self.runs.trimmed.insert(*pool, now)),
                _ => {}
            }
        }
        if before != self.runs {
            self.save();
        }
        found
    }

    /// What of a pool's scrub and trim is due. A new pool waits for the first time that comes.
    fn care_due(&mut self, care: Care, pool: &Pool, now: i64, zone: &TimeZone) -> Vec<(String, Request)> {
        let seen = *self.runs.seen.entry(pool.id).or_insert(now);
        let is_due =
            |when, last: Option<i64>| schedule::is_due(when, Some(last.unwrap_or(0).max(seen)), now, zone);
        let by_hand = |scan: &Scan| (scan.kind == ScanKind::Scrub).then_some(scan.began);
        let scrubbed = [
            self.runs.scrubbed.get(&pool.id).copied(),
            pool.scrubbed,
            pool.scan.as_ref().and_then(by_hand),
        ];
        let scrub = care
            .scrub
            .filter(|when| is_due(*when, scrubbed.into_iter().flatten().max()));
        let trim = care
            .trim
            .filter(|when| is_due(*when, self.runs.trimmed.get(&pool.id).copied()));
        let scrub = scrub.map(|_| {
            let request = Request::PoolScrub {
                pool: pool.id,
                scrub: Scrub::Start,
            };
            (format!("scrub of {}", pool.name), request)
        });
        let trim = trim.map(|_| {
            let request = Request::PoolTrim {
                pool: pool.id,
                trim: Trim::Start,
            };
            (format!("trim of {}", pool.name), request)
        });
        scrub.into_iter().chain(trim).collect()
    }

    fn save(&self) {
        let written = serde_json::to_vec(&self.runs)
            .map_err(std::io::Error::from)
            .and_then(|bytes| sigmavault_durable::replace(&self.path, &bytes));
        if let Err(error) = written {
            warn!("cannot write {}: {error}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use sigmavault_types::storage::Schedule;

    use super::*;

    fn world(scrubbed: Option<i64>) -> World {
        let json = serde_json::json!({
            "pools": [{
                "id": "7", "name": "tank", "imported": true, "state": "online", "bytes": 1, "allocated": 1, "usable": 1,
                "may_fail": 1, "fragmentation": null, "read_only": false, "upgradable": false, "vdevs": [],
                "scan": null, "trimming": false, "scrubbed": scrubbed, "properties": {},
            }],
            "care": [{"pool": "7", "scrub": {"every": "day", "hour": 2, "minute": 0}, "trim": null}],
        });
        serde_json::from_value(json).unwrap()
    }

    const DAY: i64 = 86_400;
    const HOUR: i64 = 3600;

    fn names(found: &[(String, Request)]) -> Vec<&str> {
        found.iter().map(|(name, _)| name.as_str()).collect()
    }

    #[test]
    fn a_scrub_is_due_once_and_missed_ones_are_made_up() {
        let folder = tempfile::tempdir().unwrap();
        let mut orders = Orders::open(folder.path());
        let zone = TimeZone::UTC;
        let start = 1000 * DAY + 12 * HOUR;
        assert_eq!(
            names(&orders.due(&world(None), start, &zone)),
            [""; 0],
            "a new pool waits"
        );
        assert_eq!(
            names(&orders.due(&world(None), start + 13 * HOUR, &zone)),
            [""; 0],
            "at 1 in the night"
        );
        let night = start + 14 * HOUR + 60;
        assert_eq!(names(&orders.due(&world(None), night, &zone)), ["scrub of tank"]);
        assert_eq!(
            names(&orders.due(&world(None), night + 60, &zone)),
            [""; 0],
            "it was started"
        );
        // After days without power, one is made up; what was done is known after a restart.
        let mut orders = Orders::open(folder.path());
        assert_eq!(names(&orders.due(&world(None), night + 600, &zone)), [""; 0]);
        let later = night + 5 * DAY + HOUR;
        assert_eq!(
            names(&orders.due(&world(Some(later - HOUR)), later, &zone)),
            [""; 0],
            "somebody scrubbed it"
        );
        assert_eq!(names(&orders.due(&world(None), later, &zone)), ["scrub of tank"]);
    }

    #[test]
    fn a_policy_that_fails_is_tried_again_later() {
        let folder = tempfile::tempdir().unwrap();
        let mut orders = Orders::open(folder.path());
        let mut world = world(None);
        world.care.clear();
        world.policies = serde_json::from_value(serde_json::json!([{
            "name": "daily", "datasets": ["tank"], "recursive": true,
            "schedule": serde_json::to_value(Schedule::Hour { minute: 0 }).unwrap(), "keep": {"daily": 7},
        }]))
        .unwrap();
        let now = 1000 * DAY;
        assert_eq!(names(&orders.due(&world, now, &TimeZone::UTC)), ["policy daily"]);
        assert_eq!(names(&orders.due(&world, now + 60, &TimeZone::UTC)), [""; 0]);
        assert_eq!(
            names(&orders.due(&world, now + RETRY, &TimeZone::UTC)),
            ["policy daily"]
        );
    }
}
