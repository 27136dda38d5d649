//! The service, started with a small model.

#![allow(clippy::unwrap_used, dead_code)]

pub mod machine;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub use sigmavault_small_model::write as write_model;
use tempfile::TempDir;

/// The running service.
pub struct Daemon {
    child: Child,
    /// Where it answers, such as `http://127.0.0.1:40001`.
    pub address: String,
    /// Its unix socket.
    pub socket: PathBuf,
    folder: Option<TempDir>,
    log: BufReader<std::process::ChildStderr>,
}

impl Daemon {
    /// Starts it; with the small model when `model`. `settings` are TOML, `bus` the address of a system bus.
    pub fn start(model: bool, settings: &str, bus: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("small.gguf");
        if model {
            write_model(&file);
        }
        Self::start_in(folder, model.then_some("small"), settings, bus)
    }

    /// Starts it in a folder that stands for the machine, and waits for the model of this name, or for the note that
    /// there is none. A file `small.gguf` in the folder is given on the command line.
    pub fn start_in(folder: TempDir, model: Option<&str>, settings: &str, bus: &str) -> Self {
        let at = |name: &str| folder.path().join(name);
        let settings = format!(
            "model = {{ folder = \"{}\" }}\n{settings}",
            at("models").display()
        );
        fs::write(at("ryzan.toml"), settings).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_sigmavault-ryzan"));
        command
            .args(["--listen", "127.0.0.1:0", "--config"])
            .arg(at("ryzan.toml"))
            .arg("--socket")
            .arg(at("ryzan.sock"))
            .arg("--root")
            .arg(folder.path())
            .env("DBUS_SYSTEM_BUS_ADDRESS", bus)
            .env_remove("NOTIFY_SOCKET")
            .stderr(Stdio::piped());
        if at("small.gguf").exists() {
            command.arg("--model").arg(at("small.gguf"));
        }
        let mut child = command.spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut address = String::new();
        let last = model.map_or_else(
            || "warning: no model is loaded".to_owned(),
            |name| format!("info: {name} is ready"),
        );
        loop {
            let mut line = String::new();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "the service ended");
            eprint!("{line}");
            if let Some(rest) = line.strip_prefix("info: listening on ") {
                rest.split(' ').next().unwrap().clone_into(&mut address);
            }
            if line.starts_with(&last) {
                break;
            }
        }
        Self {
            child,
            address,
            socket: at("ryzan.sock"),
            folder: Some(folder),
            log,
        }
    }

    /// The folder that stands for the machine.
    pub fn root(&self) -> &Path {
        self.folder.as_ref().unwrap().path()
    }

    /// The most memory that it has held so far, in bytes.
    pub fn most_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes: u64 = line.unwrap().trim().trim_end_matches(" kB").parse().unwrap();
        kibibytes << 10
    }

    /// Asks over TCP: status and body.
    pub fn tcp(
        &self,
        method: &str,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> (u16, serde_json::Value) {
        let stream = std::net::TcpStream::connect(self.address.trim_start_matches("http://")).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        ask(stream, "127.0.0.1", method, path, body)
    }

    /// Asks over the unix socket: status and body.
    pub fn unix(
        &self,
        method: &str,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> (u16, serde_json::Value) {
        let stream = UnixStream::connect(&self.socket).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        ask(stream, "anything", method, path, body)
    }

    /// Stops it as the service manager does; its exit code.
    pub fn stop(self) -> Option<i32> {
        self.stop_keeping().0
    }

    /// The same, and the folder that stands for the machine.
    pub fn stop_keeping(mut self) -> (Option<i32>, TempDir) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").arg(id).status().unwrap().success());
        let mut rest = String::new();
        self.log.read_to_string(&mut rest).unwrap();
        eprint!("{rest}");
        (self.child.wait().unwrap().code(), self.folder.take().unwrap())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A request as it goes over the wire.
pub fn request(host: &str, method: &str, path: &str, body: Option<&serde_json::Value>) -> String {
    let body = body.map(ToString::to_string).unwrap_or_default();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Status and body of an answer; a body that is no JSON is a string.
pub fn ask(
    mut stream: impl std::io::Read + std::io::Write,
    host: &str,
    method: &str,
    path: &str,
    body: Option<&serde_json::Value>,
) -> (u16, serde_json::Value) {
    stream
        .write_all(request(host, method, path, body).as_bytes())
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer[9..12].parse().unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let body = if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        unchunked(body)
    } else {
        body.to_owned()
    };
    (
        status,
        serde_json::from_str(&body).unwrap_or(serde_json::Value::String(body)),
    )
}

fn unchunked(mut body: &str) -> String {
    let mut text = String::new();
    while let Some((length, rest)) = body.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            break;
        }
        text.push_str(&rest[..length]);
        body = &rest[length + 2..];
    }
    text
}
