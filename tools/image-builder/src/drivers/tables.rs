//! Which module of a kernel claims a device, and what that module is built on.

use std::collections::{BTreeMap, BTreeSet};

use crate::profile::glob;

/// A kernel's tables: `modules.alias`, `modules.dep` and `modules.builtin.modinfo`, see modules.dep(5).
#[derive(Debug, Clone, Default)]
pub struct Tables {
    /// Pattern of a modalias, and the module for it.
    aliases: Vec<(String, String)>,
    modules: BTreeMap<String, Module>,
}

/// A module that is a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Module {
    /// Its path below the folder of the kernel's modules.
    pub path: String,
    /// The modules that it depends on, by name.
    pub needs: Vec<String>,
}

impl Tables {
    /// Reads the three files' contents.
    pub fn read(aliases: &str, dependencies: &str, built_in: &[u8]) -> Self {
        let mut tables = Self::default();
        for line in aliases.lines() {
            let mut words = line.split_whitespace();
            if let (Some("alias"), Some(pattern), Some(module)) = (words.next(), words.next(), words.next()) {
                tables.aliases.push((pattern.to_owned(), name(module)));
            }
        }
        // `MODULE.alias=PATTERN`, each ended by a zero byte.
        for record in built_in.split(|byte| *byte == 0) {
            let record = String::from_utf8_lossy(record);
            if let Some((module, pattern)) = record.split_once(".alias=") {
                tables.aliases.push((pattern.to_owned(), name(module)));
            }
        }
        for line in dependencies.lines() {
            if let Some((path, needs)) = line.split_once(':') {
                let needs = needs.split_whitespace().map(of_path).collect();
                let path = path.to_owned();
                tables.modules.insert(of_path(&path), Module { path, needs });
            }
        }
        tables
    }

    /// The modules that claim a device.
    pub fn claimants(&self, modalias: &str) -> BTreeSet<&str> {
        let claims = self
            .aliases
            .iter()
            .filter(|(pattern, _)| glob::matches(pattern, modalias));
        claims.map(|(_, module)| module.as_str()).collect()
    }

    /// A module by its name; `None` when it is built into the kernel, or does not exist.
    pub fn module(&self, name: &str) -> Option<&Module> {
        self.modules.get(name)
    }
}

/// A module's name with `_` for `-`: both are the same to the kernel.
pub fn name(module: &str) -> String {
    module.replace('-', "_")
}

/// The name of a module's file.
pub fn of_path(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    name(file.split(".ko").next().unwrap_or(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_claimed_by_modules_and_by_what_is_built_in() {
        let tables = Tables::read(
            "# Aliases extracted from modules themselves.\n\
             alias pci:v00008086d00001533sv*sd*bc*sc*i* igb\n\
             alias pci:v*d*sv*sd*bc01sc08i02* nvme\n\
             alias usb:v13FDp3940d0[0-2]*dc*dsc*dp*ic*isc*ip*in* uas\n\
             alias acpi*:IPI0001:* ipmi_si\nalias acpi*:IPI0001:* ipmi-ssif\nalias odd\n",
            "kernel/drivers/nvme/host/nvme.ko.xz: kernel/drivers/nvme/host/nvme-core.ko.xz kernel/crypto/a.ko\n",
            b"8250_pnp.alias=acpi*:PNP0501:*\0virtio_pci.license=GPL\0",
        );
        for (modalias, expected) in [
            ("pci:v00008086d00001533sv-sd-bc-sc-i-", &["igb"][..]),
            ("pci:v00008086d00001533sv-sd-bc01sc08i02", &["igb", "nvme"]),
            ("usb:v13FDp3940d0100dc00dsc00dp00ic08isc06ip62in00", &["uas"]),
            ("usb:v13FDp3940d-dc-dsc-dp-ic-isc-ip-in-", &[]),
            ("acpi:IPI0001:", &["ipmi_si", "ipmi_ssif"]),
            ("acpi:PNP0501:", &["8250_pnp"]),
            ("pci:v00008086d00001521sv-sd-bc-sc-i-", &[]),
        ] {
            assert_eq!(Vec::from_iter(tables.claimants(modalias)), expected, "{modalias}");
        }
        assert_eq!(
            tables.module("nvme"),
            Some(&Module {
                path: "kernel/drivers/nvme/host/nvme.ko.xz".into(),
                needs: vec!["nvme_core".into(), "a".into()],
            })
        );
        assert_eq!(tables.module("igb"), None);
    }
}
