//! Making and changing datasets: zfs-create(8), -destroy, -rename, -set, -inherit, -mount.

use super::command::{option, settings, zfs};
use super::key::Key;
use crate::run::Invocation;

/// A dataset to be created.
#[derive(Debug, Clone, Copy, Default)]
pub struct Creation<'a> {
    /// Name.
    pub name: &'a str,
    /// Bytes of a volume; none for a file system.
    pub volume: Option<u64>,
    /// Whether a volume takes space only as it is written.
    pub sparse: bool,
    /// Make the datasets above it too, where they are missing.
    pub parents: bool,
    /// Mount nothing.
    pub no_mount: bool,
    /// Properties (zfsprops(7)).
    pub properties: &'a [(&'a str, &'a str)],
    /// Its key: bytes when `keylocation` is `prompt`.
    pub key: Key<'a>,
}

/// Creates a file system or a volume.
pub fn create(dataset: &Creation<'_>) -> Invocation {
    let size = dataset.volume.map(|bytes| bytes.to_string());
    let create = zfs("create")
        .args(option(dataset.parents, "-p"))
        .args(option(dataset.no_mount, "-u"))
        .args(option(dataset.sparse, "-s"))
        .args(settings(dataset.properties))
        .args(size.into_iter().flat_map(|bytes| ["-V".to_owned(), bytes]))
        .args(["--", dataset.name]);
    dataset.key.given_to(create)
}

/// How far a destroy goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// What was named.
    Only,
    /// What lies below it too, snapshots included; of a snapshot: those of this name below its dataset.
    Below,
    /// Clones of its snapshots too, wherever they are, with everything below them.
    BelowAndClones,
}

/// Destroys a dataset, a snapshot, or several snapshots of one dataset (`tank@a%c,e`).
pub fn destroy(name: &str, reach: Reach) -> Invocation {
    zfs("destroy").args(letter(reach)).args(["--", name])
}

/// Says what [`destroy`] would destroy.
pub fn plan_destroy(name: &str, reach: Reach) -> Invocation {
    zfs("destroy")
        .args(["-n", "-v", "-p"])
        .args(letter(reach))
        .args(["--", name])
}

const fn letter(reach: Reach) -> Option<&'static str> {
    match reach {
        Reach::Only => None,
        Reach::Below => Some("-r"),
        Reach::BelowAndClones => Some("-R"),
    }
}

/// What a destroy would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Destruction {
    /// The datasets and snapshots that would be gone.
    pub names: Vec<String>,
    /// Bytes that would become free, where ZFS says it.
    pub reclaimed: Option<u64>,
}

/// What [`plan_destroy`] printed. Where it also failed, the names are not all.
pub fn parse_destruction(text: &str) -> Destruction {
    let mut destruction = Destruction::default();
    for line in text.lines() {
        match line.split_once('\t') {
            Some(("destroy", name)) => destruction.names.push(name.to_owned()),
            Some(("reclaim", bytes)) => destruction.reclaimed = bytes.parse().ok(),
            _ => {}
        }
    }
    destruction
}

/// Renames a dataset or a snapshot. With `keep_mounted`, file systems are not mounted at their new places.
pub fn rename(from: &str, to: &str, keep_mounted: bool, force: bool) -> Invocation {
    zfs("rename")
        .args(option(force, "-f"))
        .args(option(keep_mounted, "-u"))
        .args(["--", from, to])
}

/// Sets properties of a dataset, all or none of them.
pub fn set(dataset: &str, properties: &[(&str, &str)]) -> Invocation {
    zfs("set")
        .arg("--")
        .args(properties.iter().map(|(name, value)| format!("{name}={value}")))
        .arg(dataset)
}

/// Lets a dataset inherit a property again. With `received`, the value that came with a stream counts, where there is one.
pub fn inherit(dataset: &str, property: &str, received: bool, recursive: bool) -> Invocation {
    zfs("inherit")
        .args(option(recursive, "-r"))
        .args(option(received, "-S"))
        .args(["--", property, dataset])
}

/// Mounts a file system.
pub fn mount(dataset: &str) -> Invocation {
    zfs("mount").args(["--", dataset])
}

/// Mounts a file system and those below it, as far as they mount by themselves.
pub fn mount_tree(dataset: &str) -> Invocation {
    zfs("mount").args(["-R", "--", dataset])
}

/// Unmounts a file system and those below it.
pub fn unmount(dataset: &str, force: bool) -> Invocation {
    zfs("unmount").args(option(force, "-f")).args(["--", dataset])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let volume = Creation {
            name: "tank/-v",
            volume: Some(1 << 30),
            sparse: true,
            parents: true,
            no_mount: true,
            properties: &[("volblocksize", "16K"), ("org.sigmavault:note", "a b")],
            key: Key::Location,
        };
        for (invocation, line) in [
            (
                create(&volume),
                "create -p -u -s -o volblocksize=16K -o 'org.sigmavault:note=a b' -V 1073741824 -- tank/-v",
            ),
            (destroy("-r", Reach::Only), "destroy -- -r"),
            (destroy("tank/a", Reach::Below), "destroy -r -- tank/a"),
            (
                plan_destroy("tank/a", Reach::BelowAndClones),
                "destroy -n -v -p -R -- tank/a",
            ),
            (
                rename("tank/a", "tank/b", true, false),
                "rename -u -- tank/a tank/b",
            ),
            (
                set("tank/a", &[("quota", "1073741824"), ("atime", "off")]),
                "set -- quota=1073741824 atime=off tank/a",
            ),
            (
                inherit("tank/a", "compression", true, false),
                "inherit -S -- compression tank/a",
            ),
            (mount("-a"), "mount -- -a"),
            (unmount("-a", true), "unmount -f -- -a"),
        ] {
            assert_eq!(invocation.quoted(), format!("zfs {line}"));
        }
    }

    #[test]
    fn a_key_is_input() {
        let diary = Creation {
            name: "tank/diary",
            properties: &[("encryption", "on"), ("keyformat", "passphrase")],
            key: Key::Bytes(b"correct horse"),
            ..Creation::default()
        };
        let invocation = create(&diary);
        assert!(!format!("{invocation:?}").contains("horse"));
        assert_eq!(invocation.standard_input().bytes(), b"correct horse");
    }
}
