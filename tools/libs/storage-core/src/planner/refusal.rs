//! Why there is no plan for a request.

use sigmavault_plan::Violation;
use sigmavault_types::storage::{DiskId, DiskUse};

/// Why there is no plan for a request. What code decides on is the variant; the text is for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such pool, disk, device, dataset, snapshot or policy.
    #[error("there is no {kind} {name}")]
    Missing {
        /// What kind of thing.
        kind: &'static str,
        /// Its id or name.
        name: String,
    },
    /// The name is taken.
    #[error("{0} exists already: take another name")]
    Exists(String),
    /// The name is not possible.
    #[error("{0}")]
    Name(String),
    /// A disk is used and cannot be taken.
    #[error("disk {disk} is in use: {}", describe(.in_use))]
    InUse {
        /// The disk.
        disk: DiskId,
        /// For what.
        in_use: DiskUse,
    },
    /// A disk holds something, and nobody said that it may be erased.
    #[error("disk {disk} is not empty: {}; say that it may be erased, or take another one", describe(.in_use))]
    NotEmpty {
        /// The disk.
        disk: DiskId,
        /// What is on it.
        in_use: DiskUse,
    },
    /// A disk is named twice, or two are parts of one drive.
    #[error("{one} and {other} are one drive: when it fails, both do")]
    OneDrive {
        /// One.
        one: DiskId,
        /// The other.
        other: DiskId,
    },
    /// A disk is too small.
    #[error("disk {disk} has {bytes} bytes and {needed} are needed: take a larger one")]
    TooSmall {
        /// The disk.
        disk: DiskId,
        /// Its size.
        bytes: u64,
        /// What is needed.
        needed: u64,
    },
    /// The disks cannot be arranged so.
    #[error("{0}")]
    Layout(String),
    /// Nothing would be protected, and nobody said that this is wanted.
    #[error(
        "one failed disk would lose the whole pool: take more disks, or accept that there is no redundancy"
    )]
    NoRedundancy,
    /// A pool, device or dataset is in a state in which this cannot be done.
    #[error("{what}: {why}")]
    State {
        /// What.
        what: String,
        /// Why, and what to do.
        why: String,
    },
    /// A property cannot be set, or not to this.
    #[error("{property}: {why}")]
    Property {
        /// Its name.
        property: String,
        /// Why.
        why: String,
    },
    /// Something else needs it.
    #[error("{what} is needed by {by}: destroy or promote that first")]
    Needed {
        /// What.
        what: String,
        /// By what.
        by: String,
    },
    /// A hold keeps it.
    #[error("{snapshot} is held by '{tag}': release the hold first")]
    Held {
        /// The snapshot.
        snapshot: String,
        /// The hold.
        tag: String,
    },
    /// There is nothing to do.
    #[error("{0} is so already")]
    Nothing(String),
    /// The plan would break laws.
    #[error("{}", laws(.0))]
    Laws(Vec<Violation>),
}

fn laws(violations: &[Violation]) -> String {
    let mut texts: Vec<&str> = violations.iter().map(|one| one.law.text()).collect();
    texts.dedup();
    texts.join(" ")
}

fn describe(in_use: &DiskUse) -> String {
    match in_use {
        DiskUse::Free => "it is free".to_owned(),
        DiskUse::System => "this system runs from it".to_owned(),
        DiskUse::LiveMedium => "the live system runs from it".to_owned(),
        DiskUse::Pool { pool } => format!("it belongs to the pool with the id {pool}"),
        DiskUse::ExportedPool { name, .. } => {
            format!("it belongs to the pool '{name}', which is not imported")
        }
        DiskUse::Foreign { contents } => contents.clone(),
        DiskUse::Held { by } => by.clone(),
    }
}

impl Refusal {
    pub(super) fn missing(kind: &'static str, name: impl std::fmt::Display) -> Self {
        Self::Missing {
            kind,
            name: name.to_string(),
        }
    }

    pub(super) fn state(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::State {
            what: what.into(),
            why: why.into(),
        }
    }
}
