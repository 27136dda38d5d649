//! HTTP/1.1 as far as the service speaks it: one request on one connection.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::Value;

/// The longest that an answer may take.
const PATIENCE: Duration = Duration::from_mins(10);

/// Asks over TCP, as any client.
pub fn tcp(address: &str, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
    let stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    whole(stream, method, path, body)
}

/// Asks over the socket, as the one who may load and unload.
pub fn unix(socket: &Path, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
    let stream =
        UnixStream::connect(socket).with_context(|| format!("cannot connect to {}", socket.display()))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    whole(stream, method, path, body)
}

/// How long it takes until the first text of a streamed answer comes.
pub fn first_text(address: &str, path: &str, body: &Value) -> anyhow::Result<Duration> {
    let mut stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let began = Instant::now();
    send(&mut stream, "POST", path, Some(body))?;
    let mut seen = String::new();
    for line in BufReader::new(stream).lines() {
        let line = line?;
        seen.push_str(&line);
        let Some(data) = line.strip_prefix("data: ") else {
            continue;
        };
        let Ok(chunk) = serde_json::from_str::<Value>(data) else {
            continue;
        };
        let delta = &chunk["choices"][0]["delta"];
        // The first chunk names the role before anything is computed.
        let told = ["content", "reasoning_content"]
            .map(|key| delta[key].as_str().is_some_and(|text| !text.is_empty()));
        if told.contains(&true)
            || delta["tool_calls"].is_array()
            || chunk["choices"][0]["finish_reason"].is_string()
        {
            return Ok(began.elapsed());
        }
    }
    bail!("the answer ended without text: {seen}")
}

fn send(stream: &mut impl Write, method: &str, path: &str, body: Option<&Value>) -> std::io::Result<()> {
    let body = body.map(ToString::to_string).unwrap_or_default();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
}

fn whole(
    mut stream: impl Read + Write,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> anyhow::Result<Value> {
    send(&mut stream, method, path, body)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .context("the answer has no end of headers")?;
    if !head.starts_with("HTTP/1.1 200 ") {
        bail!("{method} {path}: {head}\n{body}");
    }
    serde_json::from_str(body).with_context(|| format!("{method} {path} gave no JSON"))
}
