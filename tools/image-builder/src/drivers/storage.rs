//! Which storage drivers of a kernel an initrd lacks, told by what drivers depend on and bind to and not by a list of
//! them: the installer must not put a system on a disk that the initrd of this system cannot read.

use std::collections::{BTreeMap, BTreeSet};

use super::tables;

/// Modules that a driver of a disk or of its controller is built on.
const STORAGE_CORES: [&str; 8] = [
    "libata",
    "memstick",
    "mmc_core",
    "mptbase",
    "nvme_core",
    "scsi_mod",
    "ufshcd_core",
    "usb_storage",
];
/// The module that a driver of a USB controller is built on.
const USB_CORE: &str = "usbcore";
/// Folders of drivers that need neither: disks of virtual machines and on PCI, and what PCI disks stand behind.
const FOLDERS: [&str; 2] = ["kernel/drivers/block/", "kernel/drivers/pci/controller/"];
/// Buses that a machine's own devices are on, as aliases begin with them.
const BUSES: [&str; 6] = ["pci:", "acpi", "of:", "virtio:", "vmbus:", "xen:"];
/// What is needed for disks behind a network, or to be one.
const NETWORK: [&str; 4] = [
    "kernel/net/",
    "kernel/drivers/net/",
    "kernel/drivers/infiniband/",
    "kernel/drivers/target/",
];

/// Words of `initramfs-hooks/modules`, those for one architecture too: no module of these names means another thing elsewhere.
fn words(wanted: &str) -> impl Iterator<Item = &str> {
    wanted
        .lines()
        .filter_map(|line| line.split('#').next())
        .flat_map(str::split_whitespace)
        .filter_map(|word| word.split(['@', '+']).next())
}

/// Modules that `initramfs-hooks/modules` leaves out on purpose.
pub fn left_out(wanted: &str) -> BTreeSet<String> {
    words(wanted)
        .filter_map(|word| word.strip_prefix('-'))
        .map(tables::name)
        .collect()
}

/// Whether `initramfs-hooks/modules` puts a module that leads to disks, by its path, into the initrd.
pub fn is_chosen(wanted: &str, path: &str) -> bool {
    let name = tables::of_path(path);
    let below = path.strip_prefix("kernel/").unwrap_or(path);
    !left_out(wanted).contains(&name)
        && words(wanted)
            .any(|word| tables::name(word) == name || (word.ends_with('/') && below.starts_with(word)))
}

/// Paths of the storage drivers that are in `dependencies` (modules.dep) and not in `list`, the paths of the initrd's
/// modules. `aliases` is modules.alias.
pub fn missing(dependencies: &str, aliases: &str, list: &str, left_out: &BTreeSet<String>) -> Vec<String> {
    let there: BTreeSet<String> = list.lines().map(tables::of_path).collect();
    let mut missing = all(dependencies, aliases);
    missing.retain(|path| {
        let name = tables::of_path(path);
        !left_out.contains(&name) && !there.contains(&name)
    });
    missing
}

/// Paths of the storage drivers in `dependencies` (modules.dep), sorted. `aliases` is modules.alias.
pub fn all(dependencies: &str, aliases: &str) -> Vec<String> {
    let bound = bound_to(aliases);
    let mut all: Vec<String> = dependencies
        .lines()
        .filter_map(|line| line.split_once(':'))
        .filter(|(path, needed)| {
            let buses = bound.get(&tables::of_path(path)).map_or(&[][..], Vec::as_slice);
            is_storage(path, needed, buses)
        })
        .map(|(path, _)| path.to_owned())
        .collect();
    all.sort();
    all
}

/// Whether a module drives a disk of the machine, its controller, or the bus in front of that.
fn is_storage(path: &str, needed: &str, buses: &[&str]) -> bool {
    let mut all = needed.split_whitespace().chain([path]);
    if all.any(|path| NETWORK.iter().any(|folder| path.starts_with(folder))) {
        return false;
    }
    let needs = |core: &str| {
        needed
            .split_whitespace()
            .any(|path| tables::of_path(path) == core)
    };
    // A USB device brings its own controller along; a driver for USB sticks need not bind to a bus of the machine.
    if needs("usb_storage") {
        return true;
    }
    let built_on_storage = STORAGE_CORES.iter().any(|core| needs(core));
    let usb_controller =
        path.starts_with("kernel/drivers/usb/") && needs(USB_CORE) && !buses.contains(&"usb:");
    let of_a_folder = FOLDERS.iter().any(|folder| path.starts_with(folder));
    let in_the_machine = buses.iter().any(|bus| BUSES.contains(bus));
    in_the_machine && (built_on_storage || usb_controller || of_a_folder)
}

/// The buses that each module binds to.
fn bound_to(aliases: &str) -> BTreeMap<String, Vec<&'static str>> {
    let mut bound: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
    for line in aliases.lines() {
        let mut words = line.split_whitespace();
        let (Some("alias"), Some(alias), Some(module)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        // An alias of the device tree is `of:NnameTtypeCcompatible`.
        let bus = BUSES.iter().chain(&["usb:"]).find(|bus| alias.starts_with(**bus));
        if let Some(bus) = bus {
            bound.entry(tables::name(module)).or_default().push(bus);
        }
    }
    bound
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPENDENCIES: &str = "\
kernel/drivers/scsi/scsi_mod.ko.xz:
kernel/drivers/scsi/hpsa.ko.xz: kernel/drivers/scsi/scsi_transport_sas.ko.xz kernel/drivers/scsi/scsi_mod.ko.xz
kernel/drivers/scsi/scsi_debug.ko.xz: kernel/drivers/scsi/scsi_mod.ko.xz
kernel/drivers/scsi/qedf/qedf.ko.xz: kernel/drivers/net/ethernet/qlogic/qed/qed.ko.xz kernel/drivers/scsi/scsi_mod.ko.xz
kernel/drivers/pci/controller/vmd.ko.xz:
kernel/drivers/usb/host/xhci-pci-renesas.ko.xz: kernel/drivers/usb/host/xhci-hcd.ko.xz kernel/drivers/usb/core/usbcore.ko.xz
kernel/drivers/usb/class/usblp.ko.xz: kernel/drivers/usb/core/usbcore.ko.xz
kernel/drivers/usb/storage/ums-realtek.ko.xz: kernel/drivers/usb/storage/usb-storage.ko.xz kernel/drivers/usb/core/usbcore.ko.xz
kernel/drivers/block/virtio_blk.ko.xz:
kernel/drivers/block/drbd/drbd.ko.xz: kernel/lib/lru_cache.ko.xz
kernel/drivers/ssb/ssb.ko.xz: kernel/drivers/mmc/core/mmc_core.ko.xz
kernel/drivers/net/ethernet/intel/igb/igb.ko.xz: kernel/drivers/i2c/algos/i2c-algo-bit.ko.xz
";
    const ALIASES: &str = "\
# Aliases extracted from modules themselves.
alias pci:v0000103Cd*sv*sd*bc01sc04i* hpsa
alias pci:v00001077d00008070sv*sd*bc*sc*i* qedf
alias pci:v00008086d0000B06Fsv*sd*bc*sc*i* vmd
alias pci:v00001912d00000014sv*sd*bc0Csc03i30* xhci_pci_renesas
alias usb:v*p*d*dc*dsc*dp*ic07isc01ip01in* usblp
alias usb:v0BDAp0138d*dc*dsc*dp*ic*isc*ip*in* ums_realtek
alias virtio:d00000002v* virtio_blk
alias pci:v000014E4d00004301sv*sd*bc*sc*i* ssb
alias pci:v00008086d00001533sv*sd*bc*sc*i* igb
";

    fn lacks(list: &str) -> Vec<String> {
        missing(
            DEPENDENCIES,
            ALIASES,
            list,
            &left_out("drivers/scsi/ clk-rp1+@arm64 -ssb # -hpsa\n"),
        )
    }

    #[test]
    fn every_kind_of_driver_is_missed() {
        assert_eq!(
            lacks(""),
            [
                "kernel/drivers/block/virtio_blk.ko.xz",
                "kernel/drivers/pci/controller/vmd.ko.xz",
                "kernel/drivers/scsi/hpsa.ko.xz",
                "kernel/drivers/usb/host/xhci-pci-renesas.ko.xz",
                "kernel/drivers/usb/storage/ums-realtek.ko.xz",
            ]
        );
    }

    #[test]
    fn what_is_there_is_not_missed() {
        let list = "kernel/drivers/block/virtio_blk.ko.xz\nkernel/drivers/pci/controller/vmd.ko.xz\n\
                    kernel/drivers/usb/host/xhci-pci-renesas.ko.xz\nkernel/drivers/usb/storage/ums-realtek.ko.xz\n";
        assert_eq!(lacks(list), ["kernel/drivers/scsi/hpsa.ko.xz"]);
        assert_eq!(lacks(&format!("{list}kernel/drivers/scsi/hpsa.ko\n")), [""; 0]);
    }

    #[test]
    fn modules_are_chosen_by_folder_or_by_name() {
        let wanted = "drivers/ata/ drivers/scsi/ # drivers/pci/\n-scsi_debug virtio_blk\n";
        for (path, expected) in [
            ("kernel/drivers/ata/ahci.ko.xz", true),
            ("kernel/drivers/scsi/mpt3sas/mpt3sas.ko.xz", true),
            ("kernel/drivers/scsi/scsi_debug.ko.xz", false),
            ("kernel/drivers/block/virtio-blk.ko.xz", true),
            ("kernel/drivers/pci/controller/vmd.ko.xz", false),
        ] {
            assert_eq!(is_chosen(wanted, path), expected, "{path}");
        }
    }

    #[test]
    fn only_words_with_a_dash_are_left_out() {
        assert_eq!(
            left_out("drivers/ata/ nvme\n-scsi_debug -a-b@arm64 # -c\n"),
            BTreeSet::from(["a_b".to_owned(), "scsi_debug".to_owned()])
        );
    }
}
