//! The test plays QEMU and the agent in its guest.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::process::Command;

use super::*;
use crate::played::{Played, play};

const LONG: Duration = Duration::from_mins(1);
const SHORT: Duration = Duration::from_millis(400);

/// The rest of a played machine, while a boot has its session.
struct Rest {
    folder: tempfile::TempDir,
    control: UnixStream,
    reports: UnixStream,
    pid: u32,
}

fn tools() -> ToolsTree {
    ToolsTree {
        root: "/no/tools".into(),
    }
}

fn boot(tools: &ToolsTree) -> (Boot<'_>, Rest) {
    let Played {
        folder,
        session,
        control,
        reports,
        pid,
        ..
    } = play();
    let logs = Logs::new(folder.path());
    let sockets = folder.path().to_owned();
    let boot = Boot::new(session, tools, Instant::now() + LONG, sockets, logs);
    let rest = Rest {
        folder,
        control,
        reports,
        pid,
    };
    (boot, rest)
}

impl Rest {
    fn print(&self, text: &str) {
        let log = Logs::new(self.folder.path()).serial();
        let mut log = std::fs::File::options().append(true).open(log).unwrap();
        log.write_all(text.as_bytes()).unwrap();
    }

    /// Answers commands of the control connection in turn, and returns them.
    fn answer(&self, answers: Vec<Value>) -> thread::JoinHandle<Vec<Value>> {
        let mut control = self.control.try_clone().unwrap();
        thread::spawn(move || {
            let mut lines = BufReader::new(control.try_clone().unwrap()).lines();
            let mut commands = Vec::new();
            for answer in answers {
                commands.push(serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap());
                let answer = if answer["class"].is_string() {
                    json!({ "error": answer })
                } else {
                    json!({ "return": answer })
                };
                writeln!(control, "{answer}").unwrap();
            }
            commands
        })
    }

    fn event(&mut self, reason: &str) {
        let event = json!({ "event": "SHUTDOWN", "data": { "reason": reason } });
        writeln!(self.control, "{event}").unwrap();
    }

    fn end_qemu(&self) {
        let status = Command::new("kill").args(["-9", &self.pid.to_string()]).status();
        assert!(status.unwrap().success());
    }
}

#[test]
fn a_script_and_its_answer() {
    let tools = tools();
    let (mut boot, rest) = boot(&tools);
    let agent = thread::spawn(move || {
        let mut reports = rest.reports.try_clone().unwrap();
        let mut order = String::new();
        BufReader::new(rest.reports).read_line(&mut order).unwrap();
        let answer = r#"{"type":"begin","check":"1"}
{"type":"fact","check":"1","key":"output","value":"root\n"}
{"type":"end","check":"1","status":3,"ms":20}
"#;
        reports.write_all(answer.as_bytes()).unwrap();
        order
    });
    let answer = boot.run("id -un").unwrap();
    assert_eq!(agent.join().unwrap(), "1 120 aWQgLXVu\n");
    assert_eq!(answer.text(), "root (status 3)");
    assert_eq!(answer.took, Duration::from_millis(20));
}

#[test]
fn lines_of_the_serial_console() {
    let tools = tools();
    let (mut boot, rest) = boot(&tools);
    rest.print("vault login: ada\nlast login: never\nada@vault:~$ ");
    let line = boot.wait_for_line("login:", LONG).unwrap();
    assert_eq!(line, "vault login: ada");
    assert_eq!(boot.line_count(), 2);
    let line = boot.wait_for_line_after(1, "login:", LONG).unwrap();
    assert_eq!(line, "last login: never");
    assert_eq!(boot.wait_for_line("$", LONG).unwrap(), "ada@vault:~$");
    let error = boot.wait_for_line_after(2, "login:", SHORT).unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
}

#[test]
fn a_fatal_line_ends_the_wait_unless_the_machine_recovers() {
    let tools = tools();
    let (mut boot, rest) = boot(&tools);
    rest.print("[    2.5] Kernel panic - not syncing: VFS\n");
    let error = boot.wait_for_system(LONG).unwrap_err();
    assert!(matches!(error, Error::BootFailed { .. }), "{error}");
    let error = boot.patient().wait_for_system(SHORT).unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
}

#[test]
fn keys_and_writes_go_over_the_control_connection() {
    let tools = tools();
    let (mut boot, rest) = boot(&tools);
    let stats = json!([{ "node-name": "disk0", "stats": { "wr_operations": 2, "wr_bytes": 4096 } }]);
    let qemu = rest.answer(vec![json!({}), json!({}), stats.clone(), stats]);
    boot.type_text("A-").unwrap();
    let first = boot.written().unwrap().remove(0);
    assert_eq!((first.operations, first.bytes), (2, 4096));
    boot.wait_for_writes(0, 4096, LONG, |_| false).unwrap();
    let commands = qemu.join().unwrap();
    let keys = |number: usize| -> Vec<&str> {
        let keys = commands[number]["arguments"]["keys"].as_array().unwrap();
        keys.iter().filter_map(|key| key["data"].as_str()).collect()
    };
    assert_eq!((keys(0), keys(1)), (vec!["shift", "a"], vec!["minus"]));
    assert_eq!(commands[2]["execute"], "query-blockstats");
    let error = boot.type_text("é").unwrap_err();
    assert!(matches!(error, Error::NoKey('é')), "{error}");
}

#[test]
fn ends_of_a_machine() {
    let tools = tools();
    let (mut boot, mut rest) = boot(&tools);
    let error = boot.wait_for_end(Halt::Reset, SHORT).unwrap_err();
    assert!(matches!(error, Error::StillRunning { .. }), "{error}");
    rest.event("guest-shutdown");
    rest.end_qemu();
    let error = boot.wait_for_end(Halt::Reset, LONG).unwrap_err();
    let halt = Some(Halt::PoweredOff);
    assert!(
        matches!(error, Error::OtherEnd { halt: ended, .. } if ended == halt),
        "{error}"
    );
    boot.wait_for_end(Halt::PoweredOff, LONG).unwrap();
}

#[test]
fn a_disk_is_plugged_in_and_pulled_out() {
    let tools = tools();
    let (mut boot, rest) = boot(&tools);
    let image = Image::create(rest.folder.path().join("disk"), 512).unwrap();
    // What it was doing has not ended when it is first asked for.
    let busy = json!({ "class": "GenericError", "desc": "Node SV-CUT is in use" });
    let qemu = rest.answer(vec![json!({}), json!({}), json!({}), busy, json!({})]);
    boot.plug(&image, "SV-CUT").unwrap();
    boot.unplug("SV-CUT").unwrap();
    let commands = qemu.join().unwrap();
    let said: Vec<(&str, &str)> = ["node-name", "id", "id", "node-name", "node-name"]
        .iter()
        .zip(&commands)
        .map(|(key, command)| {
            let text = |value: &'static str| command[value].as_str().unwrap_or_default();
            (
                text("execute"),
                command["arguments"][key].as_str().unwrap_or_default(),
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            ("blockdev-add", "SV-CUT"),
            ("device_add", "plugged-SV-CUT"),
            ("device_del", "plugged-SV-CUT"),
            ("blockdev-del", "SV-CUT"),
            ("blockdev-del", "SV-CUT"),
        ]
    );
    assert_eq!(commands[1]["arguments"]["serial"], "SV-CUT");
}
