//! How much memory is available to this process.

use std::path::Path;

use sigmavault_facts::{Files, meminfo};

/// Where version 2 control groups are mounted.
const GROUPS: &str = "/sys/fs/cgroup";

/// Bytes available to this process: within the system, counting the part of the ZFS cache above its minimum size, and within its
/// control group. `None` if the system does not report it.
pub fn memory(files: &Files) -> Option<u64> {
    let available = meminfo::parse(&files.text("/proc/meminfo").ok()?)
        .ok()?
        .available_bytes;
    let cache = files.text("/proc/spl/kstat/zfs/arcstats");
    let cache = cache.ok().and_then(|text| zfs_cache(&text)).unwrap_or(0);
    let system = available.saturating_add(cache);
    Some(group(files).map_or(system, |group| group.min(system)))
}

/// Whether the system grants transparent huge pages on request.
pub fn gives_huge_pages(files: &Files) -> bool {
    let setting = files.text("/sys/kernel/mm/transparent_hugepage/enabled");
    setting.is_ok_and(|text| !text.contains("[never]"))
}

/// The part of the ZFS cache that is released under memory pressure; the kernel does not count it as available.
fn zfs_cache(text: &str) -> Option<u64> {
    let field = |name: &str| {
        text.lines().find_map(|line| {
            let mut words = line.split_ascii_whitespace();
            (words.next()? == name)
                .then(|| words.nth(1))??
                .parse::<u64>()
                .ok()
        })
    };
    Some(field("size")?.saturating_sub(field("c_min")?))
}

/// What the control group of this process has left, counting its page cache. `None` without a limit.
fn group(files: &Files) -> Option<u64> {
    let groups = files.text("/proc/self/cgroup").ok()?;
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let folder = Path::new(GROUPS).join(own);
    let read = |name: &str| files.text(folder.join(name)).ok();
    let limit: u64 = read("memory.max")?.trim().parse().ok()?;
    let current: u64 = read("memory.current")?.trim().parse().ok()?;
    let stat = read("memory.stat").unwrap_or_default();
    let cached: u64 = stat
        .lines()
        .filter_map(|line| {
            let (name, bytes) = line.split_once(' ')?;
            matches!(name, "active_file" | "inactive_file").then(|| bytes.parse::<u64>().ok())?
        })
        .sum();
    Some(limit.saturating_sub(current.saturating_sub(cached)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn the_system_its_zfs_cache_and_the_control_group_count() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(folder.path());
        let write = |path, text| write(folder.path(), path, text);
        assert_eq!(memory(&files), None);
        write("proc/meminfo", "MemTotal: 8000 kB\nMemAvailable: 1000 kB\n");
        assert_eq!(memory(&files), Some(1_024_000));
        write(
            "proc/spl/kstat/zfs/arcstats",
            "9 1 0x01 147 39984 1 2\nname type data\nsize 4 5000000\nc 4 7\nc_min 4 1000000\n",
        );
        assert_eq!(memory(&files), Some(5_024_000));
        write("proc/self/cgroup", "1:cpu:/x\n0::/system.slice/a.service\n");
        write("sys/fs/cgroup/system.slice/a.service/memory.max", "max\n");
        write("sys/fs/cgroup/system.slice/a.service/memory.current", "3000\n");
        assert_eq!(memory(&files), Some(5_024_000), "no limit");
        write("sys/fs/cgroup/system.slice/a.service/memory.max", "4000\n");
        assert_eq!(memory(&files), Some(1000));
        write(
            "sys/fs/cgroup/system.slice/a.service/memory.stat",
            "anon 1000\nfile 2000\ninactive_file 500\nactive_file 1500\n",
        );
        assert_eq!(memory(&files), Some(3000));
    }

    #[test]
    fn huge_pages_are_given_unless_never() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(folder.path());
        assert!(!gives_huge_pages(&files));
        for (text, expected) in [
            ("[always] madvise never\n", true),
            ("always [madvise] never\n", true),
            ("always madvise [never]\n", false),
        ] {
            write(folder.path(), "sys/kernel/mm/transparent_hugepage/enabled", text);
            assert_eq!(gives_huge_pages(&files), expected, "{text}");
        }
    }
}
