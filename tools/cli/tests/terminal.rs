//! Answers and names that try to act on the terminal of the administrator.

#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

use nix::pty::openpty;

/// A title, a cleared screen by a C1 control, a reordered name, split between chunks; what a person sees of it is below.
const PIECES: [&str; 5] = ["a\u{1b}", "]0;x\u{7}", "\u{9b}2J", "\u{202e}txt.exe\n", "\té\r"];
const SEEN: &str = "a\\u{1b}]0;x\\u{7}\\u{9b}2J\\u{202e}txt.exe\n\té\\r\n";

/// Answers one question with these pieces, one event each.
fn service(path: &Path) -> thread::JoinHandle<()> {
    let listener = UnixListener::bind(path).unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"}") {
            let mut buffer = [0; 1024];
            let length = stream.read(&mut buffer).unwrap();
            request.extend_from_slice(&buffer[..length]);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        for piece in PIECES {
            let event = serde_json::json!({"choices": [{"delta": {"content": piece}}]});
            write!(stream, "data: {event}\n\n").unwrap();
        }
        stream.write_all(b"data: [DONE]\n\n").unwrap();
    })
}

fn ask(folder: &Path, name: &str, stdout: Stdio) -> Output {
    let socket = folder.join(name);
    let service = service(&socket);
    let output = Command::new(env!("CARGO_BIN_EXE_sigmavault"))
        .args(["ask", "hello", "--socket"])
        .arg(&socket)
        .stdin(Stdio::null())
        .stdout(stdout)
        .output()
        .unwrap();
    service.join().unwrap();
    assert!(output.status.success(), "{output:?}");
    output
}

/// What a program writes to a terminal, without the terminal's own carriage returns.
fn on_terminal(run: impl FnOnce(Stdio)) -> String {
    let pty = openpty(None, None).unwrap();
    let reader = thread::spawn(move || {
        let (mut master, mut seen) = (File::from(pty.master), Vec::new());
        let mut buffer = [0; 4096];
        // A terminal that nobody has open any more gives an error.
        while let Ok(length @ 1..) = master.read(&mut buffer) {
            seen.extend_from_slice(&buffer[..length]);
        }
        String::from_utf8(seen).unwrap()
    });
    run(Stdio::from(pty.slave));
    reader.join().unwrap().replace("\r\n", "\n")
}

#[test]
fn an_answer_does_not_act_on_the_terminal_and_stays_as_it_is_in_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let seen = on_terminal(|stdout| drop(ask(folder.path(), "terminal", stdout)));
    assert_eq!(seen, SEEN);
    let piped = ask(folder.path(), "pipe", Stdio::piped()).stdout;
    assert_eq!(String::from_utf8(piped).unwrap(), PIECES.concat() + "\n");
}

#[test]
fn names_of_files_do_not_act_on_the_terminal_either() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("\u{1b}[2J\u{202e}.gguf");
    fs::write(&path, "<html>").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_sigmavault"))
        .args(["model", "inspect"])
        .arg(&path)
        .arg("--root")
        .arg(folder.path())
        .output()
        .unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.contains("\\u{1b}[2J\\u{202e}.gguf is not a whole GGUF file"),
        "{message}"
    );
    assert!(!message.contains(['\u{1b}', '\u{202e}']));
}
