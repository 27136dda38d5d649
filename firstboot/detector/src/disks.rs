//! Whole disks, from `/sys/block` and what udev knows about them.

use std::collections::BTreeMap;

use sigmavault_facts::Files;
use sigmavault_facts::counters::is_hardware_disk;
use sigmavault_facts::terminal::single_line;
use sigmavault_types::hardware::{Disk, Transport};

/// Unit of `/sys/block/*/size`, whatever the disk's own sector size.
const SECTOR_BYTES: u64 = 512;

/// Every disk that holds a medium, sorted by name. Reading sysfs wakes no sleeping disk.
pub fn disks(files: &Files) -> Vec<Disk> {
    let names = files.names("/sys/block").unwrap_or_default();
    names
        .into_iter()
        .filter(|name| is_hardware_disk(name))
        .filter_map(|name| disk(files, name))
        .collect()
}

fn disk(files: &Files, name: String) -> Option<Disk> {
    let attribute = |path: &str| files.attribute(format!("/sys/block/{name}/{path}"));
    let is_set = |path: &str| attribute(path).is_some_and(|value| value == "1");
    // One path of several to an NVMe namespace: the namespace itself is another entry.
    if is_set("hidden") {
        return None;
    }
    let sectors: u64 = attribute("size")?.parse().ok()?;
    if sectors == 0 {
        return None;
    }
    let udev = attribute("dev")
        .and_then(|number| files.text(format!("/run/udev/data/b{number}")).ok())
        .map(|text| udev_properties(&text))
        .unwrap_or_default();
    let known = |key: &str| {
        udev.get(key)
            .map(|value| single_line(value))
            .filter(|value| !value.is_empty())
    };
    let fact = |path: &str| {
        attribute(path)
            .map(|value| single_line(&value))
            .filter(|value| !value.is_empty())
    };
    let device = files.link(format!("/sys/block/{name}")).unwrap_or_default();
    Some(Disk {
        // udev asks an ATA disk itself; the SCSI layer cuts its model at 16 characters.
        model: known("ID_MODEL_ENC")
            .or_else(|| fact("device/model"))
            .or_else(|| fact("device/name")),
        serial: known("ID_SERIAL_SHORT")
            .or_else(|| fact("device/serial"))
            .or_else(|| fact("serial"))
            .or_else(|| unit_serial(&files.bytes(format!("/sys/block/{name}/device/vpd_pg80")).ok()?)),
        size_bytes: sectors.checked_mul(SECTOR_BYTES)?,
        rotational: is_set("queue/rotational"),
        transport: transport(&device, &name),
        removable: is_set("removable"),
        name,
    })
}

/// How a disk is attached, by the device path that its entry in `/sys/block` points to.
pub fn transport(device: &str, name: &str) -> Transport {
    let steps: Vec<&str> = device.split('/').collect();
    let passes = |prefix: &str| {
        steps.iter().any(|step| {
            step.strip_prefix(prefix)
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit() || c == '-'))
        })
    };
    if passes("usb") {
        Transport::Usb
    } else if name.starts_with("nvme") {
        Transport::Nvme
    } else if name.starts_with("mmcblk") {
        Transport::Mmc
    } else if passes("virtio") {
        Transport::Virtio
    } else if passes("ata") {
        Transport::Sata
    } else if passes("session") {
        Transport::Iscsi
    } else if passes("rport") {
        Transport::FibreChannel
    } else if passes("end_device") {
        Transport::Sas
    } else if passes("target") {
        Transport::Scsi
    } else {
        Transport::Other
    }
}

/// Properties (`E:KEY=value`) in a file of udev's database, with its `\xHH` escapes undone.
fn udev_properties(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.strip_prefix("E:")?.split_once('='))
        .map(|(key, value)| (key.to_owned(), unescape(value)))
        .collect()
}

fn unescape(value: &str) -> String {
    let mut parts = value.split("\\x");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        if let Some(byte) = part
            .get(..2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
        {
            bytes.push(byte);
            bytes.extend(&part.as_bytes()[2..]);
        } else {
            bytes.extend(b"\\x");
            bytes.extend(part.as_bytes());
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Serial number in SCSI's unit serial number page (SPC-4, 7.8.15): a header of four bytes, then ASCII.
fn unit_serial(page: &[u8]) -> Option<String> {
    let &[_, 0x80, high, low, ref rest @ ..] = page else {
        return None;
    };
    let length = usize::from(u16::from_be_bytes([high, low])).min(rest.len());
    let serial = single_line(&String::from_utf8_lossy(&rest[..length]));
    (!serial.is_empty()).then_some(serial)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use super::*;

    fn add(root: &Path, device: &str, attributes: &[(&str, &[u8])]) {
        let name = device.rsplit('/').next().unwrap();
        let folder = root.join("sys/devices").join(device);
        fs::create_dir_all(&folder).unwrap();
        for (path, bytes) in attributes {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        fs::create_dir_all(root.join("sys/block")).unwrap();
        symlink(format!("../devices/{device}"), root.join("sys/block").join(name)).unwrap();
    }

    #[test]
    fn a_machine_with_disks_of_every_kind() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let spinning: &[(&str, &[u8])] = &[
            ("size", b"7814037168\n"),
            ("dev", b"8:0\n"),
            ("queue/rotational", b"1\n"),
            ("removable", b"0\n"),
            ("device/model", b"ST4000VN006-3CW1\n"),
            ("device/vpd_pg80", b"\0\x80\0\x08ZW60ABCD"),
        ];
        add(
            root,
            "pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0/block/sda",
            spinning,
        );
        add(
            root,
            "pci0000:00/0000:00:1d.0/nvme/nvme0/nvme0n1",
            &[
                ("size", b"1953525168\n"),
                ("device/model", b"Samsung SSD 980 PRO 1TB   \n"),
                ("device/serial", b"S5GX\n"),
            ],
        );
        add(
            root,
            "pci0000:00/0000:00:14.0/usb2/2-1/2-1:1.0/host6/target6:0:0/6:0:0:0/block/sdb",
            &[
                ("size", b"61440000\n"),
                ("removable", b"1\n"),
                ("device/model", b"Ultra\x1b[31m\n"),
                ("dev", b"8:16\n"),
            ],
        );
        add(
            root,
            "pci0000:00/0000:00:04.0/virtio1/block/vda",
            &[("size", b"2097152\n"), ("serial", b"disk-1\n")],
        );
        add(root, "virtual/block/loop0", &[("size", b"100\n")]);
        add(root, "virtual/block/zd0", &[("size", b"100\n")]);
        add(
            root,
            "pci0000:00/usb1/1-4/host7/target7:0:0/7:0:0:0/block/sdc",
            &[("size", b"0\n")],
        );
        add(
            root,
            "pci0000:00/nvme/nvme0/nvme0c0n1",
            &[("size", b"1953525168\n"), ("hidden", b"1\n")],
        );
        fs::create_dir_all(root.join("run/udev/data")).unwrap();
        fs::write(
            root.join("run/udev/data/b8:16"),
            "S:disk/by-id/x\nE:ID_MODEL_ENC=Ultra\\x20Fit\\x20\\x20\nE:ID_SERIAL_SHORT=4C53\n",
        )
        .unwrap();

        let found = disks(&Files::new(root));
        let disk = |name: &str, model: Option<&str>, serial: &str, size_bytes, transport| Disk {
            name: name.into(),
            model: model.map(str::to_owned),
            serial: Some(serial.into()),
            size_bytes,
            rotational: false,
            transport,
            removable: false,
        };
        assert_eq!(
            found,
            [
                disk(
                    "nvme0n1",
                    Some("Samsung SSD 980 PRO 1TB"),
                    "S5GX",
                    1_000_204_886_016,
                    Transport::Nvme
                ),
                Disk {
                    rotational: true,
                    ..disk(
                        "sda",
                        Some("ST4000VN006-3CW1"),
                        "ZW60ABCD",
                        4_000_787_030_016,
                        Transport::Sata
                    )
                },
                Disk {
                    removable: true,
                    ..disk("sdb", Some("Ultra Fit"), "4C53", 31_457_280_000, Transport::Usb)
                },
                disk("vda", None, "disk-1", 1_073_741_824, Transport::Virtio),
            ]
        );
    }

    #[test]
    fn transports_by_device_path() {
        for (device, name, expected) in [
            (
                "../devices/platform/mmc0/mmc0:0001/block/mmcblk0",
                "mmcblk0",
                Transport::Mmc,
            ),
            (
                "../devices/pci0/virtio2/host2/target2:0:0/2:0:0:0/block/sda",
                "sda",
                Transport::Virtio,
            ),
            (
                "../devices/pci0/host0/port-0:0/end_device-0:0/target0:0:0/block/sda",
                "sda",
                Transport::Sas,
            ),
            (
                "../devices/pci0/host1/rport-1:0-0/target1:0:0/block/sda",
                "sda",
                Transport::FibreChannel,
            ),
            (
                "../devices/platform/host3/session1/target3:0:0/block/sda",
                "sda",
                Transport::Iscsi,
            ),
            (
                "../devices/pci0/host0/target0:2:0/block/sda",
                "sda",
                Transport::Scsi,
            ),
            ("../devices/vbd-768/block/xvda", "xvda", Transport::Other),
        ] {
            assert_eq!(transport(device, name), expected, "{device}");
        }
    }

    #[test]
    fn serial_pages_are_checked() {
        assert_eq!(unit_serial(b"\0\x80\0\x04AB  "), Some("AB".into()));
        assert_eq!(unit_serial(b"\0\x80\xff\xffAB"), Some("AB".into()));
        assert_eq!(unit_serial(b"\0\x83\0\x02AB"), None);
        assert_eq!(unit_serial(b"\0"), None);
    }

    proptest::proptest! {
        #[test]
        fn escapes_are_undone_without_panic(text in "[a-fäx\\\\0-9]{0,30}") {
            unescape(&text);
        }
    }
}
