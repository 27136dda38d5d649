//! The memory limit of the container around this system: cgroup v2 and v1.

use sigmavault_facts::Files;

/// Limits from here on mean "no limit": cgroup v1 gives the largest page-aligned number instead of a word.
const UNLIMITED: u64 = 1 << 60;

/// The smallest limit on the way from the root of the cgroup tree, as this system sees it, to this program.
///
/// Inside a container the root is the container's own group. The last step is left out when it is a service or scope
/// of systemd: a limit there is meant for this program alone and says nothing about the machine.
pub fn memory_limit(files: &Files) -> Option<u64> {
    let membership = files.text("/proc/self/cgroup").unwrap_or_default();
    let (v2, v1) = paths(&membership);
    let unified = groups(v2.as_deref().unwrap_or("/"))
        .into_iter()
        .filter_map(|group| limit(&files.text(format!("/sys/fs/cgroup{group}/memory.max")).ok()?));
    let legacy = groups(v1.as_deref().unwrap_or("/"))
        .into_iter()
        .filter_map(|group| {
            limit(
                &files
                    .text(format!("/sys/fs/cgroup/memory{group}/memory.limit_in_bytes"))
                    .ok()?,
            )
        });
    unified.chain(legacy).min()
}

/// Paths in `/proc/self/cgroup`: of the unified hierarchy, and of the memory controller of version 1.
fn paths(membership: &str) -> (Option<String>, Option<String>) {
    let mut found = (None, None);
    for line in membership.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(id), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        // A path outside of this system's view starts with "/..".
        let path = if path.split('/').any(|part| part == "..") {
            "/"
        } else {
            path
        };
        if id == "0" && controllers.is_empty() {
            found.0 = Some(path.to_owned());
        } else if controllers.split(',').any(|name| name == "memory") {
            found.1 = Some(path.to_owned());
        }
    }
    found
}

/// The group itself and those above, from the root ("") down, without a unit's own group.
fn groups(path: &str) -> Vec<String> {
    let mut names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
    if names
        .last()
        .is_some_and(|name| matches!(name.rsplit_once('.'), Some((_, "service" | "scope"))))
    {
        names.pop();
    }
    (0..=names.len())
        .map(|depth| names[..depth].iter().flat_map(|name| ["/", name]).collect())
        .collect()
}

fn limit(text: &str) -> Option<u64> {
    text.trim()
        .parse()
        .ok()
        .filter(|&bytes| bytes > 0 && bytes < UNLIMITED)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn tree(files: &[(&str, &str)]) -> Option<u64> {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        memory_limit(&Files::new(folder.path()))
    }

    #[test]
    fn container_with_v2() {
        assert_eq!(
            tree(&[
                ("proc/self/cgroup", "0::/\n"),
                ("sys/fs/cgroup/memory.max", "8589934592\n")
            ]),
            Some(8 << 30)
        );
    }

    #[test]
    fn container_with_v1() {
        assert_eq!(
            tree(&[
                (
                    "proc/self/cgroup",
                    "5:memory:/docker/4a\n1:name=systemd:/docker/4a\n"
                ),
                ("sys/fs/cgroup/memory/memory.limit_in_bytes", "8589934592\n")
            ]),
            Some(8 << 30)
        );
    }

    #[test]
    fn no_limit_in_either_version() {
        assert_eq!(tree(&[]), None);
        assert_eq!(
            tree(&[
                ("proc/self/cgroup", "0::/a\n"),
                ("sys/fs/cgroup/a/memory.max", "max\n")
            ]),
            None
        );
        assert_eq!(
            tree(&[
                ("proc/self/cgroup", "5:cpu,memory:/\n"),
                (
                    "sys/fs/cgroup/memory/memory.limit_in_bytes",
                    "9223372036854771712\n"
                )
            ]),
            None
        );
    }

    #[test]
    fn the_smallest_of_the_groups_above_counts() {
        assert_eq!(
            tree(&[
                ("proc/self/cgroup", "0::/a.slice/b.slice\n"),
                ("sys/fs/cgroup/a.slice/memory.max", "1000\n"),
                ("sys/fs/cgroup/a.slice/b.slice/memory.max", "max\n"),
            ]),
            Some(1000)
        );
    }

    #[test]
    fn the_limit_of_ones_own_unit_does_not_count() {
        assert_eq!(
            tree(&[
                ("proc/self/cgroup", "0::/system.slice/sigmavault-detect.service\n"),
                (
                    "sys/fs/cgroup/system.slice/sigmavault-detect.service/memory.max",
                    "1000\n"
                ),
            ]),
            None
        );
    }
}
