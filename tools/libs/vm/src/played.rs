//! A machine for tests without QEMU: a process that only sleeps stands in for it, and the test speaks on its
//! connections.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use crate::accel::Accelerator;
use crate::board::Board;
use crate::drive::{Bus, Drive};
use crate::logs::Logs;
use crate::machine::{Machine, OnReset};
use crate::memory::Memory;
use crate::session::Session;

/// A machine that runs, and what its QEMU holds.
pub struct Played {
    pub folder: tempfile::TempDir,
    pub session: Session<'static>,
    pub control: UnixStream,
    pub reports: UnixStream,
    pub keyboard: UnixStream,
    pub pid: u32,
    pub interrupted: &'static AtomicBool,
}

pub fn machine(folder: &Path) -> Machine {
    let at = |name: &str| folder.join(name);
    Machine {
        board: Board::Q35,
        accelerator: Accelerator::Tcg,
        cpu: "max".into(),
        memory: Memory::gib(1),
        uefi: None,
        direct: None,
        medium: None,
        drives: vec![Drive::new(at("disk0"), "A", Bus::Virtio)],
        pluggable: None,
        tpm_socket: None,
        on_reset: OnReset::End,
        oem_strings: Vec::new(),
        sockets: folder.to_owned(),
        serial_input: false,
        logs: Logs::new(folder),
    }
}

/// A process that takes QEMU's arguments.
pub fn stand_in(script: &str) -> Command {
    let mut command = Command::new("bash");
    command.args(["-c", script, "qemu"]);
    command
}

pub fn connect(path: &Path) -> UnixStream {
    for _ in 0..500 {
        if let Ok(stream) = UnixStream::connect(path) {
            return stream;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("nobody listens on {}", path.display());
}

pub fn play() -> Played {
    let folder = tempfile::tempdir().unwrap();
    let machine = Machine {
        serial_input: true,
        ..machine(folder.path())
    };
    let (control_path, report_path) = (machine.qmp_socket(), machine.report_socket());
    let serial_path = machine.serial_socket().unwrap();
    let qemu = thread::spawn(move || {
        let mut control = connect(&control_path);
        let (keyboard, reports) = (connect(&serial_path), connect(&report_path));
        control.write_all(b"{\"QMP\": {}}\n").unwrap();
        let mut line = String::new();
        BufReader::new(control.try_clone().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert!(line.contains("qmp_capabilities"), "{line}");
        control.write_all(b"{\"return\": {}}\n").unwrap();
        (control, keyboard, reports)
    });
    let interrupted: &'static AtomicBool = Box::leak(Box::default());
    let session = Session::start_by(&machine, stand_in("exec sleep 600"), interrupted).unwrap();
    let (control, keyboard, reports) = qemu.join().unwrap();
    let pid = session.qemu_id();
    Played {
        folder,
        session,
        control,
        reports,
        keyboard,
        pid,
        interrupted,
    }
}

impl Played {
    /// Prints on the serial port.
    pub fn serial(&self, text: &str) {
        let path = self.folder.path().join("serial.log");
        File::options()
            .append(true)
            .open(path)
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
    }
}
