//! Disks that this system reads and the installed one could not: a driver of theirs is missing in the initrd, which is
//! the same on the medium and on the installed disk.

use std::path::Path;

use crate::site::Site;

/// Where the initrd leaves the paths of its kernel modules.
const INITRD: &str = "/run/sigmavault/initrd-modules";

/// The modules of the drivers from a disk up to the machine's own bus that the kernel loads from a file and that the
/// initrd lacks.
pub fn missing(site: &Site, disk: &str) -> Vec<String> {
    let files = site.files();
    let Ok(initrd) = files.text(INITRD) else {
        return Vec::new();
    };
    let release = files.attribute("/proc/sys/kernel/osrelease").unwrap_or_default();
    let system = files
        .text(format!("/usr/lib/modules/{release}/modules.dep"))
        .unwrap_or_default();
    // What is built into the kernel has no file.
    drivers(site, disk)
        .into_iter()
        .filter(|module| has(&system, module) && !has(&initrd, module))
        .collect()
}

/// The modules of the drivers of a disk and of every device that it stands behind, the disk's own first.
fn drivers(site: &Site, disk: &str) -> Vec<String> {
    let Ok(device) = site.resolve(format!("/sys/class/block/{disk}/device")) else {
        return Vec::new();
    };
    device
        .ancestors()
        .filter_map(|folder| site.resolve(folder.join("driver/module")).ok())
        .filter_map(|module| Some(module.file_name()?.to_str()?.to_owned()))
        .collect()
}

/// Whether a list of modules' files, one a line and perhaps with what they depend on behind a colon, has a module.
fn has(list: &str, module: &str) -> bool {
    list.lines()
        .filter_map(|line| line.split(':').next())
        .filter_map(|path| Path::new(path).file_name()?.to_str()?.split(".ko").next())
        .any(|name| name.replace('-', "_") == module)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::sync::Arc;

    use sigmavault_facts::Files;
    use sigmavault_host::run::Local;

    use super::*;

    /// A machine with the disk `sda` at an hpsa controller behind a port that is built into the kernel.
    fn machine(root: &Path) -> Site {
        let controller = root.join("sys/devices/pci0000:00/0000:00:01.0/0000:03:00.0");
        let device = controller.join("host0/target0:0:0/0:0:0:0");
        for folder in [
            &device,
            &root.join("sys/class/block/sda"),
            &root.join("run/sigmavault"),
        ] {
            fs::create_dir_all(folder).unwrap();
        }
        symlink(&device, root.join("sys/class/block/sda/device")).unwrap();
        for (folder, module) in [
            (device.as_path(), "sd_mod"),
            (&controller, "hpsa"),
            (controller.parent().unwrap(), "pcieportdrv"),
        ] {
            let (driver, module) = (folder.join("driver"), root.join("sys/module").join(module));
            fs::create_dir_all(&driver).unwrap();
            fs::create_dir_all(&module).unwrap();
            symlink(&module, driver.join("module")).unwrap();
        }
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("proc/sys/kernel/osrelease", "6.12.1\n");
        write(
            "usr/lib/modules/6.12.1/modules.dep",
            "kernel/drivers/scsi/hpsa.ko.xz: kernel/drivers/scsi/scsi_mod.ko.xz\nkernel/drivers/scsi/sd_mod.ko.xz:\n",
        );
        Site::new(Arc::new(Local), Files::new(root), Arc::new(|_| {}))
    }

    #[test]
    fn a_controller_without_a_driver_in_the_initrd() {
        let root = tempfile::tempdir().unwrap();
        let site = machine(root.path());
        let initrd = root.path().join("run/sigmavault/initrd-modules");
        // A medium that does not say what its initrd has refuses nothing.
        assert_eq!(missing(&site, "sda"), [""; 0]);
        fs::write(&initrd, "kernel/drivers/scsi/sd_mod.ko.xz\n").unwrap();
        assert_eq!(missing(&site, "sda"), ["hpsa"]);
        fs::write(
            &initrd,
            "kernel/drivers/scsi/sd_mod.ko.xz\nkernel/drivers/scsi/hpsa.ko.xz\n",
        )
        .unwrap();
        assert_eq!(missing(&site, "sda"), [""; 0]);
        assert_eq!(missing(&site, "sdb"), [""; 0]);
    }

    #[test]
    fn names_of_modules() {
        let list = "kernel/drivers/usb/host/xhci-pci-renesas.ko.xz: kernel/drivers/usb/host/xhci-hcd.ko.xz\n";
        assert!(has(list, "xhci_pci_renesas"));
        assert!(!has(list, "xhci_hcd"));
    }
}
