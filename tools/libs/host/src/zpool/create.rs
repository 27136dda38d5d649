//! Making pools and adding to them: zpool-create(8), zpool-add(8), zpoolconcepts(7).

use super::command::{option, settings, zpool};
use crate::run::Invocation;
use crate::zfs::key::Key;

/// What a group of devices is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The data.
    Data,
    /// The intent log of synchronous writes.
    Log,
    /// A second level of the read cache.
    Cache,
    /// Metadata and small blocks.
    Special,
    /// The tables of deduplication.
    Dedup,
    /// Devices that step in for others.
    Spare,
}

impl Purpose {
    const fn word(self) -> Option<&'static str> {
        match self {
            Self::Data => None,
            Self::Log => Some("log"),
            Self::Cache => Some("cache"),
            Self::Special => Some("special"),
            Self::Dedup => Some("dedup"),
            Self::Spare => Some("spare"),
        }
    }
}

/// How a group of devices survives the loss of some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redundancy {
    /// It does not: each device is a vdev of its own.
    None,
    /// Every device holds everything.
    Mirror,
    /// So many devices may be lost: 1, 2 or 3.
    Raidz {
        /// Devices that may be lost.
        parity: u8,
    },
    /// The same, with spares spread over all devices.
    Draid {
        /// Devices that may be lost: 1, 2 or 3.
        parity: u8,
        /// Data devices of a redundancy group.
        data: u16,
        /// Devices in all.
        children: u16,
        /// Distributed spares.
        spares: u16,
    },
}

impl Redundancy {
    fn word(self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Mirror => Some("mirror".to_owned()),
            Self::Raidz { parity } => Some(format!("raidz{parity}")),
            Self::Draid {
                parity,
                data,
                children,
                spares,
            } => Some(format!("draid{parity}:{data}d:{children}c:{spares}s")),
        }
    }
}

/// Devices that become one vdev, or several without redundancy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group<'a> {
    /// What they are for.
    pub purpose: Purpose,
    /// How they survive the loss of some.
    pub redundancy: Redundancy,
    /// Their paths, absolute.
    pub devices: &'a [String],
}

/// The words of a command line that describe groups. Data comes first, because a purpose holds for all that follows it.
fn words(groups: &[Group<'_>]) -> Vec<String> {
    let (data, others): (Vec<_>, Vec<_>) = groups.iter().partition(|group| group.purpose == Purpose::Data);
    let words = data.into_iter().chain(others).flat_map(|group: &Group<'_>| {
        let purpose = group.purpose.word().map(str::to_owned);
        let kind = group.redundancy.word();
        purpose
            .into_iter()
            .chain(kind)
            .chain(group.devices.iter().cloned())
    });
    words.collect()
}

/// A pool to be created.
#[derive(Debug, Clone, Copy, Default)]
pub struct Creation<'a> {
    /// Name. ZFS wants a letter first, and refuses the words of vdevs.
    pub name: &'a str,
    /// Its devices.
    pub groups: &'a [Group<'a>],
    /// Properties of the pool (zpoolprops(7)).
    pub properties: &'a [(&'a str, &'a str)],
    /// Properties of its root dataset (zfsprops(7)).
    pub root_properties: &'a [(&'a str, &'a str)],
    /// Folder below which its file systems are mounted until it is exported.
    pub altroot: Option<&'a str>,
    /// The key of an encrypted root dataset: bytes when its `keylocation` is `prompt`.
    pub key: Key<'a>,
    /// Take devices that look used, and groups of differing redundancy.
    pub force: bool,
    /// Say what would be done, and do nothing.
    pub dry_run: bool,
}

/// Creates a pool (zpool-create(8)).
pub fn create_pool(pool: &Creation<'_>) -> Invocation {
    let create = zpool("create")
        .args(option(pool.force, "-f"))
        .args(option(pool.dry_run, "-n"))
        .args(pool.altroot.into_iter().flat_map(|folder| ["-R", folder]))
        .args(settings("-o", pool.properties))
        .args(settings("-O", pool.root_properties))
        .args(["--", pool.name])
        .args(words(pool.groups));
    pool.key.given_to(create)
}

/// Adds vdevs to a pool (zpool-add(8)). What is added to the data is there for good, but for mirrors and single devices.
pub fn add(pool: &str, groups: &[Group<'_>], force: bool, dry_run: bool) -> Invocation {
    zpool("add")
        .args(option(force, "-f"))
        .args(option(dry_run, "-n"))
        .args(["--", pool])
        .args(words(groups))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| format!("/dev/{name}")).collect()
    }

    #[test]
    fn a_pool_of_everything() {
        let (cache, data, log) = (paths(&["g"]), paths(&["a", "b"]), paths(&["e", "f"]));
        let group = |purpose, redundancy, devices| Group {
            purpose,
            redundancy,
            devices,
        };
        let groups = [
            group(Purpose::Cache, Redundancy::None, &cache[..]),
            group(Purpose::Data, Redundancy::Mirror, &data[..]),
            group(Purpose::Log, Redundancy::Mirror, &log[..]),
        ];
        let pool = Creation {
            name: "tank",
            groups: &groups,
            properties: &[("ashift", "12"), ("comment", "the big one")],
            root_properties: &[("mountpoint", "none")],
            altroot: Some("/run/alt"),
            key: Key::Location,
            force: true,
            dry_run: false,
        };
        assert_eq!(
            create_pool(&pool).quoted(),
            "zpool create -f -R /run/alt -o ashift=12 -o 'comment=the big one' -O mountpoint=none -- tank \
             mirror /dev/a /dev/b cache /dev/g log mirror /dev/e /dev/f"
        );
        assert_eq!(
            add("tank", &groups[..1], false, true).quoted(),
            "zpool add -n -- tank cache /dev/g"
        );
    }

    #[test]
    fn words_of_redundancy() {
        let draid = Redundancy::Draid {
            parity: 1,
            data: 2,
            children: 6,
            spares: 1,
        };
        for (redundancy, word) in [
            (Redundancy::None, None),
            (Redundancy::Mirror, Some("mirror")),
            (Redundancy::Raidz { parity: 3 }, Some("raidz3")),
            (draid, Some("draid1:2d:6c:1s")),
        ] {
            assert_eq!(redundancy.word().as_deref(), word);
        }
    }
}
