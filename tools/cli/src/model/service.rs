//! What the running service has loaded.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde::Deserialize;
use sigmavault_facts::Files;

/// Where the service listens.
pub const SOCKET: &str = "/run/sigmavault/ryzan.sock";

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Most bytes of its answer.
const LIMIT: u64 = 1 << 20;

#[derive(Debug, Deserialize)]
struct Answer {
    data: Vec<Name>,
}

#[derive(Debug, Deserialize)]
struct Name {
    id: String,
    #[serde(default)]
    resolved_model: Option<String>,
    #[serde(default)]
    loaded: bool,
}

/// Whether the service has this model loaded; `None` when it does not run or does not tell.
pub fn has_loaded(files: &Files, id: &str) -> Option<bool> {
    let text = ask(files).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?;
    if status != "200" {
        return None;
    }
    let answer: Answer = serde_json::from_str(body).ok()?;
    let is_it = |name: &Name| name.id == id || name.resolved_model.as_deref() == Some(id);
    Some(answer.data.iter().any(|name| name.loaded && is_it(name)))
}

/// `/v1/models` as HTTP/1.0, whose answers come in one piece and end with the connection.
fn ask(files: &Files) -> io::Result<String> {
    let mut stream = UnixStream::connect(files.path(SOCKET))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /v1/models HTTP/1.0\r\nHost: localhost\r\nAccept: application/json\r\n\r\n")?;
    let mut text = String::new();
    stream.take(LIMIT).read_to_string(&mut text)?;
    Ok(text)
}
