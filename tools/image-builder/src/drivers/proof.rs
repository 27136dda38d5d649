//! Whether a root file system drives the devices that a profile names.

use std::collections::BTreeSet;

use super::tree::{Asked, KernelTree, Wanted};
use super::{storage, tables};
use crate::profile::{HardwareId, Profile};

/// What a profile promises of an image.
#[derive(Debug, Clone, Copy)]
pub struct Promise<'a> {
    /// `hardware.ids`.
    pub ids: &'a [HardwareId],
    /// `drivers.required`.
    pub modules: &'a [String],
}

impl<'a> Promise<'a> {
    /// That of a profile.
    pub fn of(profile: &'a Profile) -> Self {
        Self {
            ids: &profile.hardware.ids,
            modules: &profile.drivers.required,
        }
    }
}

/// Something promised that an image does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Lack {
    /// A required module does not exist.
    #[error("{module} is promised, but kernel {kernel} does not have it; see `kernel.modules-exclude`")]
    Module {
        /// The module.
        module: String,
        /// Kernel release.
        kernel: String,
    },
    /// No driver claims a device.
    #[error(
        "device {id} has no driver in kernel {kernel}: neither modules.alias nor modules.builtin.modinfo has one for {modalias}; \
         see `kernel.modules-exclude`, and name the class too if the driver asks for it"
    )]
    Driver {
        /// The device.
        id: HardwareId,
        /// Its modalias.
        modalias: String,
        /// Kernel release.
        kernel: String,
    },
    /// A driver needs another module that is not there.
    #[error(
        "{module}{} is promised, but cannot be loaded without {}, which is not in the image; see `kernel.modules-exclude`",
        of_device(id.as_ref()),
        some(needs)
    )]
    Needed {
        /// The driver.
        module: String,
        /// The device that it is needed for.
        id: Option<HardwareId>,
        /// What it needs.
        needs: Vec<String>,
    },
    /// A driver has none of its firmware.
    #[error(
        "{module}{} is promised, but none of its firmware is in the image ({}); add its package to `firmware.packages`",
        of_device(id.as_ref()),
        some(files)
    )]
    Firmware {
        /// The driver.
        module: String,
        /// The device that it is needed for.
        id: Option<HardwareId>,
        /// Files that it asks for.
        files: Vec<String>,
    },
    /// A driver of disks is not in the initrd.
    #[error(
        "device {id} leads to disks, but its driver {} is not in the initrd; see initramfs-hooks/modules",
        modules.join(" or ")
    )]
    Initrd {
        /// The device.
        id: HardwareId,
        /// Its drivers.
        modules: Vec<String>,
    },
}

fn of_device(id: Option<&HardwareId>) -> String {
    id.map(|id| format!(" for device {id}")).unwrap_or_default()
}

/// The first of some names, and how many more there are.
fn some(files: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown = files.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match files.len().checked_sub(SHOWN) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}

impl KernelTree {
    /// The modules that a promise is about, and those that they are built on: what
    /// [`ASK`](super::tree::ASK) is to be asked for.
    pub fn concerned(&self, promise: &Promise) -> BTreeSet<String> {
        let claimed = promise
            .ids
            .iter()
            .flat_map(|id| self.tables.claimants(&id.modalias()))
            .map(str::to_owned);
        let named = promise.modules.iter().map(|module| tables::name(module));
        let mut modules: BTreeSet<String> = claimed.chain(named).collect();
        let needed = modules
            .iter()
            .filter_map(|module| self.tables.module(module))
            .flat_map(|module| module.needs.clone());
        // modules.dep names the dependencies of dependencies too.
        modules.extend(needed.collect::<Vec<_>>());
        modules
    }

    /// What a tree lacks of a promise: a driver, what it needs to be loaded, or its firmware. `wanted` is about [`Self::concerned`].
    ///
    /// A driver for many devices asks for the firmware of all of them, and Debian packages hold some of it only: a driver counts
    /// as complete with one file of what it and the modules below it ask for.
    pub fn lacks(&self, promise: &Promise, wanted: &Wanted) -> Vec<Lack> {
        let kernel = &self.kernel;
        let required = promise.modules.iter().filter_map(|module| {
            if wanted.contains_key(&tables::name(module)) {
                return self.incomplete(module, None, wanted);
            }
            let (module, kernel) = (module.clone(), kernel.clone());
            Some(Lack::Module { module, kernel })
        });
        let devices = promise.ids.iter().filter_map(|id| {
            let modalias = id.modalias();
            let claimants = self.tables.claimants(&modalias);
            let mut first = None;
            // A module that was taken out of the tree may still be in a table that is older.
            for module in claimants
                .into_iter()
                .filter(|module| wanted.contains_key(*module))
            {
                // One complete driver is enough.
                let lack = self.incomplete(module, Some(id), wanted)?;
                first.get_or_insert(lack);
            }
            Some(first.unwrap_or_else(|| Lack::Driver {
                id: id.clone(),
                modalias,
                kernel: kernel.clone(),
            }))
        });
        required.chain(devices).collect()
    }

    /// What a driver lacks of the modules and the firmware that it and those below it ask for.
    fn incomplete(&self, module: &str, id: Option<&HardwareId>, wanted: &Wanted) -> Option<Lack> {
        let name = tables::name(module);
        let below = self
            .tables
            .module(&name)
            .map_or(&[][..], |module| module.needs.as_slice());
        let all = std::iter::once(&name).chain(below);
        let asked: Vec<&Asked> = all.filter_map(|name| wanted.get(name)).collect();
        let (module, id) = (module.to_owned(), id.cloned());
        // Modules that share a need, or a file for two devices, name it twice.
        let distinct = |of: fn(&Asked) -> &[String]| {
            let all: BTreeSet<String> = asked.iter().flat_map(|asked| of(asked).iter().cloned()).collect();
            Vec::from_iter(all)
        };
        let mut needs = distinct(|asked| &asked.needs);
        needs.retain(|name| self.tables.module(name).is_none());
        if !needs.is_empty() {
            return Some(Lack::Needed { module, id, needs });
        }
        let files = distinct(|asked| &asked.firmware);
        let complete = files.is_empty() || files.iter().any(|file| self.has_firmware(file));
        (!complete).then_some(Lack::Firmware { module, id, files })
    }

    /// Devices that lead to disks by a driver that an initrd lacks. `initrd` names its modules.
    pub fn unreachable(&self, ids: &[HardwareId], initrd: &BTreeSet<String>) -> Vec<Lack> {
        let lacks = ids.iter().filter_map(|id| {
            let claimants = self.tables.claimants(&id.modalias());
            let modules: Vec<String> = claimants
                .into_iter()
                .filter(|module| self.storage.contains(*module))
                .map(str::to_owned)
                .collect();
            let there = modules.is_empty() || modules.iter().any(|module| initrd.contains(module));
            (!there).then(|| Lack::Initrd {
                id: id.clone(),
                modules,
            })
        });
        lacks.collect()
    }

    /// The modules that lead to disks and that `initramfs-hooks/modules` (`wanted`) puts into an initrd.
    pub fn chosen(&self, wanted: &str) -> BTreeSet<String> {
        let modules = self.storage.iter().filter(|name| {
            let path = self.tables.module(name).map_or("", |module| &module.path);
            storage::is_chosen(wanted, path)
        });
        modules.cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::tree;
    use super::*;

    const KERNEL: &str = "6.12.1-test";
    const ALIASES: &str = "\
alias pci:v00001000d00000097sv*sd*bc*sc*i* mpt3sas
alias pci:v00001425d00005400sv*sd*bc*sc*i* csiostor
alias pci:v00008086d0000159Bsv*sd*bc*sc*i* ice
alias pci:v00001077d00008070sv*sd*bc*sc*i* qede
alias pci:v*d*sv*sd*bc03sc00i00* i915
alias pci:v*d*sv*sd*bc03sc00i00* xe
alias pci:v000017CBd00001101sv*sd*bc*sc*i* ath11k_pci
alias pci:v00001000d000000A5sv*sd*bc*sc*i* mpi3mr
alias pci:v00001002d00001638sv*sd*bc*sc*i* amdgpu
";
    const DEPENDENCIES: &str = "\
kernel/drivers/scsi/scsi_mod.ko.xz:
kernel/drivers/scsi/mpt3sas/mpt3sas.ko.xz: kernel/drivers/scsi/scsi_mod.ko.xz
kernel/drivers/scsi/csiostor/csiostor.ko.xz: kernel/drivers/scsi/scsi_mod.ko.xz
kernel/drivers/net/ethernet/intel/ice/ice.ko.xz:
kernel/drivers/net/ethernet/qlogic/qed/qed.ko.xz:
kernel/drivers/net/ethernet/qlogic/qede/qede.ko.xz: kernel/drivers/net/ethernet/qlogic/qed/qed.ko.xz
kernel/drivers/gpu/drm/i915/i915.ko.xz:
kernel/drivers/gpu/drm/xe/xe.ko.xz:
kernel/drivers/gpu/drm/drm.ko.xz:
kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko.xz: kernel/drivers/gpu/drm/drm.ko.xz
kernel/drivers/net/wireless/ath/ath11k/ath11k_pci.ko.xz:
";
    /// As [`tree::ASK`] answers: mpi3mr was taken out of the tree, and cec that amdgpu needs.
    const ANSWER: &str = "8250_pnp\namdgpu\n amdgpu/a.bin\n<drm,cec\nath11k_pci\n ath11k/QCA6390/hw2.0/*\ncsiostor\ni915\n i915/skl.bin\n i915/kbl.bin\nice\n intel/ice/ddp/ice.pkg\n\
                          drm\n<\nmpt3sas\n<scsi_mod\nqed\n qed/init.bin\nqede\nscsi_mod\nxe\n xe/lnl.bin\n xe/a\n xe/b\n xe/c\n xe/d\n";

    fn tree(firmware: &[&str]) -> (tempfile::TempDir, KernelTree) {
        let folder = tempfile::tempdir().unwrap();
        let modules = folder.path().join("usr/lib/modules").join(KERNEL);
        let write = |path: &Path, text: &[u8]| {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(&modules.join("modules.alias"), ALIASES.as_bytes());
        write(&modules.join("modules.dep"), DEPENDENCIES.as_bytes());
        write(
            &modules.join("modules.builtin.modinfo"),
            b"8250_pnp.alias=acpi*:PNP0501:*\0",
        );
        for file in firmware {
            write(&folder.path().join("usr/lib/firmware").join(file), b"");
        }
        let tree = KernelTree::find(folder.path()).unwrap();
        (folder, tree)
    }

    fn ids(texts: &[&str]) -> Vec<HardwareId> {
        texts
            .iter()
            .map(|text| HardwareId::parse(text).unwrap())
            .collect()
    }

    fn lacks(firmware: &[&str], texts: &[&str], modules: &[&str]) -> Vec<String> {
        let (_folder, tree) = tree(firmware);
        let ids = ids(texts);
        let modules: Vec<String> = modules.iter().map(|module| (*module).to_owned()).collect();
        let promise = Promise {
            ids: &ids,
            modules: &modules,
        };
        let lacks = tree.lacks(&promise, &tree::wanted(ANSWER));
        lacks.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_there_is_not_missed() {
        let firmware = [
            "intel/ice/ddp/ice.pkg.xz",
            "qed/init.bin",
            "i915/kbl.bin.zst",
            "ath11k/QCA6390/hw2.0/board-2.bin.xz",
        ];
        let devices = [
            "acpi:PNP0501",
            "pci:1000:0097",
            "pci:8086:159b",
            "pci:1077:8070",
            "pci:8086:46d1:030000",
            "pci:17cb:1101",
        ];
        assert_eq!(lacks(&firmware, &devices, &["ice", "qede", "scsi-mod"]), [""; 0]);
    }

    #[test]
    fn each_lack_is_named_with_its_reason() {
        for (device, expected) in [
            (
                "pci:8086:1533",
                "device pci:8086:1533 has no driver in kernel 6.12.1-test: neither modules.alias nor \
                 modules.builtin.modinfo has one for pci:v00008086d00001533sv-sd-bc-sc-i-; see `kernel.modules-exclude`, and name the class too if the driver asks for it",
            ),
            (
                "pci:1000:00a5",
                "device pci:1000:00a5 has no driver in kernel 6.12.1-test: neither modules.alias nor \
                 modules.builtin.modinfo has one for pci:v00001000d000000A5sv-sd-bc-sc-i-; see `kernel.modules-exclude`, and name the class too if the driver asks for it",
            ),
            (
                "pci:8086:159b",
                "ice for device pci:8086:159b is promised, but none of its firmware is in the image (intel/ice/ddp/ice.pkg); \
                 add its package to `firmware.packages`",
            ),
            (
                "pci:1077:8070",
                "qede for device pci:1077:8070 is promised, but none of its firmware is in the image (qed/init.bin); \
                 add its package to `firmware.packages`",
            ),
            (
                "pci:8086:46d1:030000",
                "i915 for device pci:8086:46d1:030000 is promised, but none of its firmware is in the image (i915/kbl.bin, \
                 i915/skl.bin); add its package to `firmware.packages`",
            ),
            (
                "pci:1002:1638",
                "amdgpu for device pci:1002:1638 is promised, but cannot be loaded without cec, which is not in the image; \
                 see `kernel.modules-exclude`",
            ),
        ] {
            assert_eq!(lacks(&[], &[device], &[]), [expected]);
        }
        assert_eq!(
            lacks(&[], &[], &["xe", "igb"]),
            [
                "xe is promised, but none of its firmware is in the image (xe/a, xe/b, xe/c and 2 more); \
                 add its package to `firmware.packages`",
                "igb is promised, but kernel 6.12.1-test does not have it; see `kernel.modules-exclude`",
            ]
        );
    }

    #[test]
    fn drivers_of_disks_are_in_the_initrd() {
        let (_folder, tree) = tree(&[]);
        let devices = ids(&["pci:1000:0097", "pci:1425:5400", "pci:8086:159b", "pci:8086:1533"]);
        let all = BTreeSet::from(["mpt3sas".to_owned(), "csiostor".to_owned()]);
        assert_eq!(tree.unreachable(&devices, &all), []);
        let chosen = tree.chosen("drivers/scsi/ drivers/ata/\n-csiostor # an adapter\n");
        assert_eq!(chosen, BTreeSet::from(["mpt3sas".to_owned()]));
        let lacks = tree.unreachable(&devices, &chosen);
        let texts: Vec<String> = lacks.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "device pci:1425:5400 leads to disks, but its driver csiostor is not in the initrd; see initramfs-hooks/modules"
            ]
        );
    }

    #[test]
    fn modules_are_asked_for_with_what_they_are_built_on() {
        let (_folder, tree) = tree(&[]);
        let ids = ids(&["pci:1077:8070"]);
        let modules = ["snd-hda-intel".to_owned()];
        let promise = Promise {
            ids: &ids,
            modules: &modules,
        };
        let names = ["qed", "qede", "snd_hda_intel"].map(str::to_owned);
        assert_eq!(tree.concerned(&promise), BTreeSet::from(names));
    }

    #[test]
    fn a_folder_without_one_kernel_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("usr/lib/modules/x")).unwrap();
        let error = KernelTree::find(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains("has the modules of 0 kernels, not of one: none;"),
            "{error}"
        );
    }
}
