//! The virtual machine as a QEMU command line: a pure function from a description, so that it is
//! tested without QEMU.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::accel::Accelerator;
use crate::board::Board;
use crate::direct::DirectKernel;
use crate::drive::{Drive, LiveMedium, controllers};
use crate::firmware::FirmwareFiles;
use crate::guest::{JOURNAL_PORT, REPORT_PORT};
use crate::logs::Logs;
use crate::memory::Memory;
use crate::tools::Share;

/// What QEMU does when the guest resets itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnReset {
    /// It ends, and the session reports that.
    End,
    /// The machine starts again, as a real one does.
    Restart,
}

/// The parts of a machine. Paths are as QEMU sees them.
#[derive(Debug, Clone)]
pub struct Machine {
    /// What kind of machine it is.
    pub board: Board,
    /// How the processor is virtualised.
    pub accelerator: Accelerator,
    /// QEMU's name of the processor model.
    pub cpu: String,
    /// Memory; taken from the host only as the guest touches it.
    pub memory: Memory,
    /// OVMF and its variables; `None` for `SeaBIOS`, or for a kernel.
    pub uefi: Option<FirmwareFiles>,
    /// A kernel that is started without firmware.
    pub direct: Option<DirectKernel>,
    /// The medium that it boots from first; `None` to boot from its drives.
    pub medium: Option<LiveMedium>,
    /// Its disks.
    pub drives: Vec<Drive>,
    /// Folder with images of disks that may be plugged in while it runs.
    pub pluggable: Option<PathBuf>,
    /// Unix socket of a running swtpm.
    pub tpm_socket: Option<PathBuf>,
    /// What a reset by the guest does.
    pub on_reset: OnReset,
    /// Files with one SMBIOS type 11 string each.
    pub oem_strings: Vec<PathBuf>,
    /// Folder for the Unix sockets on which we wait for QEMU. The path of a socket has at most 107 bytes.
    pub sockets: PathBuf,
    /// Whether the serial port can be typed on; else it is only listened to.
    pub serial_input: bool,
    /// Receives what the machine prints and reports.
    pub logs: Logs,
}

impl Machine {
    /// Unix socket for QEMU's control connection.
    pub fn qmp_socket(&self) -> PathBuf {
        self.sockets.join("qmp")
    }

    /// Unix socket for the guest's reports and its orders.
    pub fn report_socket(&self) -> PathBuf {
        self.sockets.join("report")
    }

    /// Unix socket for the serial port, when it can be typed on.
    pub fn serial_socket(&self) -> Option<PathBuf> {
        self.serial_input.then(|| self.sockets.join("serial"))
    }

    /// The files and folders of the host that QEMU needs for this machine.
    pub fn shares(&self) -> Vec<Share<'_>> {
        let mut shares = vec![Share::Write(&self.sockets), Share::Write(self.logs.folder())];
        shares.extend(self.medium.iter().map(|medium| Share::Read(&medium.iso)));
        shares.extend(self.uefi.iter().map(|files| Share::Write(&files.vars)));
        let kernel = self.direct.iter().flat_map(DirectKernel::files);
        shares.extend(kernel.map(Share::Read));
        shares.extend(self.drives.iter().map(|drive| {
            if drive.read_only {
                Share::Read(&drive.path)
            } else {
                Share::Write(&drive.path)
            }
        }));
        let logs = self.drives.iter().filter_map(|drive| drive.log.as_deref());
        shares.extend(logs.map(Share::Write));
        shares.extend(self.pluggable.as_deref().map(Share::Write));
        shares.extend(
            self.tpm_socket
                .as_deref()
                .and_then(Path::parent)
                .map(Share::Write),
        );
        shares
    }

    /// QEMU's arguments, without the program.
    pub fn arguments(&self) -> Vec<String> {
        let mut line = Line::default();
        line.flag("-nodefaults").flag("-no-user-config");
        line.pair("-name", "sigmavault-smoke");
        line.pair(
            "-machine",
            &format!("{},memory-backend=ram", self.board.machine()),
        );
        line.pair("-accel", self.accelerator.argument());
        let emulated = self.accelerator == Accelerator::Tcg;
        line.pair("-cpu", &self.board.cpu(&self.cpu, emulated));
        line.pair("-smp", &self.board.cpus().to_string());
        // Neither reserved nor preallocated: a machine may have more memory than is free on the host.
        line.pair(
            "-object",
            &format!(
                "memory-backend-ram,id=ram,size={}M,reserve=off",
                self.memory.mib()
            ),
        );
        line.pair("-m", &format!("{}M", self.memory.mib()));
        line.pair("-rtc", "base=utc");
        line.pair("-boot", "strict=on");
        let on_reset = match self.on_reset {
            OnReset::End => "shutdown",
            OnReset::Restart => "reset",
        };
        line.pair("-action", &format!("reboot={on_reset},shutdown=poweroff"));
        line.pair("-display", "none");
        if let Some(screen) = self.board.screen() {
            line.pair("-device", screen);
        }
        if self.board.has_pci() {
            line.pair("-object", "rng-random,id=rng,filename=/dev/urandom");
            line.pair("-device", "virtio-rng-pci,rng=rng");
            line.pair("-netdev", "user,id=net,restrict=on");
            line.pair("-device", "virtio-net-pci,netdev=net");
        }
        self.firmware(&mut line);
        self.storage(&mut line);
        self.tpm(&mut line);
        self.channels(&mut line);
        for path in &self.oem_strings {
            line.pair("-smbios", &format!("type=11,path={}", value(path)));
        }
        line.0
    }

    fn firmware(&self, line: &mut Line) {
        for (option, value) in self.direct.iter().flat_map(DirectKernel::options) {
            line.pair(option, &value);
        }
        let Some(files) = &self.uefi else { return };
        line.file("code", &files.code, true)
            .file("vars", &files.vars, false);
        line.pair("-machine", "pflash0=code,pflash1=vars");
    }

    fn storage(&self, line: &mut Line) {
        if self.needs_usb() {
            line.pair("-device", "qemu-xhci,id=xhci");
        }
        if let Some(keyboard) = self.board.keyboard() {
            line.pair("-device", keyboard);
        }
        if let Some(medium) = &self.medium {
            line.file("medium", &medium.iso, true);
            for device in medium.devices(self.board) {
                line.pair("-device", device);
            }
        }
        if !self.board.has_pci() {
            // The machine has a slot, which takes no block node.
            for drive in &self.drives {
                line.pair("-drive", &format!("if=sd,format=raw,file={}", value(&drive.path)));
            }
            return;
        }
        for controller in controllers(&self.drives) {
            line.pair("-device", &controller);
        }
        for (index, drive) in self.drives.iter().enumerate() {
            let node = format!("disk{index}");
            match &drive.log {
                None => line.file(&node, &drive.path, drive.read_only),
                Some(log) => line.logged(&node, &drive.path, log),
            };
            for device in drive.devices(index, &node) {
                line.pair("-device", &device);
            }
        }
    }

    fn needs_usb(&self) -> bool {
        self.board.keyboard().is_some()
            || self.medium.as_ref().is_some_and(LiveMedium::is_usb)
            || self.drives.iter().any(Drive::is_usb)
            || self.pluggable.is_some()
    }

    fn tpm(&self, line: &mut Line) {
        let Some(socket) = &self.tpm_socket else { return };
        line.pair("-chardev", &format!("socket,id=tpm,path={}", value(socket)));
        line.pair("-tpmdev", "emulator,id=tpm0,chardev=tpm");
        line.pair("-device", self.board.tpm());
    }

    fn channels(&self, line: &mut Line) {
        line.pair(
            "-chardev",
            &format!("socket,id=qmp,path={}", value(&self.qmp_socket())),
        );
        line.pair("-mon", "chardev=qmp,mode=control");
        let serial = match self.serial_socket() {
            // The session keeps the log.
            Some(socket) => format!("socket,id=serial,path={}", value(&socket)),
            None => format!("file,id=serial,path={}", value(&self.logs.serial())),
        };
        line.pair("-chardev", &serial);
        let (option, serial) = self.board.serial();
        line.pair(option, serial);
        if self.board.has_pci() {
            line.pair("-device", "virtio-serial-pci");
        }
        line.pair(
            "-chardev",
            &format!(
                "socket,id=report,path={},logfile={}",
                value(&self.report_socket()),
                value(&self.logs.guest())
            ),
        );
        if !self.board.has_pci() {
            return;
        }
        line.pair(
            "-device",
            &format!("virtserialport,chardev=report,name={REPORT_PORT}"),
        );
        line.pair(
            "-chardev",
            &format!("file,id=journal,path={}", value(&self.logs.journal())),
        );
        line.pair(
            "-device",
            &format!("virtserialport,chardev=journal,name={JOURNAL_PORT}"),
        );
    }
}

#[derive(Default)]
struct Line(Vec<String>);

impl Line {
    fn flag(&mut self, flag: &str) -> &mut Self {
        self.0.push(flag.to_owned());
        self
    }

    fn pair(&mut self, option: &str, value: &str) -> &mut Self {
        self.flag(option).flag(value)
    }

    fn file(&mut self, node: &str, path: &Path, read_only: bool) -> &mut Self {
        // JSON, because the other notation cannot express every file name.
        self.pair("-blockdev", &block_node(node, path, read_only).to_string())
    }

    /// A disk whose writes are logged. Flushes are logged too, and need not reach the disk of the host.
    fn logged(&mut self, node: &str, path: &Path, log: &Path) -> &mut Self {
        let file = |path: &Path| json!({ "driver": "file", "filename": path.to_string_lossy(), "cache": { "no-flush": true } });
        let description = json!({
            "driver": "blklogwrites",
            "node-name": node,
            "file": { "driver": "raw", "file": file(path) },
            "log": file(log),
        });
        self.pair("-blockdev", &description.to_string())
    }
}

/// A raw image as a block node of QEMU.
pub(crate) fn block_node(node: &str, path: &Path, read_only: bool) -> Value {
    json!({
        "driver": "raw",
        "node-name": node,
        "read-only": read_only,
        "file": { "driver": "file", "filename": path.to_string_lossy(), "read-only": read_only },
    })
}

/// A path as a value in QEMU's `key=value,key=value` notation, where a comma is doubled.
fn value(path: &Path) -> String {
    path.to_string_lossy().replace(',', ",,")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drive::{Bus, Medium};

    fn machine() -> Machine {
        Machine {
            board: Board::Q35,
            accelerator: Accelerator::Tcg,
            cpu: "max".into(),
            memory: Memory::gib(16),
            uefi: Some(FirmwareFiles {
                code: "/fw/code.fd".into(),
                vars: "/w/vars.fd".into(),
            }),
            direct: None,
            medium: Some(LiveMedium {
                iso: "/out/a,b.iso".into(),
                kind: Medium::Usb,
            }),
            drives: ["A", "B"]
                .map(|serial| Drive::new(format!("/w/disk{serial}"), serial, Bus::Virtio))
                .into(),
            pluggable: None,
            tpm_socket: None,
            on_reset: OnReset::End,
            oem_strings: vec!["/w/c,1".into(), "/w/c2".into()],
            sockets: "/w".into(),
            serial_input: false,
            logs: Logs::new("/a"),
        }
    }

    /// The values that follow one option.
    fn values<'a>(arguments: &'a [String], option: &str) -> Vec<&'a str> {
        arguments
            .windows(2)
            .filter(|pair| pair[0] == option)
            .map(|pair| pair[1].as_str())
            .collect()
    }

    #[test]
    fn usb_under_uefi() {
        let arguments = machine().arguments();
        assert_eq!(values(&arguments, "-accel"), ["tcg,thread=multi"]);
        assert_eq!(
            values(&arguments, "-machine"),
            ["q35,memory-backend=ram", "pflash0=code,pflash1=vars"]
        );
        assert_eq!(
            values(&arguments, "-object")[0],
            "memory-backend-ram,id=ram,size=16384M,reserve=off"
        );
        assert_eq!(
            values(&arguments, "-device"),
            [
                "VGA",
                "virtio-rng-pci,rng=rng",
                "virtio-net-pci,netdev=net",
                "qemu-xhci,id=xhci",
                "usb-storage,bus=xhci.0,drive=medium,removable=on,bootindex=0",
                "virtio-blk-pci,id=drive0,drive=disk0,serial=A",
                "virtio-blk-pci,id=drive1,drive=disk1,serial=B",
                "isa-serial,chardev=serial",
                "virtio-serial-pci",
                "virtserialport,chardev=report,name=org.sigmavault.smoke",
                "virtserialport,chardev=journal,name=org.sigmavault.journal",
            ]
        );
        assert_eq!(values(&arguments, "-netdev"), ["user,id=net,restrict=on"]);
        assert_eq!(
            values(&arguments, "-smbios"),
            ["type=11,path=/w/c,,1", "type=11,path=/w/c2"]
        );
    }

    #[test]
    fn block_devices_name_the_files_and_protect_the_iso() {
        let arguments = machine().arguments();
        let nodes: Vec<(String, String, bool)> = values(&arguments, "-blockdev")
            .into_iter()
            .map(|text| {
                let node: serde_json::Value = serde_json::from_str(text).unwrap();
                assert_eq!(node["read-only"], node["file"]["read-only"]);
                let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
                (
                    text(&node["node-name"]),
                    text(&node["file"]["filename"]),
                    node["read-only"] == true,
                )
            })
            .collect();
        let expected = [
            ("code", "/fw/code.fd", true),
            ("vars", "/w/vars.fd", false),
            ("medium", "/out/a,b.iso", true),
            ("disk0", "/w/diskA", false),
            ("disk1", "/w/diskB", false),
        ];
        assert_eq!(
            nodes,
            expected.map(|(node, file, ro)| (node.to_owned(), file.to_owned(), ro))
        );
    }

    #[test]
    fn cd_under_bios() {
        let arguments = Machine {
            uefi: None,
            medium: Some(LiveMedium {
                iso: "/out/a.iso".into(),
                kind: Medium::Cd,
            }),
            accelerator: Accelerator::Kvm,
            ..machine()
        }
        .arguments();
        assert_eq!(values(&arguments, "-accel"), ["kvm"]);
        assert_eq!(values(&arguments, "-machine"), ["q35,memory-backend=ram"]);
        assert!(values(&arguments, "-device").contains(&"ide-cd,bus=ide.0,drive=medium,bootindex=0"));
        assert!(
            !arguments
                .iter()
                .any(|argument| argument.contains("usb") || argument.contains("pflash"))
        );
    }

    #[test]
    fn an_installed_machine() {
        let drives = [Bus::Virtio, Bus::Sata, Bus::Nvme, Bus::Usb]
            .map(|bus| Drive::new("/w/d", "S", bus))
            .into();
        let arguments = Machine {
            medium: None,
            drives,
            tpm_socket: Some("/w/tpm".into()),
            serial_input: true,
            on_reset: OnReset::Restart,
            ..machine()
        }
        .arguments();
        assert_eq!(values(&arguments, "-action"), ["reboot=reset,shutdown=poweroff"]);
        assert_eq!(
            values(&arguments, "-device")[3..9],
            [
                "qemu-xhci,id=xhci",
                "virtio-blk-pci,id=drive0,drive=disk0,serial=S",
                "ide-hd,id=drive1,bus=ide.2,drive=disk1,serial=S",
                "nvme,id=drive2,drive=disk2,serial=S",
                "usb-storage,id=drive3,bus=xhci.0,drive=disk3,serial=S",
                "tpm-crb,tpmdev=tpm0",
            ]
        );
        assert_eq!(values(&arguments, "-tpmdev"), ["emulator,id=tpm0,chardev=tpm"]);
        let serial = "socket,id=serial,path=/w/serial";
        assert!(values(&arguments, "-chardev").contains(&serial));
    }

    #[test]
    fn a_disk_whose_writes_are_logged() {
        let mut machine = machine();
        machine.drives[1].log = Some("/w/log".into());
        let arguments = machine.arguments();
        let node: Value = serde_json::from_str(values(&arguments, "-blockdev")[4]).unwrap();
        assert_eq!(
            (&node["driver"], &node["node-name"]),
            (&json!("blklogwrites"), &json!("disk1"))
        );
        assert_eq!(node["file"]["file"]["filename"], "/w/diskB");
        assert_eq!(node["log"]["filename"], "/w/log");
    }

    #[test]
    fn what_qemu_sees_of_the_host() {
        let mut machine = Machine {
            tpm_socket: Some("/t/socket".into()),
            pluggable: Some("/w/disks".into()),
            ..machine()
        };
        machine.drives[0].log = Some("/w/log".into());
        machine.drives[1].read_only = true;
        let path = Path::new;
        assert_eq!(
            machine.shares(),
            [
                Share::Write(path("/w")),
                Share::Write(path("/a")),
                Share::Read(path("/out/a,b.iso")),
                Share::Write(path("/w/vars.fd")),
                Share::Write(path("/w/diskA")),
                Share::Read(path("/w/diskB")),
                Share::Write(path("/w/log")),
                Share::Write(path("/w/disks")),
                Share::Write(path("/t")),
            ]
        );
    }
}
