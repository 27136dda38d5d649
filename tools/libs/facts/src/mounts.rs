//! `/proc/self/mountinfo` (`proc_pid_mountinfo(5)`).
//!
//! A sandboxed service sees every mount as read-only, in `/proc/mounts` too. Only mountinfo distinguishes the state of
//! the file system from that of the mount.

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Device or dataset.
    pub source: String,
    /// Where it is mounted.
    pub point: String,
    /// File system type.
    pub kind: String,
    /// Whether the file system itself, and not only this mount of it, is read-only.
    pub read_only: bool,
}

/// Every mount; malformed lines are skipped.
pub fn parse(text: &str) -> Vec<Mount> {
    text.lines()
        .filter_map(|line| {
            let (mount, filesystem) = line.split_once(" - ")?;
            let mut filesystem = filesystem.split(' ');
            Some(Mount {
                point: unescape(mount.split(' ').nth(4)?),
                kind: filesystem.next()?.to_owned(),
                source: unescape(filesystem.next()?),
                read_only: filesystem.next()?.split(',').any(|option| option == "ro"),
            })
        })
        .collect()
}

/// Mounts that keep data: one per device, at its shortest mount point (bind mounts and the private mounts of a
/// sandboxed service show the same device again).
pub fn with_data(mounts: Vec<Mount>) -> Vec<Mount> {
    const KINDS: [&str; 10] = [
        "ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "vfat", "exfat", "erofs", "f2fs",
    ];
    let mut kept: Vec<Mount> = Vec::new();
    for mount in mounts
        .into_iter()
        .filter(|mount| KINDS.contains(&mount.kind.as_str()))
    {
        match kept.iter_mut().find(|other| other.source == mount.source) {
            None => kept.push(mount),
            Some(other) if mount.point.len() < other.point.len() => *other = mount,
            Some(_) => {}
        }
    }
    kept.sort_by(|a, b| a.point.cmp(&b.point));
    kept
}

/// Undoes the kernel's octal escapes for blank, tab, newline, backslash and hash.
fn unescape(word: &str) -> String {
    let mut text = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        let code = rest
            .get(at + 1..at + 4)
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        if let Some(code) = code.filter(u8::is_ascii) {
            text.push(char::from(code));
            rest = &rest[at + 4..];
        } else {
            text.push('\\');
            rest = &rest[at + 1..];
        }
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "22 1 254:0 / / ro,relatime shared:1 - erofs /dev/mapper/root ro\n\
        23 22 0:5 / /proc rw shared:2 - proc proc rw\n\
        24 22 8:3 /lib/private/x /var/lib/private/x rw - ext4 /dev/sda3 rw\n\
        25 22 8:3 / /var ro,nosuid shared:3 master:4 - ext4 /dev/sda3 rw,errors=remount-ro\n\
        26 22 0:40 / /srv/my\\040films rw - zfs tank/my\\040films rw,xattr\n\
        broken line\n";

    #[test]
    fn one_mount_per_device_at_the_shortest_path() {
        let mounts = with_data(parse(TEXT));
        let seen: Vec<_> = mounts
            .iter()
            .map(|m| (m.source.as_str(), m.point.as_str(), m.read_only))
            .collect();
        assert_eq!(
            seen,
            [
                ("/dev/mapper/root", "/", true),
                ("tank/my films", "/srv/my films", false),
                ("/dev/sda3", "/var", false)
            ]
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "[/a-zäß\\\\0-9 \\n]{0,100}") {
            with_data(parse(&text));
        }
    }
}
