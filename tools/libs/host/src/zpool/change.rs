//! Changing the devices of a pool: zpool-attach(8), -detach, -replace, -remove, -offline, -online, -clear, -labelclear.
//!
//! A device is named as `zpool status` names it, or by its guid.

use super::command::{option, settings, zpool};
use crate::run::Invocation;

/// Attaches a device: to a device, which becomes a mirror or a wider one, or to a RAID-Z vdev, which is expanded by it.
/// With `sequential`, a mirror is rebuilt in the order of the disk, without checksums, and a scrub follows.
pub fn attach(pool: &str, to: &str, device: &str, sequential: bool, force: bool) -> Invocation {
    zpool("attach")
        .args(option(force, "-f"))
        .args(option(sequential, "-s"))
        .args(["--", pool, to, device])
}

/// Takes a device out of a mirror; also ends a replacement, or sends a spare back.
pub fn detach(pool: &str, device: &str) -> Invocation {
    zpool("detach").args(["--", pool, device])
}

/// Replaces a device by another, or by itself when there is a new disk in its place.
pub fn replace(pool: &str, device: &str, by: Option<&str>, sequential: bool, force: bool) -> Invocation {
    zpool("replace")
        .args(option(force, "-f"))
        .args(option(sequential, "-s"))
        .args(["--", pool, device])
        .args(by)
}

/// Removes a vdev: its data goes to the others. Logs, caches and spares go at once. With `dry_run`, says how much memory the
/// table of where everything is would take.
pub fn remove(pool: &str, vdev: &str, dry_run: bool) -> Invocation {
    zpool("remove")
        .args(dry_run.then_some(["-n", "-p"]).into_iter().flatten())
        .args(["--", pool, vdev])
}

/// Ends a removal that runs.
pub fn stop_removal(pool: &str) -> Invocation {
    zpool("remove").args(["-s", "--", pool])
}

/// Takes a device offline, for good or until the next start.
pub fn offline(pool: &str, device: &str, until_restart: bool) -> Invocation {
    zpool("offline")
        .args(option(until_restart, "-t"))
        .args(["--", pool, device])
}

/// Brings a device back; with `expand`, all of a disk that has grown is used.
pub fn online(pool: &str, device: &str, expand: bool) -> Invocation {
    zpool("online")
        .args(option(expand, "-e"))
        .args(["--", pool, device])
}

/// Forgets the errors of a pool or of one device, and lets a suspended pool go on.
pub fn clear(pool: &str, device: Option<&str>) -> Invocation {
    zpool("clear").args(["--", pool]).args(device)
}

/// Makes a pool of its own of one disk of each mirror (zpool-split(8)).
pub fn split(pool: &str, new: &str, properties: &[(&str, &str)], dry_run: bool) -> Invocation {
    zpool("split")
        .args(option(dry_run, "-n"))
        .args(settings("-o", properties))
        .args(["--", pool, new])
}

/// Makes the checkpoint of a pool (zpool-checkpoint(8)); a pool has one at most, and its vdevs stay as they are meanwhile.
pub fn checkpoint(pool: &str) -> Invocation {
    zpool("checkpoint").args(["--", pool])
}

/// Discards the checkpoint.
pub fn discard_checkpoint(pool: &str) -> Invocation {
    zpool("checkpoint").args(["-d", "--", pool])
}

/// Enables every feature that ZFS knows (zpool-upgrade(8)): older systems cannot read the pool from then on.
pub fn upgrade(pool: &str) -> Invocation {
    zpool("upgrade").args(["--", pool])
}

/// Gives a pool another number (zpool-reguid(8)), so that a copy of its disks is another pool.
pub fn reguid(pool: &str) -> Invocation {
    zpool("reguid").args(["--", pool])
}

/// Exports a pool; with `force`, what is mounted is unmounted although it is used.
pub fn export_pool(pool: &str, force: bool) -> Invocation {
    zpool("export").args(option(force, "-f")).args(["--", pool])
}

/// Destroys a pool. Until its disks are used again, `zpool import -D` finds it.
pub fn destroy(pool: &str) -> Invocation {
    zpool("destroy").args(["--", pool])
}

/// Writes everything to the disks.
pub fn sync(pool: &str) -> Invocation {
    zpool("sync").args(["--", pool])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        for (invocation, line) in [
            (
                attach("tank", "raidz1-0", "/dev/d", false, true),
                "attach -f -- tank raidz1-0 /dev/d",
            ),
            (detach("tank", "123"), "detach -- tank 123"),
            (
                replace("tank", "123", Some("/dev/d"), true, false),
                "replace -s -- tank 123 /dev/d",
            ),
            (
                replace("tank", "/dev/c", None, false, false),
                "replace -- tank /dev/c",
            ),
            (remove("tank", "mirror-1", true), "remove -n -p -- tank mirror-1"),
            (remove("tank", "mirror-1", false), "remove -- tank mirror-1"),
            (stop_removal("tank"), "remove -s -- tank"),
            (offline("tank", "/dev/c", true), "offline -t -- tank /dev/c"),
            (online("tank", "/dev/c", true), "online -e -- tank /dev/c"),
            (clear("-F", None), "clear -- -F"),
            (
                split("tank", "copy", &[("altroot", "/mnt")], false),
                "split -o altroot=/mnt -- tank copy",
            ),
            (discard_checkpoint("tank"), "checkpoint -d -- tank"),
            (upgrade("-a"), "upgrade -- -a"),
            (export_pool("-a", true), "export -f -- -a"),
            (destroy("big pool"), "destroy -- 'big pool'"),
        ] {
            assert_eq!(invocation.quoted(), format!("zpool {line}"));
        }
    }
}
