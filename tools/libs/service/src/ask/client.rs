//! Requests.

use std::io::Write as _;

use super::answer::Answer;
use super::connection::Connection;
use super::endpoint::Endpoint;
use super::error::AskError;
use super::limits::Limits;

/// Asks one service.
#[derive(Debug, Clone)]
pub struct Client {
    endpoint: Endpoint,
    limits: Limits,
}

impl Client {
    /// Asks the service at `endpoint`, within `limits`.
    pub const fn new(endpoint: Endpoint, limits: Limits) -> Self {
        Self { endpoint, limits }
    }

    /// The service.
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Asks for what is at `path`.
    pub fn get(&self, path: &str) -> Result<Answer, AskError> {
        self.send(&format!("GET {path} HTTP/1.1\r\n"), b"")
    }

    /// Sends JSON to `path`.
    pub fn post(&self, path: &str, json: &[u8]) -> Result<Answer, AskError> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
            json.len()
        );
        self.send(&head, json)
    }

    fn send(&self, head: &str, body: &[u8]) -> Result<Answer, AskError> {
        let mut connection = Connection::open(&self.endpoint, self.limits).map_err(AskError::Unreachable)?;
        let head = format!(
            "{head}Host: {}\r\nAccept: */*\r\nConnection: close\r\n\r\n",
            self.endpoint.host()
        );
        connection
            .write_all(&[head.as_bytes(), body].concat())
            .map_err(AskError::Unreachable)?;
        Answer::read(connection, self.limits.body)
    }
}
