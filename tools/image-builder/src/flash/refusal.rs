//! Whether a disk may be overwritten.

use super::disk::Disk;
use crate::gpt::SECTOR;

/// What the user has said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Size of the ISO.
    pub iso_bytes: u64,
    /// Serial number of the disk that is meant.
    pub serial: Option<String>,
}

/// Why a disk is not overwritten, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A partition.
    #[error("it is a partition; name the whole disk{}", disk.as_ref().map(|disk| format!(", /dev/{disk}")).unwrap_or_default())]
    Partition {
        /// The disk it is on.
        disk: Option<String>,
    },
    /// Neither a disk nor a loop device.
    #[error("it is of the kind `{0}`, not a whole disk")]
    NotADisk(String),
    /// Write-protected.
    #[error("it is read-only; move its write-protect switch or use another disk")]
    ReadOnly,
    /// This system runs from it.
    #[error("this system runs from it ({part} is mounted on {at})")]
    System {
        /// The device.
        part: String,
        /// Where it is mounted.
        at: String,
    },
    /// Swap in use.
    #[error("{0} is swap in use; run `swapoff /dev/{0}` first")]
    Swap(String),
    /// Mounted.
    #[error("{part} is mounted on {at}; run `umount {at}` first")]
    Mounted {
        /// The device.
        part: String,
        /// Where.
        at: String,
    },
    /// Something is built on it.
    #[error("the {kind} device {holder} is built on it; stop that first")]
    Held {
        /// `raid1`, `crypt`, `lvm`, ...
        kind: String,
        /// The device.
        holder: String,
    },
    /// Part of a pool, an array or a volume group.
    #[error("{part} is part of {what}; take it out first ({command})")]
    Member {
        /// The device.
        part: String,
        /// Of what.
        what: &'static str,
        /// How to take it out for good.
        command: String,
    },
    /// Too small.
    #[error("it has {size} bytes, the ISO needs {need}; use a larger disk")]
    TooSmall {
        /// Its size.
        size: u64,
        /// The ISO's size.
        need: u64,
    },
    /// Sectors of another size than the ISO's partition table counts in.
    #[error(
        "its logical sectors have {0} bytes, and the partition table of an ISO counts sectors of 512: no machine would find the partitions; use another disk, or set this one to sectors of 512 bytes if it can (NVMe: `nvme id-ns -H`, then `nvme format --lbaf`, which erases it)"
    )]
    SectorSize(u64),
    /// Another disk than the one named.
    #[error("--serial says `{given}`, but the serial number of this disk is {}", found.as_ref().map_or("unknown".to_owned(), |found| format!("`{found}`")))]
    OtherSerial {
        /// What was given.
        given: String,
        /// What it has.
        found: Option<String>,
    },
    /// Built in.
    #[error("it is not removable; if it is truly the one, add --serial '{0}'")]
    NotRemovable(String),
    /// Built in, and nameless.
    #[error("it is not removable, and tells no serial number by which --serial could name it")]
    Nameless,
}

/// Mount points without which a system does not run.
const SYSTEM: [&str; 8] = ["/", "/usr", "/boot", "/boot/efi", "/efi", "/var", "/etc", "/home"];

/// Memberships that must be ended first: nothing in sysfs shows a ZFS pool in use.
const MEMBERS: [(&str, &str, &str); 4] = [
    ("zfs_member", "a ZFS pool", "zpool export POOL; zpool labelclear"),
    ("linux_raid_member", "a RAID array", "mdadm --zero-superblock"),
    ("LVM2_member", "an LVM volume group", "pvremove"),
    ("bcache", "a bcache set", "wipefs --all"),
];

/// Why this disk must not be overwritten; `None` when it may.
pub fn refusal(disk: &Disk, options: &Options) -> Option<Refusal> {
    match disk.kind.as_str() {
        "disk" | "loop" => {}
        "part" => {
            return Some(Refusal::Partition {
                disk: disk.parent.clone(),
            });
        }
        other => return Some(Refusal::NotADisk(other.to_owned())),
    }
    in_use(disk).or_else(|| {
        if disk.read_only {
            Some(Refusal::ReadOnly)
        } else if disk.logical_sector != SECTOR {
            Some(Refusal::SectorSize(disk.logical_sector))
        } else if disk.size < options.iso_bytes {
            Some(Refusal::TooSmall {
                size: disk.size,
                need: options.iso_bytes,
            })
        } else {
            unnamed(disk, options.serial.as_deref())
        }
    })
}

fn in_use(disk: &Disk) -> Option<Refusal> {
    let mounts = || {
        disk.contents()
            .flat_map(|(part, content)| content.mounted.iter().map(move |at| (part, at)))
    };
    if let Some((part, at)) = mounts().find(|(_, at)| SYSTEM.contains(&at.as_str())) {
        return Some(Refusal::System {
            part: part.to_owned(),
            at: at.clone(),
        });
    }
    if let Some((part, at)) = mounts().next() {
        return Some(if at == "[SWAP]" {
            Refusal::Swap(part.to_owned())
        } else {
            Refusal::Mounted {
                part: part.to_owned(),
                at: at.clone(),
            }
        });
    }
    if let Some(holder) = disk.parts.iter().find(|part| part.kind != "part") {
        return Some(Refusal::Held {
            kind: holder.kind.clone(),
            holder: holder.name.clone(),
        });
    }
    disk.contents().find_map(|(part, content)| {
        let kind = content.file_system.as_deref()?;
        let (_, what, command) = MEMBERS.iter().find(|(member, ..)| *member == kind)?;
        Some(Refusal::Member {
            part: part.to_owned(),
            what,
            command: format!("{command} /dev/{part}"),
        })
    })
}

/// Whether it is the disk that was meant: removable, or named by its serial number.
fn unnamed(disk: &Disk, serial: Option<&str>) -> Option<Refusal> {
    match serial {
        Some(given) if disk.serial.as_deref() == Some(given) => None,
        Some(given) => Some(Refusal::OtherSerial {
            given: given.to_owned(),
            found: disk.serial.clone(),
        }),
        None if disk.removable => None,
        None => Some(
            disk.serial
                .clone()
                .map_or(Refusal::Nameless, Refusal::NotRemovable),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::disk::{Part, sample};
    use super::*;

    type Change = fn(&mut Disk);

    fn mount(disk: &mut Disk, at: &str) {
        disk.parts[0].content.mounted.push(at.to_owned());
    }

    fn member(disk: &mut Disk, kind: &str) {
        disk.parts[0].content.file_system = Some(kind.to_owned());
    }

    fn hold(disk: &mut Disk, kind: &str) {
        let part = Part {
            name: "dm-0".to_owned(),
            kind: kind.to_owned(),
            ..disk.parts[0].clone()
        };
        disk.parts.push(part);
    }

    fn fixed(disk: &mut Disk) {
        disk.removable = false;
    }

    /// What it is, what makes it so, the serial number given, and the refusal.
    type Case = (&'static str, Change, Option<&'static str>, Option<&'static str>);

    #[rustfmt::skip]
    const CASES: &[Case] = &[
        ("a stick", |_| {}, None, None),
        ("a stick named by its serial", |_| {}, Some("4C53"), None),
        ("another stick than the one named", |_| {}, Some("4c53"), Some("--serial says `4c53`, but the serial number of this disk is `4C53`")),
        ("a stick without a serial, named", |disk| disk.serial = None, Some("4C53"), Some("--serial says `4C53`, but the serial number of this disk is unknown")),
        ("a fixed disk", fixed, None, Some("it is not removable; if it is truly the one, add --serial '4C53'")),
        ("a fixed disk named", fixed, Some("4C53"), None),
        ("a fixed disk, wrongly named", fixed, Some(""), Some("--serial says ``, but the serial number of this disk is `4C53`")),
        ("a fixed disk without a serial", |disk| { fixed(disk); disk.serial = None; }, None, Some("it is not removable, and tells no serial number by which --serial could name it")),
        ("a loop device", |disk| { fixed(disk); disk.kind = "loop".into(); disk.serial = Some("loop0".into()); }, None, Some("it is not removable; if it is truly the one, add --serial 'loop0'")),
        ("a loop device named", |disk| { fixed(disk); disk.kind = "loop".into(); disk.serial = Some("loop0".into()); }, Some("loop0"), None),
        ("a partition", |disk| { disk.kind = "part".into(); disk.parent = Some("sdb".into()); }, None, Some("it is a partition; name the whole disk, /dev/sdb")),
        ("a CD drive", |disk| disk.kind = "rom".into(), None, Some("it is of the kind `rom`, not a whole disk")),
        ("an opened LUKS device", |disk| disk.kind = "crypt".into(), Some("4C53"), Some("it is of the kind `crypt`, not a whole disk")),
        ("read-only", |disk| disk.read_only = true, None, Some("it is read-only; move its write-protect switch or use another disk")),
        ("sectors of 4096 bytes", |disk| disk.logical_sector = 4096, None, Some("its logical sectors have 4096 bytes, and the partition table of an ISO counts sectors of 512: no machine would find the partitions; use another disk, or set this one to sectors of 512 bytes if it can (NVMe: `nvme id-ns -H`, then `nvme format --lbaf`, which erases it)")),
        ("large enough to the byte", |disk| disk.size = 1 << 30, None, None),
        ("too small by a sector", |disk| disk.size = (1 << 30) - 512, None, Some("it has 1073741312 bytes, the ISO needs 1073741824; use a larger disk")),
        ("no medium in the reader", |disk| disk.size = 0, None, Some("it has 0 bytes, the ISO needs 1073741824; use a larger disk")),
        ("mounted partition", |disk| mount(disk, "/media/x"), None, Some("sdb1 is mounted on /media/x; run `umount /media/x` first")),
        ("mounted partition, named", |disk| mount(disk, "/media/x"), Some("4C53"), Some("sdb1 is mounted on /media/x; run `umount /media/x` first")),
        ("mounted as a whole", |disk| disk.content.mounted.push("/mnt".into()), None, Some("sdb is mounted on /mnt; run `umount /mnt` first")),
        ("swap", |disk| mount(disk, "[SWAP]"), None, Some("sdb1 is swap in use; run `swapoff /dev/sdb1` first")),
        ("the system disk", |disk| { mount(disk, "/media/x"); mount(disk, "/"); }, Some("4C53"), Some("this system runs from it (sdb1 is mounted on /)")),
        ("the disk with /boot/efi", |disk| mount(disk, "/boot/efi"), Some("4C53"), Some("this system runs from it (sdb1 is mounted on /boot/efi)")),
        ("the medium of a live session", |disk| mount(disk, "/run/live/medium"), None, Some("sdb1 is mounted on /run/live/medium; run `umount /run/live/medium` first")),
        ("root on an opened LUKS partition", |disk| { hold(disk, "crypt"); disk.parts[1].content.mounted.push("/".into()); }, Some("4C53"), Some("this system runs from it (dm-0 is mounted on /)")),
        ("an opened LUKS partition", |disk| hold(disk, "crypt"), None, Some("the crypt device dm-0 is built on it; stop that first")),
        ("a running array", |disk| hold(disk, "raid1"), None, Some("the raid1 device dm-0 is built on it; stop that first")),
        ("a ZFS member", |disk| member(disk, "zfs_member"), Some("4C53"), Some("sdb1 is part of a ZFS pool; take it out first (zpool export POOL; zpool labelclear /dev/sdb1)")),
        ("a RAID member", |disk| member(disk, "linux_raid_member"), None, Some("sdb1 is part of a RAID array; take it out first (mdadm --zero-superblock /dev/sdb1)")),
        ("an LVM member", |disk| member(disk, "LVM2_member"), None, Some("sdb1 is part of an LVM volume group; take it out first (pvremove /dev/sdb1)")),
        ("a whole-disk ZFS member", |disk| disk.content.file_system = Some("zfs_member".into()), None, Some("sdb is part of a ZFS pool; take it out first (zpool export POOL; zpool labelclear /dev/sdb)")),
    ];

    #[test]
    fn what_is_refused_and_why() {
        for (what, change, serial, expected) in CASES {
            let mut disk = sample("sdb");
            change(&mut disk);
            let options = Options {
                iso_bytes: 1 << 30,
                serial: serial.map(str::to_owned),
            };
            let found = refusal(&disk, &options).map(|refusal| refusal.to_string());
            assert_eq!(found.as_deref(), *expected, "{what}");
        }
    }
}
