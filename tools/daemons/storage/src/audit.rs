//! Who asked for what, and what came of it: an outbox, one JSON object a line, that the audit log takes up.

use std::path::PathBuf;

use serde::Serialize;
use sigmavault_plan::Digest;
use sigmavault_types::storage::{Request, Risk};

/// Who asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum Actor {
    /// A user, by a connection to the bus.
    User {
        /// The user.
        uid: u32,
        /// The unique name of the connection.
        sender: String,
    },
    /// The service itself, by a policy or schedule that was approved once.
    StandingOrder {
        /// Its name.
        name: String,
    },
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Happened {
    /// A plan was approved.
    Approved {
        /// What was wanted.
        request: Box<Request>,
        /// How much it can break.
        risk: Risk,
    },
    /// An approval was refused.
    Refused {
        /// Why.
        why: String,
    },
    /// It begins to be carried out.
    Began {
        /// What was wanted.
        request: Box<Request>,
        /// How much it can break.
        risk: Risk,
        /// The job.
        job: String,
    },
    /// It was carried out.
    Succeeded {
        /// The job.
        job: String,
    },
    /// It was not, or not to its end.
    Failed {
        /// The job.
        job: String,
        /// Steps that were carried out.
        steps: usize,
        /// Why.
        why: String,
    },
}

/// A line of the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Record {
    /// Seconds since 1970 (UTC).
    pub time: i64,
    /// The plan.
    pub digest: Digest,
    /// Who asked.
    #[serde(flatten)]
    pub actor: Actor,
    /// What happened.
    #[serde(flatten)]
    pub happened: Happened,
}

/// Why something is not recorded. Nothing that is not recorded is carried out.
#[derive(Debug, thiserror::Error)]
#[error("the audit record cannot be written to {}: {source}; nothing is changed without one", path.display())]
pub struct AuditError {
    path: PathBuf,
    source: std::io::Error,
}

/// The outbox.
#[derive(Debug, Clone)]
pub struct Audit {
    path: PathBuf,
}

impl Audit {
    /// The outbox in a folder.
    pub fn new(state: &std::path::Path) -> Self {
        Self {
            path: state.join("audit-outbox.jsonl"),
        }
    }

    /// Writes a record to the disk.
    pub fn record(&self, record: &Record) -> Result<(), AuditError> {
        let written = serde_json::to_string(record)
            .map_err(std::io::Error::from)
            .and_then(|line| sigmavault_durable::append(&self.path, &format!("{line}\n")));
        written.map_err(|source| AuditError {
            path: self.path.clone(),
            source,
        })
    }
}
