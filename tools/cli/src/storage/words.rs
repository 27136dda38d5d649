//! Storage in words.

use std::time::{Duration, SystemTime};

use sigmavault_facts::show::{duration, size};
use sigmavault_facts::terminal::printable;
use sigmavault_facts::time::timestamp;
use sigmavault_types::storage::{
    DeviceState, DiskId, DiskUse, Errors, Job, Keep, Pool, Risk, Scan, ScanKind, ScanState, Snapshot,
    VdevClass, VdevKind, Warning, World,
};

/// A number of things.
pub fn count(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// A name as a word of a command that somebody may copy into a shell: names come from disks.
pub fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.:/@".contains(c);
    if !name.is_empty() && name.chars().all(plain) {
        name.to_owned()
    } else {
        format!("'{}'", printable(name).replace('\'', "'\\''"))
    }
}

/// A time in seconds since 1970.
pub fn time(seconds: i64) -> String {
    let seconds = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    timestamp(SystemTime::UNIX_EPOCH + seconds)
}

/// A state, and what it means where it is not good.
pub const fn state(state: DeviceState) -> &'static str {
    match state {
        DeviceState::Online => "online",
        DeviceState::Degraded => "degraded: a device below it does not work",
        DeviceState::Faulted => "faulted: it made too many errors",
        DeviceState::Offline => "offline: it was taken out of use",
        DeviceState::Removed => "removed: it was pulled out",
        DeviceState::Unavailable => "unavailable: it cannot be opened",
        DeviceState::Suspended => "suspended: writes wait until its disks are back",
        DeviceState::Available => "waits to replace a device",
        DeviceState::InUse => "replaces a device",
    }
}

/// A state in a word.
pub const fn short_state(state: DeviceState) -> &'static str {
    match state {
        DeviceState::Online => "online",
        DeviceState::Degraded => "degraded",
        DeviceState::Faulted => "faulted",
        DeviceState::Offline => "offline",
        DeviceState::Removed => "removed",
        DeviceState::Unavailable => "unavailable",
        DeviceState::Suspended => "suspended",
        DeviceState::Available => "available",
        DeviceState::InUse => "in use",
    }
}

/// Whether a state is as it should be.
pub const fn is_good(state: DeviceState) -> bool {
    matches!(
        state,
        DeviceState::Online | DeviceState::Available | DeviceState::InUse
    )
}

/// How a vdev is made.
pub fn kind(kind: VdevKind) -> String {
    match kind {
        VdevKind::Disk => "disk".to_owned(),
        VdevKind::File => "file".to_owned(),
        VdevKind::Mirror => "mirror".to_owned(),
        VdevKind::Raidz { parity } => format!("raidz{parity}"),
        VdevKind::Draid { parity, data, spares } => format!("draid{parity}:{data}d:{spares}s"),
        VdevKind::Replacing => "is being replaced".to_owned(),
        VdevKind::Spare => "a spare stands in".to_owned(),
        VdevKind::Gone => "gone".to_owned(),
    }
}

/// What a vdev is for.
pub const fn class(class: VdevClass) -> &'static str {
    match class {
        VdevClass::Data => "data",
        VdevClass::Special => "special",
        VdevClass::Dedup => "dedup",
        VdevClass::Log => "log",
        VdevClass::Cache => "cache",
        VdevClass::Spare => "spare",
    }
}

/// Errors of a device.
pub fn errors(errors: Errors) -> String {
    let counts = [
        (errors.read, "read error"),
        (errors.write, "write error"),
        (errors.checksum, "checksum error"),
    ];
    let said: Vec<String> = counts
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, thing)| count(number, thing))
        .collect();
    if said.is_empty() {
        "no errors".to_owned()
    } else {
        said.join(", ")
    }
}

/// How many devices may fail.
pub fn may_fail(devices: Option<u32>) -> String {
    match devices {
        None => "data is lost".to_owned(),
        Some(0) => "no disk may fail".to_owned(),
        Some(1) => "1 disk may fail".to_owned(),
        Some(devices) => format!("{devices} disks may fail"),
    }
}

/// What a disk is used for.
pub fn in_use(in_use: &DiskUse, world: &World) -> String {
    match in_use {
        DiskUse::Free => "free".to_owned(),
        DiskUse::System => "this system runs from it".to_owned(),
        DiskUse::LiveMedium => "the live system runs from it".to_owned(),
        DiskUse::Pool { pool } => match world.pool(*pool) {
            Some(pool) => format!("pool {}", pool.name),
            None => format!("pool with the id {pool}"),
        },
        DiskUse::ExportedPool { name, .. } => format!("pool {name}, which is not imported"),
        DiskUse::Foreign { contents } => format!("holds {contents}"),
        DiskUse::Held { by } => format!("held by {by}"),
    }
}

/// A scan and how far it is.
pub fn scan(scan: &Scan) -> String {
    let kind = scan_kind(scan.kind);
    let percent = (u128::from(scan.done) * 100)
        .checked_div(u128::from(scan.total))
        .unwrap_or(100);
    let far = format!("{} of {} ({percent} %)", size(scan.done), size(scan.total));
    let found = match scan.errors {
        0 => "no errors".to_owned(),
        errors => format!("{} that could not be repaired", count(errors, "error")),
    };
    let ended = scan
        .ended
        .map_or_else(String::new, |ended| format!(" at {}", time(ended)));
    match scan.state {
        ScanState::Running => format!("{kind} under way: {far}, {found}"),
        ScanState::Paused => format!("{kind} paused: {far}, {found}"),
        ScanState::Finished => format!("{kind} done{ended}: {found}"),
        ScanState::Stopped => format!("{kind} stopped{ended}: {far}, {found}"),
    }
}

/// How fast work goes on and how long it still takes, as far as that is known.
pub fn pace(job: &Job) -> String {
    let rate = job.rate.map(|rate| format!("{}/s", size(rate)));
    let left = job.seconds_left.map(|seconds| {
        let seconds = u32::try_from(seconds).map_or(f64::MAX, f64::from);
        format!("{} left", duration(seconds))
    });
    let known: Vec<String> = [rate, left].into_iter().flatten().collect();
    known.join(", ")
}

/// What goes over a pool's data.
pub const fn scan_kind(kind: ScanKind) -> &'static str {
    match kind {
        ScanKind::Scrub => "scrub",
        ScanKind::ErrorScrub => "scrub of damaged blocks",
        ScanKind::Resilver => "resilver",
        ScanKind::Expansion => "expansion",
        ScanKind::Removal => "removal",
    }
}

/// How much of a pool is taken.
pub fn space(pool: &Pool, world: &World) -> String {
    match world.dataset(&pool.name).filter(|_| pool.imported) {
        Some(root) => format!("{} of {} used", size(root.used), size(pool.usable)),
        None => format!(
            "{} of {} used, parity included",
            size(pool.allocated),
            size(pool.bytes)
        ),
    }
}

/// How many snapshots are kept.
pub fn keep(keep: Keep) -> String {
    let counts = [
        (keep.hourly, "hourly"),
        (keep.daily, "daily"),
        (keep.weekly, "weekly"),
        (keep.monthly, "monthly"),
        (keep.yearly, "yearly"),
    ];
    let said: Vec<String> = counts
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, period)| format!("{number} {period}"))
        .collect();
    said.join(", ")
}

/// What keeps a snapshot: holds, clones, a lock.
pub fn kept_by(snapshot: &Snapshot, now: i64) -> String {
    let mut said: Vec<String> = Vec::new();
    if let Some(until) = snapshot.locked_until.filter(|until| *until > now) {
        said.push(format!("locked until {}", time(until)));
    }
    if !snapshot.holds.is_empty() {
        let tags: Vec<&str> = snapshot.holds.iter().map(String::as_str).collect();
        said.push(format!("held by {}", tags.join(", ")));
    }
    if !snapshot.clones.is_empty() {
        let clones: Vec<&str> = snapshot.clones.iter().map(String::as_str).collect();
        said.push(format!("cloned as {}", clones.join(", ")));
    }
    said.join("; ")
}

/// How much something can break.
pub const fn risk(risk: Risk) -> &'static str {
    match risk {
        Risk::Reads => "R0: only reads",
        Risk::Harmless => "R1: harmless",
        Risk::Undoable => "R2: can be undone",
        Risk::Disruptive => "R3: disrupts or cannot be undone; loses nothing",
        Risk::Destroys => "R4: destroys data",
    }
}

/// What somebody who approves should know.
pub fn warning(warning: &Warning, disk: impl Fn(&DiskId) -> String) -> String {
    match warning {
        Warning::NoRedundancy { pool } => {
            format!("one failed disk loses everything in {pool}")
        }
        Warning::LessRedundancy { pool, may_fail } => format!(
            "the new group survives fewer failures than the others of {pool}: {}",
            count(u64::from(*may_fail), "failed disk")
        ),
        Warning::UnevenDisks { bytes } => {
            format!("{} stay unused because the disks differ in size", size(*bytes))
        }
        Warning::OlderSystems { pool } => format!("older systems cannot import {pool} any more"),
        Warning::Rebuild { pool, bytes } => format!(
            "{pool} is rebuilt, {}: it takes long, and fewer disks may fail until then",
            size(*bytes)
        ),
        Warning::CannotBeUndone => "it cannot be stopped or taken back".to_owned(),
        Warning::NewDataOnly { property } => {
            format!("{property} affects what is written from now on; what is there stays as it is")
        }
        Warning::DedupTable { bytes_per_tib } => format!(
            "the table of deduplication needs {} of memory and space for each TiB that is written",
            size(*bytes_per_tib)
        ),
        Warning::Interrupts { dataset } => format!("programs lose access to {dataset} while it is done"),
        Warning::OtherMachine { pool } => {
            format!("{pool} may be in use by another machine; two machines that write to it destroy it")
        }
        Warning::KeyCannotBeReplaced { dataset } => {
            format!("without its passphrase {dataset} cannot be opened by anybody: keep it safe")
        }
        Warning::ClockDoubt { dataset } => {
            format!("the clock jumped: no snapshot of {dataset} expires")
        }
        Warning::UsbDisk { disk: id } => {
            format!(
                "disk {} is attached by USB, which loses disks more often than SATA or SAS",
                disk(id)
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use sigmavault_types::storage::{Guid, JobState, Work};

    use super::*;

    #[test]
    fn errors_and_failures() {
        assert_eq!(errors(Errors::default()), "no errors");
        let some = Errors {
            read: 1,
            write: 0,
            checksum: 3,
        };
        assert_eq!(errors(some), "1 read error, 3 checksum errors");
        let said: Vec<String> = [None, Some(0), Some(1), Some(2)].map(may_fail).to_vec();
        assert_eq!(
            said,
            [
                "data is lost",
                "no disk may fail",
                "1 disk may fail",
                "2 disks may fail"
            ]
        );
    }

    #[test]
    fn how_far_a_scan_is() {
        let mut one = Scan {
            kind: ScanKind::Scrub,
            state: ScanState::Running,
            began: 0,
            ended: None,
            done: 1 << 30,
            total: 3 << 30,
            errors: 2,
        };
        assert_eq!(
            scan(&one),
            "scrub under way: 1 GiB of 3 GiB (33 %), 2 errors that could not be repaired"
        );
        one.state = ScanState::Finished;
        one.ended = Some(86_400);
        one.errors = 0;
        assert_eq!(scan(&one), "scrub done at 1970-01-02T00:00:00Z: no errors");
        one.state = ScanState::Paused;
        one.total = 0;
        one.done = 0;
        assert_eq!(scan(&one), "scrub paused: 0 B of 0 B (100 %), no errors");
    }

    #[test]
    fn how_fast_work_goes_on() {
        let mut job = Job {
            id: "a".to_owned(),
            work: Work::Scan {
                pool: Guid(1),
                scan: ScanKind::Scrub,
            },
            state: JobState::Running,
            done: 1,
            total: 2,
            rate: Some(200 << 20),
            seconds_left: Some(3700),
            began: 0,
            ended: None,
            error: None,
        };
        assert_eq!(pace(&job), "200 MiB/s, 1 h 1 min left");
        (job.rate, job.seconds_left) = (None, None);
        assert_eq!(pace(&job), "");
    }

    #[test]
    fn a_copied_command_does_nothing_else() {
        for (name, expected) in [
            ("tank/a-b", "tank/a-b"),
            ("tank/a b", "'tank/a b'"),
            ("", "''"),
            ("x; reboot", "'x; reboot'"),
            ("it's", "'it'\\''s'"),
            ("a\nb", "'a\\nb'"),
        ] {
            assert_eq!(quoted(name), expected);
        }
    }

    #[test]
    fn what_is_kept() {
        let some = Keep {
            hourly: 24,
            daily: 7,
            ..Keep::default()
        };
        assert_eq!(keep(some), "24 hourly, 7 daily");
    }
}
