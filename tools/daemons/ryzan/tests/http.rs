//! HTTP as clients speak it, well and badly: connections, bodies, pages, users.

#![allow(clippy::unwrap_used)]

mod common;

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use common::{Daemon, request};
use serde_json::{Value, json};

const NO_BUS: &str = "unix:path=/nonexistent";

/// Debian's `nobody`, of the group `nogroup`.
const NOBODY: u32 = 65534;

fn connect(daemon: &Daemon) -> TcpStream {
    let stream = TcpStream::connect(daemon.address.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

fn head(method: &str, path: &str, more: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{more}\r\n")
}

fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// One answer of a connection that stays open; its length is announced.
fn one(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    let text = String::from_utf8(answer).unwrap();
    let length = text.lines().find_map(|line| {
        line.to_ascii_lowercase()
            .strip_prefix("content-length: ")?
            .parse()
            .ok()
    });
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).unwrap();
    text + &String::from_utf8(body).unwrap()
}

fn closes(answer: &str) -> bool {
    answer.to_ascii_lowercase().contains("\r\nconnection: close\r\n")
}

#[test]
fn an_early_refusal_reads_the_rest_or_says_that_it_closes() {
    let daemon = Daemon::start(false, "body-limit-bytes = 1024\n", NO_BUS);
    // A small body that comes late is read: the connection goes on.
    let mut stream = connect(&daemon);
    let late = head("POST", "/v1/nothing", "Content-Length: 9\r\n");
    stream.write_all(late.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    stream.write_all(b"{\"a\": 1}\n").unwrap();
    let first = one(&mut stream);
    assert!(first.starts_with("HTTP/1.1 404 ") && !closes(&first), "{first}");
    stream.write_all(head("GET", "/health", "").as_bytes()).unwrap();
    assert!(one(&mut stream).starts_with("HTTP/1.1 200 "));
    // A body that never comes is not waited for for ever.
    let mut stream = connect(&daemon);
    stream.write_all(late.as_bytes()).unwrap();
    let answer = rest(stream);
    assert!(answer.starts_with("HTTP/1.1 404 ") && closes(&answer), "{answer}");
    // Nor one that is too large, or that the client offers only.
    for more in [
        "Content-Length: 1000000\r\n",
        "Content-Length: 1000\r\nExpect: 100-continue\r\n",
    ] {
        let mut stream = connect(&daemon);
        let asked = head("POST", "/v1/nothing", more);
        stream.write_all(asked.as_bytes()).unwrap();
        let answer = rest(stream);
        assert!(
            answer.starts_with("HTTP/1.1 404 ") && closes(&answer),
            "{more}: {answer}"
        );
    }
    // Whoever sends all of it before they read finds the answer.
    for (length, status) in [
        ("Content-Length: 4000000\r\n", 413),
        ("Transfer-Encoding: chunked\r\n", 413),
    ] {
        let mut stream = connect(&daemon);
        let asked = head("POST", "/v1/completions", length);
        stream.write_all(asked.as_bytes()).unwrap();
        let part = "x".repeat(40_000);
        for _ in 0..50 {
            let part = if length.starts_with("Content") {
                part.clone()
            } else {
                format!("9c40\r\n{part}\r\n")
            };
            stream.write_all(part.as_bytes()).unwrap();
        }
        let answer = rest(stream);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")) && closes(&answer),
            "{length}: {answer}"
        );
    }
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn a_broken_body_is_a_bad_request() {
    let daemon = Daemon::start(false, "", NO_BUS);
    for (name, more, body) in [
        ("too short", "Content-Length: 100\r\n", "{\"prompt\""),
        (
            "no chunk",
            "Transfer-Encoding: chunked\r\n",
            "zz\r\n{}\r\n0\r\n\r\n",
        ),
        ("no last chunk", "Transfer-Encoding: chunked\r\n", "2\r\n{}\r\n"),
        ("a short chunk", "Transfer-Encoding: chunked\r\n", "9\r\n{}"),
    ] {
        let mut stream = connect(&daemon);
        let asked = head("POST", "/v1/completions", more) + body;
        stream.write_all(asked.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let answer = rest(stream);
        assert!(
            answer.starts_with("HTTP/1.1 400 ") && answer.contains("body_broken"),
            "{name}: {answer}"
        );
    }
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn idle_connections_make_room_for_working_ones() {
    let daemon = Daemon::start(true, "connection-limit = 4\n", NO_BUS);
    let mut working = connect(&daemon);
    let endless = json!({"model": "small", "stream": true, "max_tokens": 30_000, "temperature": 2,
                         "logit_bias": {"256": -100, "258": -100}, "messages": [{"role": "user", "content": "Hello"}]});
    let asked = request("localhost", "POST", "/v1/chat/completions", Some(&endless));
    working.write_all(asked.as_bytes()).unwrap();
    let mut some = [0; 256];
    assert!(working.read(&mut some).unwrap() > 0);
    let mut idle = Vec::new();
    let began = Instant::now();
    for _ in 0..12 {
        let mut stream = connect(&daemon);
        stream.write_all(head("GET", "/health", "").as_bytes()).unwrap();
        assert!(one(&mut stream).starts_with("HTTP/1.1 200 "));
        idle.push(stream);
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    // The oldest were closed, the last were not, nor the one that works.
    assert_eq!(idle[0].read(&mut some).unwrap(), 0);
    let mut last = idle.pop().unwrap();
    last.write_all(head("GET", "/health", "").as_bytes()).unwrap();
    assert!(one(&mut last).starts_with("HTTP/1.1 200 "));
    assert!(working.read(&mut some).unwrap() > 0);
}

#[test]
fn programs_ask_as_often_as_they_like() {
    let daemon = Daemon::start(true, "", NO_BUS);
    let mut stream = connect(&daemon);
    for number in 0..400 {
        stream
            .write_all(head("GET", "/v1/models", "").as_bytes())
            .unwrap();
        let answer = one(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{number}: {answer}");
    }
    let body = json!({"model": "small", "prompt": "a", "max_tokens": 1}).to_string();
    let asked = head(
        "POST",
        "/v1/completions",
        &format!("Content-Length: {}\r\n", body.len()),
    ) + &body;
    for number in 0..120 {
        stream.write_all(asked.as_bytes()).unwrap();
        let answer = one(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{number}: {answer}");
    }
}

#[test]
fn work_of_one_user_is_bounded() {
    let settings = "[engine]\nuser-requests = 1\nqueue-seconds = 2\n";
    let daemon = Daemon::start(true, settings, NO_BUS);
    let endless = json!({"model": "small", "stream": true, "max_tokens": 30_000, "temperature": 2,
                         "logit_bias": {"256": -100, "258": -100}, "prompt": "Hello"});
    let mut working = connect(&daemon);
    let asked = request("localhost", "POST", "/v1/completions", Some(&endless));
    working.write_all(asked.as_bytes()).unwrap();
    let mut some = [0; 64];
    assert!(working.read(&mut some).unwrap() > 0);
    // The limit is the user's, whichever way they come.
    let small = json!({"model": "small", "prompt": "a", "max_tokens": 1});
    for (status, body) in [
        daemon.tcp("POST", "/v1/completions", Some(&small)),
        daemon.unix("POST", "/tokenize", Some(&json!({"content": "a"}))),
    ] {
        assert_eq!(
            (status, &body["error"]["code"]),
            (429, &json!("rate_limit_exceeded")),
            "{body}"
        );
    }
    assert_eq!(daemon.tcp("GET", "/v1/models", None).0, 200);
    drop(working);
    assert_eq!(daemon.tcp("POST", "/v1/completions", Some(&small)).0, 200);
}

#[test]
fn pages_that_are_named_may_ask_and_read() {
    let daemon = Daemon::start(false, "allowed-origins = [\"https://chat.lan\"]\n", NO_BUS);
    let ask = |method: &str, path: &str, more: &str| {
        let mut stream = connect(&daemon);
        let asked = head(method, path, &format!("{more}Connection: close\r\n"));
        stream.write_all(asked.as_bytes()).unwrap();
        rest(stream).to_ascii_lowercase()
    };
    let preflight = "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\n";
    let mine = "Origin: https://chat.lan\r\n";
    let answer = ask("OPTIONS", "/v1/chat/completions", &format!("{mine}{preflight}"));
    assert!(answer.starts_with("http/1.1 204 "), "{answer}");
    for header in [
        "access-control-allow-origin: https://chat.lan\r\n",
        "access-control-allow-methods: get, post\r\n",
        "vary: origin\r\n",
    ] {
        assert!(answer.contains(header), "{header}: {answer}");
    }
    assert!(
        answer.contains("access-control-allow-headers: content-type, authorization"),
        "{answer}"
    );
    // Answers may be read, refusals too.
    for (path, status) in [("/v1/models", 200), ("/v1/nothing", 404)] {
        let answer = ask("GET", path, mine);
        assert!(answer.starts_with(&format!("http/1.1 {status} ")), "{answer}");
        assert!(
            answer.contains("access-control-allow-origin: https://chat.lan\r\n"),
            "{answer}"
        );
        assert!(
            !answer.contains("allow-credentials") && !answer.contains("origin: *"),
            "{answer}"
        );
    }
    let other = "Origin: https://evil.example\r\n";
    for method in ["OPTIONS", "GET"] {
        let answer = ask(method, "/v1/models", &format!("{other}{preflight}"));
        assert!(
            answer.starts_with("http/1.1 403 ") && !answer.contains("access-control-allow-origin"),
            "{answer}"
        );
    }
    let answer = ask("GET", "/v1/models", "");
    assert!(!answer.contains("access-control"), "{answer}");
}

#[test]
fn a_program_may_leave_out_the_content_type_and_a_page_may_not() {
    let daemon = Daemon::start(false, "", NO_BUS);
    for (origin, status) in [("", 404), ("Origin: http://localhost:3000\r\n", 415)] {
        let mut stream = connect(&daemon);
        let asked = format!(
            "POST /api/show HTTP/1.1\r\nHost: localhost\r\n{origin}Content-Length: 13\r\nConnection: close\r\n\r\n\
             {{\"model\":\"a\"}}"
        );
        stream.write_all(asked.as_bytes()).unwrap();
        let answer = rest(stream);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{origin}: {answer}"
        );
    }
}

/// What a program of `nobody` is answered over TCP: status and body. `None` when this test may not start one.
fn as_nobody(daemon: &Daemon, method: &str, path: &str, body: Option<&Value>) -> Option<(u16, Value)> {
    let port = daemon.address.rsplit(':').next().unwrap();
    let output = Command::new("bash")
        .args([
            "-c",
            "exec 3<>/dev/tcp/127.0.0.1/$PORT; printf '%s' \"$ASKED\" >&3; cat <&3",
        ])
        .env("PORT", port)
        .env("ASKED", request("localhost", method, path, body))
        .current_dir("/")
        .uid(NOBODY)
        .gid(NOBODY)
        .output();
    let answer = match output {
        Ok(output) => String::from_utf8(output.stdout).unwrap(),
        Err(error) => {
            eprintln!("not tested: cannot start a program of another user: {error}");
            return None;
        }
    };
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Some((head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap()))
}

#[test]
fn over_tcp_as_over_the_socket_members_of_the_group_ask() {
    let daemon = Daemon::start(true, "socket-group = \"adm\"\n", NO_BUS);
    let hello = json!({"model": "small", "prompt": "Hello", "max_tokens": 1});
    for (method, path, body) in [
        ("GET", "/v1/models", None),
        ("GET", "/metrics", None),
        ("GET", "/control/status", None),
        ("POST", "/v1/completions", Some(&hello)),
    ] {
        let Some((status, body)) = as_nobody(&daemon, method, path, body) else {
            return;
        };
        assert_eq!(
            (status, &body["error"]["code"]),
            (403, &json!("forbidden")),
            "{path}: {body}"
        );
    }
    // Whether the service lives is no secret.
    assert_eq!(as_nobody(&daemon, "GET", "/health", None).unwrap().0, 200);
    assert_eq!(daemon.tcp("GET", "/v1/models", None).0, 200);
}

#[test]
fn nobody_learns_what_somebody_else_has_asked() {
    let daemon = Daemon::start(true, "socket-group = \"nogroup\"\n", NO_BUS);
    let secret = json!({"model": "small", "prompt": "The combination of the safe is 4711, they say. ".repeat(4),
                        "max_tokens": 1, "temperature": 0});
    let cached = |body: &Value| {
        body["usage"]["prompt_tokens_details"]["cached_tokens"]
            .as_u64()
            .unwrap()
    };
    let mine = |_| cached(&daemon.tcp("POST", "/v1/completions", Some(&secret)).1);
    let [first, second] = [0, 1].map(mine);
    assert_eq!(first, 0);
    assert!(second > 100, "{second}");
    // The same user over the socket is the same user.
    assert!(cached(&daemon.unix("POST", "/v1/completions", Some(&secret)).1) > 100);
    let Some((status, theirs)) = as_nobody(&daemon, "POST", "/v1/completions", Some(&secret)) else {
        return;
    };
    assert_eq!((status, cached(&theirs)), (200, 0), "{theirs}");
    let (_, again) = as_nobody(&daemon, "POST", "/v1/completions", Some(&secret)).unwrap();
    assert!(cached(&again) > 100, "{again}");
}
