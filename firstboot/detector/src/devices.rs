//! The names that the kernel gives to devices (modaliases), by which it looks for their drivers, and what started the system.

use std::collections::BTreeSet;

use sigmavault_facts::Files;
use sigmavault_types::hardware::{Arch, Firmware};

/// Buses whose devices are listed, in the order in which the list is filled: what a profile names most comes first.
const BUSES: [&str; 6] = ["pci", "usb", "virtio", "sdio", "acpi", "platform"];
/// Most devices in a report; a server with many functions and disks has some hundred kinds.
const MOST: usize = 1024;
/// Longest name in a report, in bytes; the kernel's own limit is larger and not reached by hardware.
const LONGEST: usize = 512;

/// Each kind of device once, sorted. `false` when there are more than a report holds.
pub fn devices(files: &Files) -> (Vec<String>, bool) {
    let mut found = BTreeSet::new();
    for bus in BUSES {
        let folder = format!("/sys/bus/{bus}/devices");
        for name in files.names(&folder).unwrap_or_default() {
            let Some(device) = files.attribute(format!("{folder}/{name}/modalias")) else {
                continue;
            };
            let plain = device.len() <= LONGEST && device.bytes().all(|byte| byte.is_ascii_graphic());
            if !plain || found.contains(&device) {
                continue;
            }
            if found.len() == MOST {
                return (found.into_iter().collect(), false);
            }
            found.insert(device);
        }
    }
    (found.into_iter().collect(), true)
}

/// What started the system: UEFI leaves a folder; a PC without one has a BIOS, another machine a device tree.
pub fn firmware(files: &Files, arch: Arch) -> Option<Firmware> {
    if files.exists("/sys/firmware/efi") {
        Some(Firmware::Uefi)
    } else if files.exists("/sys/firmware/devicetree") {
        Some(Firmware::DeviceTree)
    } else {
        (arch == Arch::X86_64 && files.exists("/sys/firmware")).then_some(Firmware::Bios)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn machine(devices: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, modalias) in devices {
            let folder = root.path().join("sys/bus").join(path);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("modalias"), modalias).unwrap();
        }
        root
    }

    #[test]
    fn each_kind_of_device_is_listed_once() {
        let igb = "pci:v00008086d00001533sv00001043sd000085F0bc02sc00i00";
        let root = machine(&[
            ("pci/devices/0000:01:00.0", &format!("{igb}\n")),
            ("pci/devices/0000:02:00.0", igb),
            (
                "usb/devices/1-1:1.0",
                "usb:v0BDAp8153d3000dc00dsc00dp00icFFiscFFip00in00\n",
            ),
            ("acpi/devices/IPI0001:00", "acpi:IPI0001:\n"),
            ("platform/devices/odd", "platform:two words\n"),
            (
                "platform/devices/long",
                &format!("platform:{}\n", "x".repeat(LONGEST)),
            ),
            ("hid/devices/other-bus", "hid:b0003g0001v0000046Dp0000C31C\n"),
        ]);
        let expected = [
            "acpi:IPI0001:",
            igb,
            "usb:v0BDAp8153d3000dc00dsc00dp00icFFiscFFip00in00",
        ];
        let expected = expected.map(str::to_owned).to_vec();
        assert_eq!(devices(&Files::new(root.path())), (expected, true));
    }

    #[test]
    fn the_list_is_bounded() {
        let names: Vec<(String, String)> = (0..=MOST)
            .map(|n| (format!("pci/devices/{n:04}"), format!("pci:v{n:08X}")))
            .collect();
        let some: Vec<(&str, &str)> = names.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        let (found, whole) = devices(&Files::new(machine(&some).path()));
        assert_eq!((found.len(), whole), (MOST, false));
        let (found, whole) = devices(&Files::new(machine(&some[1..]).path()));
        assert_eq!((found.len(), whole), (MOST, true));
    }

    #[test]
    fn firmware_by_what_it_leaves() {
        for (folder, arch, expected) in [
            ("sys/firmware/efi", Arch::X86_64, Some(Firmware::Uefi)),
            ("sys/firmware/efi", Arch::Aarch64, Some(Firmware::Uefi)),
            ("sys/firmware/dmi", Arch::X86_64, Some(Firmware::Bios)),
            (
                "sys/firmware/devicetree",
                Arch::Aarch64,
                Some(Firmware::DeviceTree),
            ),
            ("proc", Arch::X86_64, None),
        ] {
            let root = tempfile::tempdir().unwrap();
            fs::create_dir_all(root.path().join(folder)).unwrap();
            assert_eq!(
                firmware(&Files::new(root.path()), arch),
                expected,
                "{folder} {arch:?}"
            );
        }
    }
}
