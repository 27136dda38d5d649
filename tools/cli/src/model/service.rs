//! Which models the running service has loaded.

use std::time::Duration;

use serde::Deserialize;
use sigmavault_facts::Files;
use sigmavault_service::ask::{Client, Endpoint, Limits};

/// Where the service listens.
pub const SOCKET: &str = "/run/sigmavault/ryzan.sock";

/// Limits of its answer.
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(5),
    silence: Duration::from_secs(5),
    whole: None,
    body: 1 << 20,
};

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

/// Whether the service has loaded this model; `None` if it does not answer.
pub fn has_loaded(files: &Files, id: &str) -> Option<bool> {
    let socket = Endpoint::Unix(files.path(SOCKET));
    let answer = Client::new(socket, LIMITS).get("/v1/models").ok()?;
    if answer.status() != 200 {
        return None;
    }
    let answer: Answer = serde_json::from_slice(&answer.bytes().ok()?).ok()?;
    let is_it = |name: &Name| name.id == id || name.resolved_model.as_deref() == Some(id);
    Some(answer.data.iter().any(|name| name.loaded && is_it(name)))
}
