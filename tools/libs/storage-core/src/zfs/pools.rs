//! Pools.

use std::collections::BTreeMap;

use sigmavault_host::zpool::list;
use sigmavault_host::zpool::scan::{Expansion, Function, Removal, State};
use sigmavault_host::zpool::status::{Damaged, Status};
use sigmavault_host::zpool::vdev::{self, Health, Kind, PassState};
use sigmavault_plan::{may_fail, usable};
use sigmavault_types::storage::{
    Dataset, DeviceState, Disk, DiskId, Errors, Guid, Pool, Scan, ScanKind, ScanState, Vdev, VdevClass,
    VdevKind,
};

/// Properties of a pool that can be set here.
const SETTABLE: [&str; 4] = ["autoexpand", "autoreplace", "autotrim", "failmode"];

/// An imported pool, of what `zpool list` and `zpool status` say of it, the damaged files that a status as text names, its first
/// dataset, and the disks of the machine.
pub fn pool(
    listed: &list::Pool,
    status: &Status,
    damage: &[Damaged],
    root: Option<&Dataset>,
    disks: &[Disk],
) -> Pool {
    let classes = [
        (VdevClass::Data, &status.data),
        (VdevClass::Special, &status.special),
        (VdevClass::Dedup, &status.dedup),
        (VdevClass::Log, &status.logs),
        (VdevClass::Cache, &status.cache),
        (VdevClass::Spare, &status.spares),
    ];
    let vdevs: Vec<Vdev> = classes
        .into_iter()
        .flat_map(|(class, vdevs)| vdevs.iter().map(move |vdev| device(vdev, class, disks)))
        .collect();
    let trimming = status
        .vdevs()
        .iter()
        .any(|vdev| vdev.trim.state == PassState::Running);
    let scrubbed = status
        .scan
        .as_ref()
        .filter(|scan| scan.function == Function::Scrub && scan.state == State::Finished);
    let text = |name: &&str| {
        let value = listed.properties.text(name)?;
        Some(((*name).to_owned(), value.to_owned()))
    };
    Pool {
        id: Guid(status.guid),
        name: status.name.clone(),
        imported: true,
        state: state(&status.health),
        bytes: listed.size,
        allocated: listed.allocated,
        usable: root.map_or_else(|| usable(&vdevs), |root| root.used.saturating_add(root.available)),
        may_fail: may_fail(&vdevs),
        fragmentation: listed
            .fragmentation
            .and_then(|percent| u8::try_from(percent).ok()),
        read_only: listed.read_only,
        upgradable: status.is_upgradable(),
        scan: scan(status),
        trimming,
        scrubbed: scrubbed.and_then(|scan| scan.ended).and_then(signed),
        damaged: damage.iter().map(damaged).collect(),
        properties: SETTABLE.iter().filter_map(text).collect::<BTreeMap<_, _>>(),
        vdevs,
    }
}

fn device(vdev: &vdev::Vdev, class: VdevClass, disks: &[Disk]) -> Vdev {
    let path = vdev.path.as_deref().unwrap_or(&vdev.name);
    let kind = kind(vdev);
    // A device that cannot be opened has a number for its name; where it was is told beside it.
    let name = vdev.was.as_deref().unwrap_or(&vdev.name);
    Vdev {
        id: Guid(vdev.guid),
        name: name.to_owned(),
        kind,
        class,
        state: state(&vdev.health),
        bytes: if vdev.children.is_empty() {
            vdev.device_size.max(vdev.size)
        } else {
            vdev.size
        },
        errors: Errors {
            read: vdev.read_errors,
            write: vdev.write_errors,
            checksum: vdev.checksum_errors,
        },
        resilvering: vdev.resilvering,
        expansions: 0,
        disk: (kind == VdevKind::Disk).then(|| disk_of(path, disks)).flatten(),
        children: vdev
            .children
            .iter()
            .map(|child| device(child, class, disks))
            .collect(),
    }
}

/// The disk that a path leads to, or to a partition of.
pub(super) fn disk_of(path: &str, disks: &[Disk]) -> Option<DiskId> {
    let is_of = |disk: &&Disk| {
        let by_link = part_of(path, &disk.device, "-part");
        let kernel = format!("/dev/{}", disk.name);
        // nvme0n1 has nvme0n1p1, sda has sda1.
        let parts = if disk.name.ends_with(|last: char| last.is_ascii_digit()) {
            "p"
        } else {
            ""
        };
        by_link || part_of(path, &kernel, parts)
    };
    disks.iter().find(is_of).map(|disk| disk.id.clone())
}

/// Whether a path is that of a device, or of a partition of it.
fn part_of(path: &str, device: &str, separator: &str) -> bool {
    let Some(rest) = path.strip_prefix(device) else {
        return false;
    };
    let number = rest.strip_prefix(separator).unwrap_or("-");
    rest.is_empty() || (!number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
}

fn kind(vdev: &vdev::Vdev) -> VdevKind {
    match vdev.kind {
        Kind::Mirror => VdevKind::Mirror,
        Kind::Raidz => VdevKind::Raidz {
            parity: digit(&vdev.name, "raidz").unwrap_or(1),
        },
        Kind::Draid => draid(&vdev.name),
        Kind::File => VdevKind::File,
        Kind::Replacing => VdevKind::Replacing,
        Kind::Spare => VdevKind::Spare,
        Kind::Indirect | Kind::Missing => VdevKind::Gone,
        Kind::Root | Kind::Disk | Kind::DistributedSpare | Kind::Other(_) | Kind::Unknown => VdevKind::Disk,
    }
}

/// How a vdev of this name is made, for lists that tell nothing else.
pub(super) fn kind_named(name: &str) -> VdevKind {
    let word = name
        .split(|letter: char| letter.is_ascii_digit() || letter == '-')
        .next();
    match word {
        Some("mirror") => VdevKind::Mirror,
        Some("raidz") => VdevKind::Raidz {
            parity: digit(name, "raidz").unwrap_or(1),
        },
        Some("draid") => draid(name),
        Some("replacing") => VdevKind::Replacing,
        Some("spare") => VdevKind::Spare,
        Some("indirect" | "missing") => VdevKind::Gone,
        _ => VdevKind::Disk,
    }
}

/// The parity that a name such as `raidz2-0` tells.
fn digit(name: &str, word: &str) -> Option<u8> {
    let digits = name.strip_prefix(word)?;
    digits
        .split(|letter: char| !letter.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

/// The shape that a name such as `draid2:8d:12c:1s-0` tells.
fn draid(name: &str) -> VdevKind {
    let number = |unit: char| {
        let mut words = name.split(['-', ':']);
        words.find_map(|word| word.strip_suffix(unit)?.parse().ok())
    };
    VdevKind::Draid {
        parity: digit(name, "draid").unwrap_or(1),
        data: number('d').unwrap_or(0),
        spares: number('s').unwrap_or(0),
    }
}

pub(super) fn state(health: &Health) -> DeviceState {
    match health {
        Health::Online => DeviceState::Online,
        Health::Degraded => DeviceState::Degraded,
        Health::Faulted => DeviceState::Faulted,
        Health::Offline => DeviceState::Offline,
        Health::Removed => DeviceState::Removed,
        Health::Suspended => DeviceState::Suspended,
        Health::Available => DeviceState::Available,
        Health::InUse => DeviceState::InUse,
        Health::Unavailable | Health::Other(_) | Health::Unknown => DeviceState::Unavailable,
    }
}

/// What runs, or what was the last.
fn scan(status: &Status) -> Option<Scan> {
    let scan = status.scan.as_ref().and_then(|scan| {
        let kind = if scan.function == Function::Resilver {
            ScanKind::Resilver
        } else {
            ScanKind::Scrub
        };
        job(
            kind,
            scan.state,
            (scan.started, scan.ended),
            (scan.issued, scan.to_examine),
            scan.errors,
        )
    });
    let again = status
        .scan
        .as_ref()
        .and_then(|scan| scan.error_scrub.as_ref())
        .and_then(|scan| {
            let times = (scan.started, scan.ended);
            job(
                ScanKind::ErrorScrub,
                scan.state,
                times,
                (scan.examined, scan.to_examine),
                0,
            )
        });
    let expansion = status.expansion.as_ref().and_then(|job_of: &Expansion| {
        let times = (job_of.started, job_of.ended);
        job(
            ScanKind::Expansion,
            job_of.state,
            times,
            (job_of.moved, job_of.to_move),
            0,
        )
    });
    let removal = status.removal.as_ref().and_then(|job_of: &Removal| {
        let times = (job_of.started, job_of.ended);
        job(
            ScanKind::Removal,
            job_of.state,
            times,
            (job_of.moved, job_of.to_move),
            0,
        )
    });
    let all = [scan, again, expansion, removal].into_iter().flatten();
    all.max_by_key(|job| {
        (
            job.state == ScanState::Running || job.state == ScanState::Paused,
            job.began,
        )
    })
}

fn job(
    kind: ScanKind,
    state: State,
    (began, ended): (Option<u64>, Option<u64>),
    (done, total): (u64, u64),
    errors: u64,
) -> Option<Scan> {
    let state = match state {
        State::Running => ScanState::Running,
        State::Paused => ScanState::Paused,
        State::Finished => ScanState::Finished,
        State::Cancelled => ScanState::Stopped,
        State::None => return None,
    };
    let over = matches!(state, ScanState::Finished | ScanState::Stopped);
    Some(Scan {
        kind,
        state,
        began: began.and_then(signed).unwrap_or(0),
        ended: ended.and_then(signed).filter(|_| over),
        done: if state == ScanState::Finished { total } else { done },
        total,
        errors,
    })
}

fn signed(seconds: u64) -> Option<i64> {
    i64::try_from(seconds).ok()
}

fn damaged(entry: &Damaged) -> String {
    match entry {
        Damaged::File { dataset, path } => format!("{dataset}:{path}"),
        Damaged::Object { dataset, object } => format!("{dataset}:<0x{object:x}>"),
        Damaged::Metadata { object } => format!("<metadata>:<0x{object:x}>"),
        Damaged::Other(text) => text.clone(),
    }
}
