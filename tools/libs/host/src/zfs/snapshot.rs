//! Snapshots, holds and clones: zfs-snapshot(8), -hold, -rollback, -clone, -promote, -bookmark.

use super::command::{option, settings, zfs};
use crate::run::Invocation;

/// Takes snapshots (`tank/photos@monday`), all at one moment; with `recursive`, of everything below too. Properties are those
/// of users (`org.sigmavault:kind`).
pub fn snapshot(names: &[&str], recursive: bool, properties: &[(&str, &str)]) -> Invocation {
    zfs("snapshot")
        .args(option(recursive, "-r"))
        .args(settings(properties))
        .arg("--")
        .args(names)
}

/// Holds snapshots by a tag: they cannot be destroyed before it is released.
pub fn hold(tag: &str, snapshots: &[&str], recursive: bool) -> Invocation {
    zfs("hold")
        .args(option(recursive, "-r"))
        .args(["--", tag])
        .args(snapshots)
}

/// Releases a hold.
pub fn release(tag: &str, snapshots: &[&str], recursive: bool) -> Invocation {
    zfs("release")
        .args(option(recursive, "-r"))
        .args(["--", tag])
        .args(snapshots)
}

/// Lists the holds of snapshots; with `recursive`, of those of the same name below too.
pub fn holds(snapshots: &[&str], recursive: bool) -> Invocation {
    zfs("holds")
        .args(["-H", "-p"])
        .args(option(recursive, "-r"))
        .arg("--")
        .args(snapshots)
}

/// A hold of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The snapshot.
    pub snapshot: String,
    /// The tag.
    pub tag: String,
    /// When it was made, in Unix seconds.
    pub made: u64,
}

/// What [`holds`] printed. A tag that holds a tab cannot be told apart.
pub fn parse_holds(text: &str) -> Vec<Hold> {
    let hold = |line: &str| {
        let (snapshot, rest) = line.split_once('\t')?;
        let (tag, made) = rest.rsplit_once('\t')?;
        Some(Hold {
            snapshot: snapshot.to_owned(),
            tag: tag.to_owned(),
            made: made.parse().ok()?,
        })
    };
    text.lines().filter_map(hold).collect()
}

/// Takes a dataset back to a snapshot. With `newer`, the snapshots and bookmarks after it are destroyed, without which ZFS
/// goes back only to the last.
pub fn rollback(snapshot: &str, newer: bool) -> Invocation {
    zfs("rollback").args(option(newer, "-r")).args(["--", snapshot])
}

/// Makes a dataset that begins as a snapshot is.
pub fn clone(snapshot: &str, name: &str, properties: &[(&str, &str)]) -> Invocation {
    zfs("clone")
        .args(settings(properties))
        .args(["--", snapshot, name])
}

/// Makes a clone the origin of what it was cloned from; the snapshots before it become its own.
///
/// `zfs promote` knows no `--`. It looks for options in its first word only, and takes a name that begins with `-` for one.
pub fn promote(clone: &str) -> Invocation {
    zfs("promote").arg(clone)
}

/// Keeps the place of a snapshot, so that what comes after it can be sent when it is gone.
pub fn bookmark(snapshot: &str, name: &str) -> Invocation {
    zfs("bookmark").args(["--", snapshot, name])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        for (invocation, line) in [
            (
                snapshot(
                    &["tank/-x@-y", "tank@a b"],
                    true,
                    &[("org.sigmavault:kind", "hourly")],
                ),
                "snapshot -r -o org.sigmavault:kind=hourly -- tank/-x@-y 'tank@a b'",
            ),
            (hold("-r", &["tank@a"], false), "hold -- -r tank@a"),
            (
                release("keep it", &["tank@a"], true),
                "release -r -- 'keep it' tank@a",
            ),
            (holds(&["tank@a"], true), "holds -H -p -r -- tank@a"),
            (rollback("tank@a", true), "rollback -r -- tank@a"),
            (
                clone("tank@a", "tank/b", &[("mountpoint", "none")]),
                "clone -o mountpoint=none -- tank@a tank/b",
            ),
            (promote("tank/b"), "promote tank/b"),
            (bookmark("tank@a", "tank#a"), "bookmark -- tank@a 'tank#a'"),
        ] {
            assert_eq!(invocation.quoted(), format!("zfs {line}"));
        }
    }
}
