//! Requests to the service.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::Value;
use sigmavault_service::ask::{Answer, AskError, Client, Endpoint, Limits};

/// A prompt of thousands of tokens is processed before the first byte arrives.
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(10),
    silence: Duration::from_mins(10),
    whole: None,
    body: 1 << 30,
};

/// A client over TCP, as for everybody.
pub fn tcp(address: SocketAddr) -> Client {
    Client::new(address.into(), LIMITS)
}

/// A client over the socket, with permission to load and unload.
pub fn unix(socket: &Path) -> Client {
    Client::new(Endpoint::Unix(socket.to_owned()), LIMITS)
}

/// Gets a resource.
pub fn get(client: &Client, path: &str) -> anyhow::Result<Value> {
    json(client.get(path), path)
}

/// Sends a request with a body.
pub fn post(client: &Client, path: &str, body: &Value) -> anyhow::Result<Value> {
    json(client.post(path, body.to_string().as_bytes()), path)
}

/// Sends a request with a body until it is taken: a service that has enough to do says so with status 429. Says how often it did.
pub fn post_until_taken(client: &Client, path: &str, body: &Value) -> anyhow::Result<usize> {
    let body = body.to_string();
    let mut refused = 0;
    loop {
        let answer = client.post(path, body.as_bytes());
        match &answer {
            Ok(answer) if answer.status() == 429 => {
                refused += 1;
                std::thread::sleep(Duration::from_millis(200));
            }
            _ => return json(answer, path).map(|_| refused),
        }
    }
}

/// Time until the first text of a streamed answer.
pub fn first_text(client: &Client, path: &str, body: &Value) -> anyhow::Result<Duration> {
    let body = body.to_string();
    let began = Instant::now();
    let mut seen = String::new();
    let answer = client.post(path, body.as_bytes())?;
    if answer.status() != 200 {
        bail!(
            "{path}: status {}: {}",
            answer.status(),
            String::from_utf8_lossy(&answer.bytes()?)
        );
    }
    for event in answer.events() {
        let data = event?;
        seen.push_str(&data);
        let Ok(chunk) = serde_json::from_str::<Value>(&data) else {
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

/// The number at a place of an answer.
pub fn count(answer: &Value, path: &str) -> anyhow::Result<u64> {
    let value = answer.pointer(path).and_then(Value::as_u64);
    value.with_context(|| format!("the answer has no number at {path}: {answer}"))
}

fn json(answer: Result<Answer, AskError>, path: &str) -> anyhow::Result<Value> {
    let answer = answer.with_context(|| format!("{path} was not answered"))?;
    let status = answer.status();
    let body = answer
        .bytes()
        .with_context(|| format!("the answer of {path} broke off"))?;
    if status != 200 {
        bail!("{path}: status {status}: {}", String::from_utf8_lossy(&body));
    }
    serde_json::from_slice(&body).with_context(|| format!("{path} gave no JSON"))
}
