//! Pools as the installer and the command line need them: names, sizes, members, and an export.

use crate::run::Invocation;

/// Lists the names of the imported pools.
pub fn list_names() -> Invocation {
    Invocation::new("zpool").args(["list", "-H", "-o", "name"])
}

/// The names that [`list_names`] printed.
pub use crate::parse::lines as parse_names;

/// Lists the imported pools with their sizes in bytes.
pub fn list_sizes() -> Invocation {
    Invocation::new("zpool").args(["list", "-H", "-p", "-o", "name,size,allocated"])
}

/// A pool with its sizes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolSize {
    /// Name.
    pub name: String,
    /// Size in bytes, redundancy included.
    pub size: u64,
    /// Bytes in use, redundancy included.
    pub allocated: u64,
}

/// The pools that [`list_sizes`] printed. A size that is no number is 0, as it is for a pool that has failed.
pub fn parse_sizes(text: &str) -> Vec<PoolSize> {
    let pool = |line: &str| {
        let mut words = line.split('\t');
        let name = words.next().filter(|name| !name.is_empty())?.to_owned();
        let mut bytes = || words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        let (size, allocated) = (bytes(), bytes());
        Some(PoolSize {
            name,
            size,
            allocated,
        })
    };
    text.lines().filter_map(pool).collect()
}

/// Lists the vdevs of a pool, members by their full path.
pub fn list_vdevs(pool: &str) -> Invocation {
    Invocation::new("zpool").args(["list", "-v", "-H", "-P", "-L", pool])
}

/// Paths of the members that [`list_vdevs`] printed, hot spares, caches and logs included.
pub fn parse_members(text: &str) -> Vec<String> {
    // A vdev's line begins with a tab, a member's name is a path.
    text.lines()
        .filter_map(|line| line.strip_prefix('\t')?.split('\t').next())
        .map(str::trim)
        .filter(|name| name.starts_with('/'))
        .map(str::to_owned)
        .collect()
}

/// Exports a pool.
pub fn export(pool: &str) -> Invocation {
    Invocation::new("zpool").args(["export", pool])
}

/// Clears the label of a device that was a member of a pool.
pub fn clear_label(device: &str) -> Invocation {
    Invocation::new("zpool").args(["labelclear", "-f", device])
}

/// A pool to be created.
#[derive(Debug, Clone, Copy)]
pub struct NewPool<'a> {
    /// Name.
    pub name: &'a str,
    /// Folder below which its file systems are mounted until it is exported.
    pub altroot: &'a str,
    /// Properties of the pool (zpoolprops(7)), `name=value`.
    pub properties: &'a [&'a str],
    /// Properties of its file systems (zfsprops(7)), `name=value`.
    pub file_system_properties: &'a [&'a str],
    /// Kinds of vdevs and their devices, as zpool-create(8) takes them.
    pub vdevs: &'a [String],
}

/// Creates a pool, on devices that were used before too.
pub fn create(pool: &NewPool<'_>) -> Invocation {
    let options = |letter, properties: &[&str]| -> Vec<String> {
        properties
            .iter()
            .flat_map(|property| [letter, *property].map(str::to_owned))
            .collect()
    };
    Invocation::new("zpool")
        .args(["create", "-f", "-R", pool.altroot])
        .args(options("-o", pool.properties))
        .args(options("-O", pool.file_system_properties))
        .arg(pool.name)
        .args(pool.vdevs)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VDEVS: &str = "tank\t928G\t1G\t927G\t-\t-\t0%\t0%\t1.00x\tONLINE\t-\n\
        \tmirror-0\t928G\t1G\t927G\t-\t-\t0%\t0.1%\t-\tONLINE\n\
        \t/dev/sda1\t931G\t-\t-\t-\t-\t-\t-\t-\tONLINE\n\
        \t/dev/sdb1\t931G\t-\t-\t-\t-\t-\t-\t-\tONLINE\n\
        spare\t-\t-\t-\t-\t-\t-\t-\t-\t-\n\
        \t/dev/sdc1\t931G\t-\t-\t-\t-\t-\t-\t-\tAVAIL\n";

    #[test]
    fn members_are_the_paths() {
        assert_eq!(parse_members(VDEVS), ["/dev/sda1", "/dev/sdb1", "/dev/sdc1"]);
        assert_eq!(parse_members(""), [""; 0]);
    }

    #[test]
    fn names_and_sizes() {
        assert_eq!(parse_names("tank\nbackup\n\n"), ["tank", "backup"]);
        let pool = |name: &str, size, allocated| PoolSize {
            name: name.to_owned(),
            size,
            allocated,
        };
        assert_eq!(
            parse_sizes("tank\t996432412672\t1073741824\nlost\t-\t-\n\n"),
            [pool("tank", 996_432_412_672, 1 << 30), pool("lost", 0, 0)]
        );
    }

    #[test]
    fn creation() {
        let pool = NewPool {
            name: "tank",
            altroot: "/run/pool",
            properties: &["ashift=12", "autotrim=on"],
            file_system_properties: &["compression=lz4"],
            vdevs: &["mirror", "/dev/sda", "/dev/sdb"].map(str::to_owned),
        };
        assert_eq!(
            create(&pool).quoted(),
            "zpool create -f -R /run/pool -o ashift=12 -o autotrim=on -O compression=lz4 tank mirror /dev/sda /dev/sdb"
        );
    }

    proptest! {
        #[test]
        fn no_output_panics(text in "(\t|/dev/|[0-9a-z]|\\PC|\n){0,40}") {
            let _ = (parse_names(&text), parse_sizes(&text), parse_members(&text));
        }
    }
}
