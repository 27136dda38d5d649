//! The test plays QEMU.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process;

use super::*;
use crate::played::{Played, connect, machine, play, stand_in};

impl Played {
    fn wait(&mut self, limit: Duration) -> Result<Vec<String>, Error> {
        let mut said = Vec::new();
        let awaited = Awaited {
            what: "the guest",
            deadline: Instant::now() + limit,
            limit,
            artifacts: Path::new("/artifacts"),
        };
        self.session
            .wait(&awaited, &mut |line| said.push(line.to_owned()), |session| {
                session.guest.done
            })?;
        Ok(said)
    }
}

const LONG: Duration = Duration::from_mins(1);
const SHORT: Duration = Duration::from_millis(400);

#[test]
fn a_guest_that_reports() {
    let mut played = play();
    played.serial("[    0.0] Linux version 6.12\r\n");
    played
        .reports
        .write_all(b"{\"type\":\"hello\"}\n{\"type\":\"begin\",\"check\":\"zfs-mirror\"}\n")
        .unwrap();
    let mut reports = played.reports.try_clone().unwrap();
    let later = thread::spawn(move || {
        thread::sleep(SHORT);
        reports.write_all(b"{\"type\":\"done\"}\n").unwrap();
    });
    let said = played.wait(LONG).unwrap();
    assert_eq!(said, ["   0 s  zfs-mirror"]);
    later.join().unwrap();

    played.session.order_power_off().unwrap();
    let mut order = String::new();
    BufReader::new(&played.reports).read_line(&mut order).unwrap();
    assert_eq!(order, "poweroff\n");
    assert_eq!(played.session.wait_for_exit(SHORT).unwrap(), None);
}

#[test]
fn time_runs_out() {
    let mut played = play();
    played.serial("BdsDxe: starting Boot0001\r\n[    0.0] Linux version 6.12\r\nwaiting for ");
    let error = played.wait(SHORT).unwrap_err().to_string();
    assert!(
        error.starts_with("not done after 0 s while waiting for the guest\nLast seen: kernel after"),
        "{error}"
    );
    assert!(
        error.contains("\n  [    0.0] Linux version 6.12\n  waiting for\n"),
        "{error}"
    );
    assert!(error.ends_with("look into the logs in /artifacts"), "{error}");
}

#[test]
fn a_boot_that_fails() {
    let mut played = play();
    played.serial("[    2.5] Kernel panic - not syncing: VFS\r\n");
    let error = played.wait(LONG).unwrap_err().to_string();
    assert!(
        error.starts_with("the boot failed: [    2.5] Kernel panic - not syncing: VFS\nLast seen:"),
        "{error}"
    );
}

#[test]
fn qemu_dies() {
    let mut played = play();
    fs_write(
        &played.folder.path().join("qemu.log"),
        "qemu: one\n\nqemu: out of memory\n",
    );
    let status = process::Command::new("kill")
        .args(["-9", &played.pid.to_string()])
        .status()
        .unwrap();
    assert!(status.success());
    let error = played.wait(LONG).unwrap_err().to_string();
    let expected = "the virtual machine ended early: QEMU ended (signal: 9 (SIGKILL)): qemu: one; qemu: out of memory\n\
                    Last seen: power on after 0 s; nothing on the serial port";
    assert_eq!(error, expected);
}

fn fs_write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

#[test]
fn the_guest_resets_itself() {
    let mut played = play();
    played
        .control
        .write_all(b"{\"event\": \"SHUTDOWN\", \"data\": {\"reason\": \"guest-reset\"}}\n")
        .unwrap();
    let error = played.wait(LONG).unwrap_err().to_string();
    assert!(
        error.starts_with("the virtual machine ended early: the guest reset itself\n"),
        "{error}"
    );
    assert_eq!(played.session.early_signs().halt, Some(Halt::Reset));
}

#[test]
fn a_machine_that_starts_again() {
    let mut played = play();
    played
        .reports
        .write_all(b"{\"type\":\"hello\"}\n{\"type\":\"done\"}\n")
        .unwrap();
    played.wait(LONG).unwrap();
    played
        .control
        .write_all(b"{\"event\": \"RESET\", \"data\": {\"guest\": true, \"reason\": \"guest-reset\"}}\n")
        .unwrap();
    thread::sleep(SHORT);
    played.session.poll().unwrap();
    assert_eq!((played.session.resets(), played.session.has_ended()), (1, false));
    assert!(!played.session.guest.hello && !played.session.guest.done);
}

#[test]
fn typing_and_orders() {
    let mut played = play();
    for byte in b"vault login: " {
        played.keyboard.write_all(&[*byte]).unwrap();
    }
    let until = Instant::now() + LONG;
    while played.session.transcript().unfinished() != "vault login:" {
        assert!(Instant::now() < until);
        played.session.poll().unwrap();
    }
    played.session.type_on_serial("root\r").unwrap();
    let mut typed = [0; 5];
    played.keyboard.read_exact(&mut typed).unwrap();
    assert_eq!(&typed, b"root\r");
    played.session.order("1 aWQ=").unwrap();
    let mut order = String::new();
    BufReader::new(&played.reports).read_line(&mut order).unwrap();
    assert_eq!(order, "1 aWQ=\n");
}

#[test]
fn the_accelerator_gives_up() {
    let mut played = play();
    let mut control = played.control.try_clone().unwrap();
    let qemu = thread::spawn(move || {
        control.write_all(b"{\"event\": \"STOP\"}\n").unwrap();
        let mut line = String::new();
        BufReader::new(control.try_clone().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert!(line.contains("query-status"), "{line}");
        control
            .write_all(b"{\"return\": {\"status\": \"internal-error\"}}\n")
            .unwrap();
    });
    played.wait(LONG).unwrap_err();
    qemu.join().unwrap();
    assert_eq!(played.session.early_signs().halt, Some(Halt::InternalError));
}

#[test]
fn an_interrupt_kills_qemu() {
    let mut played = play();
    played.interrupted.store(true, Ordering::Relaxed);
    assert!(matches!(played.wait(LONG), Err(Error::Interrupted)));
    let process = PathBuf::from(format!("/proc/{}", played.pid));
    assert!(process.exists());
    drop(played);
    assert!(!process.exists());
}

/// As QEMU does with an unknown processor model: the connections are made first.
#[test]
fn qemu_that_hangs_up() {
    let folder = tempfile::tempdir().unwrap();
    let machine = machine(folder.path());
    let (control, report) = (machine.qmp_socket(), machine.report_socket());
    let qemu = thread::spawn(move || drop((connect(&control), connect(&report))));
    let never = AtomicBool::new(false);
    let command = stand_in("echo 'qemu: bad cpu model' >&2; exec sleep 0.3");
    let error = Session::start_by(&machine, command, &never).unwrap_err();
    qemu.join().unwrap();
    assert!(
        error
            .to_string()
            .contains("QEMU did not start: qemu: bad cpu model\n"),
        "{error}"
    );
}

#[test]
fn qemu_that_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let machine = machine(folder.path());
    let command = stand_in("echo 'qemu: bad cpu model' >&2; exit 1");
    let never = AtomicBool::new(false);
    let error = Session::start_by(&machine, command, &never).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the virtual machine ended early: QEMU did not start: qemu: bad cpu model\n\
         Last seen: before power on; nothing on the serial port"
    );
}
