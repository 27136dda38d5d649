//! Names of the machine, and what it runs in.

use sigmavault_facts::Files;
use sigmavault_facts::terminal::single_line;
use sigmavault_types::hardware::{Machine, Virtualisation};

/// Placeholders that board makers leave in the firmware instead of a name.
const PLACEHOLDERS: [&str; 12] = [
    "to be filled by o.e.m.",
    "default string",
    "system manufacturer",
    "system product name",
    "system version",
    "not specified",
    "not applicable",
    "not available",
    "undefined",
    "unknown",
    "none",
    "o.e.m.",
];

/// Maker, product and board, from SMBIOS or else the device tree.
pub fn machine(files: &Files) -> Machine {
    let dmi = |name: &str| {
        let text = single_line(&files.attribute(format!("/sys/class/dmi/id/{name}"))?);
        (!text.is_empty() && !PLACEHOLDERS.contains(&text.to_lowercase().as_str())).then_some(text)
    };
    let board = [dmi("board_vendor"), dmi("board_name")]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ");
    let smbios = Machine {
        vendor: dmi("sys_vendor"),
        product: dmi("product_name"),
        board: (!board.is_empty()).then_some(board),
    };
    if smbios != Machine::default() {
        return smbios;
    }
    // The first word of the first `compatible` string is the maker's short name.
    let compatible = files.attribute("/proc/device-tree/compatible");
    Machine {
        vendor: compatible.and_then(|text| Some(single_line(text.split_once(',')?.0))),
        product: files
            .attribute("/proc/device-tree/model")
            .map(|text| single_line(&text)),
        board: None,
    }
}

/// Hypervisor and container. `under_hypervisor` is what the processor says.
pub fn virtualisation(files: &Files, under_hypervisor: bool) -> Virtualisation {
    Virtualisation {
        hypervisor: hypervisor(files, under_hypervisor),
        container: container(files),
    }
}

fn hypervisor(files: &Files, under_hypervisor: bool) -> Option<String> {
    // Prefixes of the texts that hypervisors leave in SMBIOS, in an order that tells them apart.
    const SIGNS: [(&str, &str); 14] = [
        ("KVM", "kvm"),
        ("Amazon EC2", "amazon"),
        ("Google Compute Engine", "google"),
        ("OpenStack", "kvm"),
        ("QEMU", "qemu"),
        ("VMware", "vmware"),
        ("VMW", "vmware"),
        ("VirtualBox", "virtualbox"),
        ("innotek GmbH", "virtualbox"),
        ("Xen", "xen"),
        ("Bochs", "bochs"),
        ("Parallels", "parallels"),
        ("BHYVE", "bhyve"),
        ("Apple Virtualization", "apple"),
    ];
    let dmi = |name: &str| {
        files
            .attribute(format!("/sys/class/dmi/id/{name}"))
            .unwrap_or_default()
    };
    let texts = [
        dmi("product_name"),
        dmi("sys_vendor"),
        dmi("board_vendor"),
        dmi("bios_vendor"),
    ];
    let is_hyper_v = texts[0].starts_with("Virtual Machine") && texts[1].starts_with("Microsoft");
    // Amazon's bare metal machines carry the same vendor.
    if texts[1] == "Amazon EC2" && texts[0].contains(".metal") {
        return None;
    }
    if is_hyper_v {
        return Some("hyper-v".to_owned());
    }
    let by_text = SIGNS
        .iter()
        .find(|(sign, _)| texts.iter().any(|text| text.starts_with(sign)));
    if let Some((_, name)) = by_text {
        return Some((*name).to_owned());
    }
    files
        .attribute("/sys/hypervisor/type")
        .or_else(|| {
            let compatible = files.attribute("/proc/device-tree/hypervisor/compatible")?;
            Some(
                compatible
                    .split_once(',')
                    .map_or(compatible.as_str(), |(_, name)| name)
                    .to_owned(),
            )
        })
        .or_else(|| {
            let qemu = files
                .attribute("/proc/device-tree/compatible")
                .is_some_and(|text| text == "linux,dummy-virt");
            qemu.then(|| "qemu".to_owned())
        })
        .or_else(|| under_hypervisor.then(|| "unknown".to_owned()))
}

fn container(files: &Files) -> Option<String> {
    // systemd writes the first of these for every container manager that follows its interface.
    files
        .attribute("/run/systemd/container")
        .or_else(|| files.attribute("/run/host/container-manager"))
        .or_else(|| files.exists("/run/.containerenv").then(|| "podman".to_owned()))
        .or_else(|| files.exists("/.dockerenv").then(|| "docker".to_owned()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn write(root: &Path, files: &[(&str, &str)]) {
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    fn named(files: &[(&str, &str)]) -> Machine {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), files);
        machine(&Files::new(folder.path()))
    }

    fn runs_in(files: &[(&str, &str)], flag: bool) -> (Option<String>, Option<String>) {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), files);
        let found = virtualisation(&Files::new(folder.path()), flag);
        (found.hypervisor, found.container)
    }

    #[test]
    fn smbios_names_without_placeholders() {
        let found = named(&[
            ("sys/class/dmi/id/sys_vendor", "To Be Filled By O.E.M.\n"),
            ("sys/class/dmi/id/product_name", "PowerEdge  R640\x07\n"),
            ("sys/class/dmi/id/board_vendor", "ASRock\n"),
            ("sys/class/dmi/id/board_name", "B450M Pro4\n"),
        ]);
        assert_eq!(
            found,
            Machine {
                vendor: None,
                product: Some("PowerEdge R640".into()),
                board: Some("ASRock B450M Pro4".into())
            }
        );
    }

    #[test]
    fn device_tree_names() {
        let found = named(&[
            ("proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.5\0"),
            (
                "proc/device-tree/compatible",
                "raspberrypi,4-model-b\0brcm,bcm2711\0",
            ),
        ]);
        assert_eq!(
            found,
            Machine {
                vendor: Some("raspberrypi".into()),
                product: Some("Raspberry Pi 4 Model B Rev 1.5".into()),
                board: None
            }
        );
    }

    #[test]
    fn hypervisors_by_what_they_leave() {
        let dmi = |product, vendor| {
            runs_in(
                &[
                    ("sys/class/dmi/id/product_name", product),
                    ("sys/class/dmi/id/sys_vendor", vendor),
                ],
                true,
            )
            .0
        };
        assert_eq!(
            dmi("Standard PC (Q35 + ICH9, 2009)", "QEMU").as_deref(),
            Some("qemu")
        );
        assert_eq!(dmi("KVM", "Red Hat").as_deref(), Some("kvm"));
        assert_eq!(dmi("VMware7,1", "VMware, Inc.").as_deref(), Some("vmware"));
        assert_eq!(
            dmi("Virtual Machine", "Microsoft Corporation").as_deref(),
            Some("hyper-v")
        );
        assert_eq!(dmi("m5.large", "Amazon EC2").as_deref(), Some("amazon"));
        assert_eq!(dmi("m5.metal", "Amazon EC2"), None);
        assert_eq!(runs_in(&[], true).0.as_deref(), Some("unknown"));
        assert_eq!(runs_in(&[], false), (None, None));
        assert_eq!(
            runs_in(&[("proc/device-tree/compatible", "linux,dummy-virt\0")], false)
                .0
                .as_deref(),
            Some("qemu")
        );
    }

    #[test]
    fn containers_by_what_they_leave() {
        assert_eq!(
            runs_in(&[("run/systemd/container", "systemd-nspawn\n")], false)
                .1
                .as_deref(),
            Some("systemd-nspawn")
        );
        assert_eq!(runs_in(&[(".dockerenv", "")], false).1.as_deref(), Some("docker"));
        assert_eq!(
            runs_in(&[("run/.containerenv", "")], false).1.as_deref(),
            Some("podman")
        );
    }
}
