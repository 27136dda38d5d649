//! Disks, of what lsblk prints.

use std::collections::{BTreeMap, BTreeSet};

use sigmavault_facts::counters::is_hardware_disk;
use sigmavault_host::lsblk::{Column, Device};
use sigmavault_types::storage::{Disk, DiskId, DiskUse, Guid, Pool};

/// What to ask lsblk for.
pub const COLUMNS: [Column; 18] = [
    Column::Name,
    Column::Kname,
    Column::Path,
    Column::Type,
    Column::Size,
    Column::Model,
    Column::Serial,
    Column::Wwn,
    Column::Tran,
    Column::Rota,
    Column::Ro,
    Column::PhySec,
    Column::Fstype,
    Column::Label,
    Column::Uuid,
    Column::Parttypename,
    Column::Pttype,
    Column::Mountpoints,
];

/// What of the disks lsblk does not know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Links below `/dev/disk/by-id` and `/dev/disk/by-path`, by the name of the kernel that they lead to.
    pub links: BTreeMap<String, Vec<String>>,
    /// Names in the kernel of the disks that this system was started from.
    pub started_from: BTreeSet<String>,
    /// Whether it is the live system.
    pub live: bool,
}

/// Ways of attachment by which a disk is a drive of its own, and on which serial numbers and world-wide names are not to be trusted: adapters
/// of USB give the same one to every disk behind them.
const ONE_WAY: [&str; 6] = ["usb", "sata", "ata", "mmc", "virtio", "sbp"];

/// The disks among block devices, by their names. What imported pools use is told by [`claim`].
pub fn disks(devices: &[Device], around: &Surroundings) -> Vec<Disk> {
    let is_disk =
        |device: &&Device| device.kind == "disk" && device.size > 0 && is_hardware_disk(&device.name);
    let mut disks: Vec<Disk> = devices
        .iter()
        .filter(is_disk)
        .map(|device| disk(device, around))
        .collect();
    tell_apart(&mut disks, around);
    disks.sort_by(|a, b| a.name.cmp(&b.name));
    disks
}

/// Says of disks in imported pools that they are.
pub fn claim(disks: &mut [Disk], pools: &[Pool]) {
    for pool in pools.iter().filter(|pool| pool.imported) {
        let members: BTreeSet<&DiskId> = pool
            .all_vdevs()
            .into_iter()
            .filter_map(|vdev| vdev.disk.as_ref())
            .collect();
        for disk in disks.iter_mut() {
            if members.contains(&disk.id) {
                disk.in_use = DiskUse::Pool { pool: pool.id };
            } else if matches!(&disk.in_use, DiskUse::ExportedPool { pool: on_it, .. } if *on_it == pool.id) {
                disk.in_use = DiskUse::Foreign {
                    contents: format!("a former device of the pool {}", pool.name),
                };
            }
        }
    }
}

fn disk(device: &Device, around: &Surroundings) -> Disk {
    let text = |text: &Option<String>| {
        let text = text.as_deref().unwrap_or_default().trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    let wwn = text(&device.wwn).filter(|wwn| {
        wwn.bytes()
            .any(|digit| digit.is_ascii_hexdigit() && digit != b'0')
    });
    let links = around.links.get(&device.name).map_or(&[][..], Vec::as_slice);
    let (model, serial, transport) = (text(&device.model), text(&device.serial), text(&device.transport));
    let id = match (&wwn, &serial) {
        (Some(wwn), _) => format!("wwn:{wwn}"),
        (None, Some(serial)) => by_serial(model.as_deref(), serial),
        (None, None) => by_place(&device.name, links),
    };
    let alone = transport.as_deref().is_none_or(|bus| ONE_WAY.contains(&bus));
    Disk {
        drive: match &serial {
            Some(serial) if !alone => by_serial(model.as_deref(), serial),
            _ => id.clone(),
        },
        id: DiskId(id),
        name: device.name.clone(),
        device: best_link(links).unwrap_or_else(|| device.path.clone()),
        bytes: device.size,
        model,
        serial,
        wwn,
        transport,
        sector: device.physical_sector,
        rotational: device.rotational,
        in_use: used_for(device, around),
    }
}

fn by_serial(model: Option<&str>, serial: &str) -> String {
    format!("serial:{} {serial}", model.unwrap_or_default()).replace("serial: ", "serial:")
}

fn by_place(name: &str, links: &[String]) -> String {
    let place = links.iter().find(|link| link.starts_with("/dev/disk/by-path/"));
    place.map_or_else(|| format!("path:/dev/{name}"), |place| format!("path:{place}"))
}

/// Gives disks that claim the same id other ones: by serial number, then by place.
fn tell_apart(disks: &mut [Disk], around: &Surroundings) {
    for by_place_alone in [false, true] {
        let mut counts: BTreeMap<DiskId, usize> = BTreeMap::new();
        for disk in disks.iter() {
            *counts.entry(disk.id.clone()).or_default() += 1;
        }
        for disk in disks.iter_mut().filter(|disk| counts[&disk.id] > 1) {
            let links = around.links.get(&disk.name).map_or(&[][..], Vec::as_slice);
            let id = match &disk.serial {
                Some(serial) if !by_place_alone => by_serial(disk.model.as_deref(), serial),
                _ => by_place(&disk.name, links),
            };
            if disk.drive == disk.id.0 {
                disk.drive.clone_from(&id);
            }
            disk.id = DiskId(id);
        }
    }
}

/// The link by which a pool is made: one that tells a person which disk it is, and the same one each time.
fn best_link(links: &[String]) -> Option<String> {
    let rank = |link: &&String| {
        let name = link.strip_prefix("/dev/disk/by-id/")?;
        Some(match name.split('-').next()? {
            "wwn" => 1,
            "nvme" if name.starts_with("nvme-eui.") => 1,
            "scsi" if name.starts_with("scsi-3") => 1,
            "dm" | "lvm" | "md" => return None,
            _ => 0,
        })
    };
    let ranked = links.iter().filter_map(|link| Some((rank(&link)?, link)));
    let best = ranked.min().map(|(_, link)| link.clone());
    best.or_else(|| {
        links
            .iter()
            .find(|link| link.starts_with("/dev/disk/by-path/"))
            .cloned()
    })
}

fn used_for(disk: &Device, around: &Surroundings) -> DiskUse {
    if around.started_from.contains(&disk.name) {
        return if around.live {
            DiskUse::LiveMedium
        } else {
            DiskUse::System
        };
    }
    let all = disk.with_descendants();
    if let Some(by) = all.iter().find_map(|device| holder(device)) {
        return DiskUse::Held { by };
    }
    if disk.read_only {
        return DiskUse::Held {
            by: "it is write-protected".to_owned(),
        };
    }
    let mut members = all
        .iter()
        .filter(|device| device.fstype.as_deref() == Some("zfs_member"));
    let pool = members.find_map(|device| Some((device.label.clone()?, device.uuid.as_ref()?.parse().ok()?)));
    if let Some((name, pool)) = pool {
        return DiskUse::ExportedPool {
            name,
            pool: Guid(pool),
        };
    }
    contents(disk).map_or(DiskUse::Free, |contents| DiskUse::Foreign { contents })
}

/// What keeps a device from being written.
fn holder(device: &Device) -> Option<String> {
    match (
        device.mountpoints.first().map(String::as_str),
        device.kind.as_str(),
    ) {
        (Some("[SWAP]"), _) => Some(format!("{} is in use as swap", device.name)),
        (Some(place), _) => Some(format!("{} is mounted at {place}", device.name)),
        (None, "disk" | "part") => None,
        (None, kind) => Some(format!("{} ({kind}) is made of it", device.name)),
    }
}

/// What is on a disk, in a few words; none when there is nothing.
fn contents(disk: &Device) -> Option<String> {
    let parts: Vec<String> = disk.children.iter().map(signature).collect();
    match (parts.as_slice(), &disk.pttype) {
        ([], None) => disk.fstype.as_ref().map(|_| signature(disk)),
        ([], Some(table)) => Some(format!("an empty {table} partition table")),
        ([one], _) => Some(format!("1 partition: {one}")),
        (parts, _) => Some(format!("{} partitions: {}", parts.len(), parts.join(", "))),
    }
}

fn signature(device: &Device) -> String {
    let label = device.label.as_ref().map(|label| format!("\"{label}\""));
    let kind = device.fstype.clone().or_else(|| device.parttypename.clone());
    let words: Vec<String> = [kind, label].into_iter().flatten().collect();
    if words.is_empty() {
        "something unknown".to_owned()
    } else {
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(name: &str, text: &str) -> Device {
        let json = format!(
            r#"{{"name":"{name}","path":"/dev/{name}","type":"disk","size":1000,"phy-sec":4096,{text}}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    fn around(links: &[(&str, &str)]) -> Surroundings {
        let mut around = Surroundings::default();
        for (name, link) in links {
            around
                .links
                .entry((*name).to_owned())
                .or_default()
                .push((*link).to_owned());
        }
        around
    }

    #[test]
    fn ids_are_of_one_disk_only() {
        let devices = [
            device(
                "sda",
                r#""wwn":"0x5000c500a1b2c3d4","serial":"A","model":"M","tran":"sata""#,
            ),
            device(
                "sdb",
                r#""wwn":"0x5000c500a1b2c3d4","serial":"B","model":"M","tran":"sata""#,
            ),
            device("sdc", r#""serial":"0","model":"USB","tran":"usb""#),
            device("sdd", r#""serial":"0","model":"USB","tran":"usb""#),
            device("sde", r#""wwn":"0x0000000000000000","tran":"usb""#),
            device(
                "nvme0n1",
                r#""wwn":"eui.01","serial":"N","model":"Two","tran":"nvme""#,
            ),
            device(
                "nvme0n2",
                r#""wwn":"eui.02","serial":"N","model":"Two","tran":"nvme""#,
            ),
            device("loop0", r#""serial":"L""#),
            device("mmcblk0boot0", r#""serial":"B""#),
        ];
        let around = around(&[
            ("sdc", "/dev/disk/by-path/pci-1"),
            ("sdd", "/dev/disk/by-path/pci-2"),
        ]);
        let found = disks(&devices, &around);
        let ids: Vec<(&str, &str)> = found
            .iter()
            .map(|disk| (disk.id.0.as_str(), disk.drive.as_str()))
            .collect();
        assert_eq!(
            ids,
            [
                ("wwn:eui.01", "serial:Two N"),
                ("wwn:eui.02", "serial:Two N"),
                ("serial:M A", "serial:M A"),
                ("serial:M B", "serial:M B"),
                ("path:/dev/disk/by-path/pci-1", "path:/dev/disk/by-path/pci-1"),
                ("path:/dev/disk/by-path/pci-2", "path:/dev/disk/by-path/pci-2"),
                ("path:/dev/sde", "path:/dev/sde"),
            ]
        );
        assert_eq!(found[0].sector, 4096);
    }

    #[test]
    fn the_link_that_a_person_can_read() {
        for (links, best) in [
            (
                &[
                    "/dev/disk/by-id/wwn-0x5",
                    "/dev/disk/by-id/ata-M_A",
                    "/dev/disk/by-path/p",
                ][..],
                Some("/dev/disk/by-id/ata-M_A"),
            ),
            (
                &["/dev/disk/by-id/nvme-eui.1", "/dev/disk/by-id/nvme-M_N"],
                Some("/dev/disk/by-id/nvme-M_N"),
            ),
            (&["/dev/disk/by-id/wwn-0x5"], Some("/dev/disk/by-id/wwn-0x5")),
            (&["/dev/disk/by-path/p"], Some("/dev/disk/by-path/p")),
            (&[], None),
        ] {
            let links: Vec<String> = links.iter().map(|link| (*link).to_owned()).collect();
            assert_eq!(best_link(&links).as_deref(), best, "{links:?}");
        }
    }

    #[test]
    fn what_a_disk_is_used_for() {
        let part =
            |text: &str| format!(r#""pttype":"gpt","children":[{{"name":"p1","type":"part",{text}}}]"#);
        for (text, expected) in [
            (r#""tran":"sata""#.to_owned(), DiskUse::Free),
            (
                r#""pttype":"gpt""#.to_owned(),
                DiskUse::Foreign {
                    contents: "an empty gpt partition table".to_owned(),
                },
            ),
            (
                r#""fstype":"ext4","label":"old""#.to_owned(),
                DiskUse::Foreign {
                    contents: "ext4 \"old\"".to_owned(),
                },
            ),
            (
                part(r#""fstype":"ntfs""#),
                DiskUse::Foreign {
                    contents: "1 partition: ntfs".to_owned(),
                },
            ),
            (
                part(r#""mountpoints":["/mnt"]"#),
                DiskUse::Held {
                    by: "p1 is mounted at /mnt".to_owned(),
                },
            ),
            (
                part(r#""mountpoints":["[SWAP]"]"#),
                DiskUse::Held {
                    by: "p1 is in use as swap".to_owned(),
                },
            ),
            (
                part(r#""children":[{"name":"md0","type":"raid1"}]"#),
                DiskUse::Held {
                    by: "md0 (raid1) is made of it".to_owned(),
                },
            ),
            (
                part(r#""fstype":"zfs_member","label":"tank","uuid":"18446744073709551615""#),
                DiskUse::ExportedPool {
                    name: "tank".to_owned(),
                    pool: Guid(u64::MAX),
                },
            ),
            (
                r#""ro":true"#.to_owned(),
                DiskUse::Held {
                    by: "it is write-protected".to_owned(),
                },
            ),
        ] {
            assert_eq!(
                disks(&[device("sda", &text)], &Surroundings::default())[0].in_use,
                expected,
                "{text}"
            );
        }
        let mut around = Surroundings {
            started_from: BTreeSet::from(["sda".to_owned()]),
            ..Surroundings::default()
        };
        let system = device("sda", &part(r#""mountpoints":["/var"]"#));
        assert_eq!(
            disks(std::slice::from_ref(&system), &around)[0].in_use,
            DiskUse::System
        );
        around.live = true;
        assert_eq!(disks(&[system], &around)[0].in_use, DiskUse::LiveMedium);
    }
}
