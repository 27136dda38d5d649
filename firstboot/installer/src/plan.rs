//! The plan: what will be done, decided in full before anything is written. It is built from answers and the
//! machine, shown on the summary, executed, and compared with the result.
//!
//! [`build`] makes it, in three parts that know nothing of each other: `system` (disk and encryption), `pool`, and
//! `settings` (language, network, user).

use serde::Serialize;

mod build;
mod pool;
mod settings;
mod system;
#[cfg(test)]
mod tests;

pub use build::build;

use crate::answers::{Mode, Network, Secret, User};
use crate::layout::Layout;
use crate::machine::{Disk, Source};
use crate::select::SelectError;

/// Everything that an installation does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct InstallPlan {
    /// The system disk.
    pub disk: Disk,
    /// What happens to it.
    pub mode: Mode,
    /// What is copied.
    pub source: Source,
    /// Its partitions, in order.
    pub partitions: Vec<Partition>,
    /// LUKS2 on the state partition.
    pub encryption: Option<EncryptionPlan>,
    /// The data pool.
    pub pool: Option<PoolPlan>,
    /// Settings written to the state partition; absent when data is kept.
    pub settings: Option<Settings>,
}

/// One partition of the system disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Partition {
    /// Which definition in `/usr/lib/sigmavault/repart.d` it is, without `.conf`, such as `20-root-a`.
    pub definition: String,
    /// GPT name.
    pub label: String,
    /// Bytes.
    pub bytes: u64,
}

/// LUKS2 on the state partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct EncryptionPlan {
    /// Passphrase.
    #[serde(skip)]
    pub passphrase: Secret,
    /// Make a recovery key.
    pub recovery_key: bool,
    /// Enrol the TPM.
    pub tpm2: bool,
}

/// The data pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PoolPlan {
    /// Name.
    pub name: String,
    /// Where it is mounted.
    pub mountpoint: String,
    /// Its disks; the layout's indices count in them.
    pub disks: Vec<Disk>,
    /// How they stand together.
    pub layout: Layout,
}

/// What the installed system is told about its place in the world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Settings {
    /// Locale.
    pub language: String,
    /// XKB layout.
    pub keyboard: crate::answers::Keyboard,
    /// Time zone.
    pub timezone: String,
    /// Host name and address.
    pub network: Network,
    /// Administrator.
    #[serde(skip)]
    pub user: User,
}

/// Why a plan cannot be made, and what to do about it. None of it has touched a disk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Started by BIOS.
    #[error(
        "this machine was started by BIOS; the installed system needs UEFI\n  try: switch UEFI on (CSM or legacy boot off) in the firmware setup and start the medium again"
    )]
    NoUefi,
    /// Too little memory.
    #[error("this machine has {found} of memory; the system needs {needed}")]
    Memory {
        /// What it has.
        found: String,
        /// What is needed.
        needed: String,
    },
    /// A selector that does not match exactly one disk.
    #[error("{what}: {error}")]
    Disk {
        /// Which answer.
        what: String,
        /// Why.
        error: SelectError,
    },
    /// Too small.
    #[error("{disk} has {found}; the system needs {needed}\n  try: a larger disk")]
    TooSmall {
        /// The disk.
        disk: String,
        /// What it has.
        found: String,
        /// What is needed.
        needed: String,
    },
    /// In use.
    #[error("{disk} cannot be used: {reason}")]
    InUse {
        /// The disk.
        disk: String,
        /// Why.
        reason: String,
    },
    /// Holds something that nobody agreed to lose.
    #[error("{disk} holds something: {contents}\n  try: {hint}")]
    HoldsData {
        /// The disk.
        disk: String,
        /// What.
        contents: String,
        /// What to do.
        hint: String,
    },
    /// The confirmation is missing or names another disk.
    #[error(
        "the system disk is {disk}, but confirm is {given}\n  try: system.confirm = \"{expected}\" if that is the right one"
    )]
    Unconfirmed {
        /// The disk.
        disk: String,
        /// What stands there.
        given: String,
        /// What had to.
        expected: String,
    },
    /// Data cannot be kept.
    #[error("{disk}: its data cannot be kept: {reason}")]
    CannotKeep {
        /// The disk.
        disk: String,
        /// Why.
        reason: String,
    },
    /// An answer that cannot be so.
    #[error("{key}: {reason}")]
    Answer {
        /// Key in the answer file, such as `network.hostname`.
        key: String,
        /// What is wrong and what would be right.
        reason: String,
    },
}

/// How far the person has gone: the summary shows a plan before its confirmation is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmation {
    /// `system.confirm` must name the disk.
    Required,
    /// It is asked for later.
    Later,
}
