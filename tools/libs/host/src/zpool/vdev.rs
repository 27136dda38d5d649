//! Virtual devices of a pool (zpoolconcepts(7)), as zpool-status(8) describes them.

use serde::Deserialize;

use crate::json;

/// The state of a pool or a vdev.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum Health {
    /// It works.
    Online,
    /// It works with less redundancy than it should have.
    Degraded,
    /// It has failed.
    Faulted,
    /// An administrator took it offline.
    Offline,
    /// It cannot be opened.
    Unavailable,
    /// It was pulled out.
    Removed,
    /// The pool waits for its devices; what writes to it hangs.
    Suspended,
    /// A spare that waits.
    Available,
    /// A spare that stands in for a device.
    InUse,
    /// Another word.
    Other(String),
    /// Nothing was printed.
    #[default]
    Unknown,
}

impl From<String> for Health {
    fn from(word: String) -> Self {
        match word.as_str() {
            "ONLINE" => Self::Online,
            "DEGRADED" => Self::Degraded,
            "FAULTED" => Self::Faulted,
            "OFFLINE" => Self::Offline,
            "UNAVAIL" | "CANT_OPEN" => Self::Unavailable,
            "REMOVED" => Self::Removed,
            "SUSPENDED" => Self::Suspended,
            "AVAIL" => Self::Available,
            "INUSE" => Self::InUse,
            "" => Self::Unknown,
            _ => Self::Other(word),
        }
    }
}

/// What a vdev is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum Kind {
    /// The pool itself.
    Root,
    /// A mirror of its children.
    Mirror,
    /// RAID-Z over its children; the name says which (`raidz2-0`).
    Raidz,
    /// Distributed RAID; the name says which (`draid1:2d:6c:1s-0`).
    Draid,
    /// A disk, or a partition of one.
    Disk,
    /// A file.
    File,
    /// A device and the one that replaces it.
    Replacing,
    /// A device and the spare that stands in for it.
    Spare,
    /// A spare that is spread over the disks of a draid.
    DistributedSpare,
    /// What is left of a vdev that was removed, or a hole in the numbering.
    Indirect,
    /// A vdev that cannot be found.
    Missing,
    /// Another word.
    Other(String),
    /// Nothing was printed.
    #[default]
    Unknown,
}

impl From<String> for Kind {
    fn from(word: String) -> Self {
        match word.as_str() {
            "root" => Self::Root,
            "mirror" => Self::Mirror,
            "raidz" => Self::Raidz,
            "draid" => Self::Draid,
            "disk" => Self::Disk,
            "file" => Self::File,
            "replacing" => Self::Replacing,
            "spare" => Self::Spare,
            "dspare" => Self::DistributedSpare,
            "indirect" | "hole" => Self::Indirect,
            "missing" => Self::Missing,
            "" => Self::Unknown,
            _ => Self::Other(word),
        }
    }
}

/// A job that goes through all of a device: trimming it, or writing to its free space once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pass {
    /// How far it is.
    pub state: PassState,
    /// Bytes that are done.
    pub done: u64,
    /// Bytes to do in all.
    pub total: u64,
    /// When its state changed last, in Unix seconds.
    pub time: Option<u64>,
}

/// How far a [`Pass`] is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PassState {
    /// It was never asked for, or the device cannot do it.
    #[default]
    Never,
    /// It runs.
    Running,
    /// It waits to be continued.
    Suspended,
    /// It was given up.
    Cancelled,
    /// It is done.
    Done,
}

impl PassState {
    fn of(word: &str) -> Self {
        match word {
            "ACTIVE" => Self::Running,
            "SUSPENDED" => Self::Suspended,
            "CANCELED" => Self::Cancelled,
            "COMPLETE" => Self::Done,
            _ => Self::Never,
        }
    }
}

/// A vdev with its children.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Printed")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that do not depend on each other"
)]
pub struct Vdev {
    /// Name: that of its kind with a number, a path, or the number of a device that is missing. zpool(8) takes it as the name of
    /// the vdev.
    pub name: String,
    /// What it is made of.
    pub kind: Kind,
    /// Its number, for good.
    pub guid: u64,
    /// State.
    pub health: Health,
    /// Why it has failed, as ZFS names it, such as `CORRUPT_DATA`.
    pub reason: Option<String>,
    /// Path of a device.
    pub path: Option<String>,
    /// Path by its plug.
    pub phys_path: Option<String>,
    /// Its name by serial number.
    pub devid: Option<String>,
    /// Path at which a device was that cannot be found now.
    pub was: Option<String>,
    /// Bytes that it can hold; parity of RAID-Z and draid included.
    pub size: u64,
    /// Bytes that are taken.
    pub allocated: u64,
    /// Bytes of the device itself.
    pub device_size: u64,
    /// Bytes by which it could grow.
    pub expandable: u64,
    /// Reads that failed.
    pub read_errors: u64,
    /// Writes that failed.
    pub write_errors: u64,
    /// Blocks whose checksum was wrong.
    pub checksum_errors: u64,
    /// Requests that took longer than 30 seconds.
    pub slow_ios: u64,
    /// Bytes that the current or last scan wrote to it.
    pub repaired: u64,
    /// Whether it is the goal of a resilver that runs.
    pub resilvering: bool,
    /// Whether a resilver of it waits for the one that runs.
    pub resilver_deferred: bool,
    /// Whether it is being removed.
    pub removing: bool,
    /// Whether nothing new is allocated on it.
    pub no_allocations: bool,
    /// Whether it can be trimmed.
    pub can_trim: bool,
    /// Its trimming.
    pub trim: Pass,
    /// Its initialising.
    pub initialize: Pass,
    /// What it is made of.
    pub children: Vec<Vdev>,
}

impl Vdev {
    /// It and everything below it, each vdev before its children.
    pub fn with_descendants(&self) -> Vec<&Self> {
        let mut found = vec![self];
        let mut next = 0;
        while let Some(vdev) = found.get(next).copied() {
            next += 1;
            // Right behind their parent, so that the order is that of the tree.
            found.splice(next..next, &vdev.children);
        }
        found
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that do not depend on each other"
)]
struct Printed {
    name: String,
    vdev_type: Kind,
    #[serde(deserialize_with = "json::count")]
    guid: u64,
    state: Health,
    aux: Option<String>,
    path: Option<String>,
    phys_path: Option<String>,
    devid: Option<String>,
    was: Option<String>,
    #[serde(deserialize_with = "json::count")]
    total_space: u64,
    #[serde(deserialize_with = "json::count")]
    alloc_space: u64,
    #[serde(deserialize_with = "json::count")]
    phys_space: u64,
    #[serde(deserialize_with = "json::count")]
    ex_dev_size: u64,
    #[serde(deserialize_with = "json::count")]
    read_errors: u64,
    #[serde(deserialize_with = "json::count")]
    write_errors: u64,
    #[serde(deserialize_with = "json::count")]
    checksum_errors: u64,
    #[serde(deserialize_with = "json::count")]
    slow_ios: u64,
    #[serde(deserialize_with = "json::count")]
    scan_processed: u64,
    #[serde(deserialize_with = "json::truth")]
    resilvering: bool,
    #[serde(deserialize_with = "json::truth")]
    resilver_deferred: bool,
    #[serde(deserialize_with = "json::truth")]
    removing: bool,
    #[serde(deserialize_with = "json::truth")]
    noalloc: bool,
    #[serde(deserialize_with = "json::truth")]
    trim_notsup: bool,
    trim_state: String,
    #[serde(deserialize_with = "json::count")]
    trimmed: u64,
    #[serde(deserialize_with = "json::count")]
    to_trim: u64,
    #[serde(deserialize_with = "json::time")]
    trim_time: Option<u64>,
    init_state: String,
    #[serde(deserialize_with = "json::count")]
    initialized: u64,
    #[serde(deserialize_with = "json::count")]
    to_initialize: u64,
    #[serde(deserialize_with = "json::time")]
    init_time: Option<u64>,
    #[serde(deserialize_with = "json::values")]
    vdevs: Vec<Vdev>,
}

impl From<Printed> for Vdev {
    fn from(printed: Printed) -> Self {
        Self {
            name: printed.name,
            kind: printed.vdev_type,
            guid: printed.guid,
            health: printed.state,
            reason: printed.aux,
            path: printed.path,
            phys_path: printed.phys_path,
            devid: printed.devid,
            was: printed.was,
            size: printed.total_space,
            allocated: printed.alloc_space,
            device_size: printed.phys_space,
            expandable: printed.ex_dev_size,
            read_errors: printed.read_errors,
            write_errors: printed.write_errors,
            checksum_errors: printed.checksum_errors,
            slow_ios: printed.slow_ios,
            repaired: printed.scan_processed,
            resilvering: printed.resilvering,
            resilver_deferred: printed.resilver_deferred,
            removing: printed.removing,
            no_allocations: printed.noalloc,
            can_trim: !printed.trim_notsup,
            trim: Pass {
                state: PassState::of(&printed.trim_state),
                done: printed.trimmed,
                total: printed.to_trim,
                time: printed.trim_time,
            },
            initialize: Pass {
                state: PassState::of(&printed.init_state),
                done: printed.initialized,
                total: printed.to_initialize,
                time: printed.init_time,
            },
            children: printed.vdevs,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_of_a_pass() {
        for (word, state) in [
            ("UNTRIMMED", PassState::Never),
            ("UNINITIALIZED", PassState::Never),
            ("ACTIVE", PassState::Running),
            ("SUSPENDED", PassState::Suspended),
            ("CANCELED", PassState::Cancelled),
            ("COMPLETE", PassState::Done),
        ] {
            assert_eq!(PassState::of(word), state, "{word}");
        }
    }
}
