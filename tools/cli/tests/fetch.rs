//! Downloads are made by a process without rights.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;

use sigmavault_catalogue::Hasher;

/// The user that has the other end of a connection, by /proc/net/tcp.
fn peer_uid(peer: SocketAddr) -> u32 {
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let port = format!(":{:04X}", peer.port());
    let fields = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let row = table
        .lines()
        .skip(1)
        .map(fields)
        .find(|row| row[1].ends_with(&port))
        .unwrap();
    row[7].parse().unwrap()
}

/// Answers one request with these bytes; who asked.
fn serve(content: &'static [u8]) -> (String, thread::JoinHandle<u32>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/f.gguf", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, peer): (TcpStream, _) = listener.accept().unwrap();
        let user = peer_uid(peer);
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line).unwrap();
        }
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
            content.len()
        )
        .unwrap();
        stream.write_all(content).unwrap();
        user
    });
    (url, server)
}

#[test]
fn root_does_not_speak_to_servers() {
    let content = b"not many weights";
    let (url, server) = serve(content);
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("usr/lib/sigmavault");
    fs::create_dir_all(&folder).unwrap();
    let entry = format!(
        "[[model]]\nid = \"m\"\nname = \"Test\"\npublisher = \"Nobody\"\narchitecture = \"qwen3\"\nlicence = \"MIT\"\n\
         licence-url = \"https://example.org/MIT\"\ncontext = 4096\nmemory-bytes = 1000\n[[model.file]]\nname = \"f.gguf\"\n\
         bytes = {}\nsha256 = \"{}\"\nurl = \"{url}\"\n",
        content.len(),
        Hasher::of(content)
    );
    fs::write(folder.join("models.toml"), entry).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_sigmavault"))
        .args(["model", "pull", "m", "--accept-licence", "MIT", "--root"])
        .arg(root.path())
        .env_remove("http_proxy")
        .env_remove("HTTP_PROXY")
        .env_remove("all_proxy")
        .env_remove("ALL_PROXY")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let file = root.path().join("var/lib/sigmavault/models/m/f.gguf");
    assert_eq!(fs::read(file).unwrap(), content);
    let (asked, own) = (server.join().unwrap(), nix::unistd::geteuid());
    // An ordinary user stays who they are.
    assert_eq!(asked == own.as_raw(), !own.is_root(), "user {asked} asked");
}

#[test]
fn the_process_writes_no_file() {
    // Whatever it is told: a process that may not write files fails to write its answer into one.
    let folder = tempfile::tempdir().unwrap();
    let answer = fs::File::create(folder.path().join("answer")).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_sigmavault"))
        .args(["model", "fetch"])
        .stdin(Stdio::piped())
        .stdout(answer)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let ask = br#"{"place":"http://127.0.0.1:1/f","start":0,"end":null,"total":null,"pin":null}"#;
    let mut input = child.stdin.take().unwrap();
    input.write_all(ask).unwrap();
    input.write_all(b"\n").unwrap();
    drop(input);
    assert!(!child.wait().unwrap().success());
    assert_eq!(fs::metadata(folder.path().join("answer")).unwrap().len(), 0);
}
