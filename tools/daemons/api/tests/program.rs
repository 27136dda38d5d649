//! The program itself, with the test in the service manager's place.

#![allow(clippy::unwrap_used)]

mod common;

use std::io::Read as _;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

struct Manager {
    socket: UnixDatagram,
    folder: tempfile::TempDir,
}

impl Manager {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self { socket, folder }
    }

    /// The next message that has this line in it.
    fn wait_for(&self, line: &str) -> String {
        let start = Instant::now();
        let mut buffer = [0; 4096];
        while start.elapsed() < Duration::from_secs(20) {
            let length = self.socket.recv(&mut buffer).unwrap();
            let message = String::from_utf8(buffer[..length].to_vec()).unwrap();
            if message.lines().any(|found| found == line) {
                return message;
            }
        }
        panic!("no message with {line}");
    }
}

fn api(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sigmavault-api"))
        .args(arguments)
        .output()
        .unwrap()
}

fn terminate(child: &Child) {
    let killed = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(killed.success());
}

#[test]
fn the_service_manager_hears_of_ready_alive_and_stopping() {
    let manager = Manager::new();
    let root = common::machine();
    let mut child = Command::new(env!("CARGO_BIN_EXE_sigmavault-api"))
        .args(["--listen", "127.0.0.1:0", "--root"])
        .arg(root.path())
        .env("NOTIFY_SOCKET", manager.folder.path().join("notify"))
        .env("WATCHDOG_USEC", "600000")
        .env_remove("WATCHDOG_PID")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let ready = manager.wait_for("READY=1");
    let address = ready
        .lines()
        .find_map(|line| line.strip_prefix("STATUS=Listening on "))
        .unwrap()
        .to_owned();
    manager.wait_for("WATCHDOG=1");
    manager.wait_for("WATCHDOG=1");

    let body = ureq::get(format!("{address}/health/ready"))
        .call()
        .unwrap()
        .body_mut()
        .read_to_string()
        .unwrap();
    assert_eq!(body, "{\"status\":\"ok\"}");

    terminate(&child);
    manager.wait_for("STOPPING=1");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert_eq!(log, format!("info: listening on {address}\ninfo: stopping\n"));
}

#[test]
fn an_address_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let root = common::machine();
    let output = api(&["--listen", &address, "--root", root.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        format!(
            "sigmavault-api: cannot listen on {address}: Address already in use (os error 98); see who does with: \
             ss -ltnp, or set another `listen` in /etc/sigmavault/api.toml\n"
        )
    );
}

#[test]
fn addresses_of_the_network_are_refused() {
    let root = common::machine();
    let output = api(&[
        "--listen",
        "0.0.0.0:3000",
        "--root",
        root.path().to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("0.0.0.0 is not a loopback address"));
}

#[test]
fn wrong_usage_exits_with_2() {
    assert_eq!(api(&["--listen", "everywhere"]).status.code(), Some(2));
    assert_eq!(api(&["--openapi", "--man"]).status.code(), Some(2));
}

#[test]
fn completions_and_manual_are_made_from_the_command_line() {
    assert!(
        String::from_utf8(api(&["--completions", "zsh"]).stdout)
            .unwrap()
            .contains("--log-level")
    );
    assert!(
        String::from_utf8(api(&["--man"]).stdout)
            .unwrap()
            .contains(".TH sigmavault-api 8")
    );
}
