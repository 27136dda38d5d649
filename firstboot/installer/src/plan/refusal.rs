//! Why a plan cannot be made.

use crate::machine::{Disk, InUse, decimal};
use crate::select::SelectError;

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
    /// A disk that the image was written to is too small to be set up.
    #[error(
        "the disk {disk} has {found}; the system needs {needed}\n  try: write the image to a card or disk of at least {needed}"
    )]
    NoRoom {
        /// The disk.
        disk: String,
        /// What it has.
        found: String,
        /// What is needed.
        needed: String,
    },
    /// It was set up before, up to the last step.
    #[error(
        "the disk {disk} was set up before, and only the change of its kernel command line is missing\n  try: restart the machine, which makes this change; to begin anew, write the image to the disk again"
    )]
    SetUpBefore {
        /// The disk.
        disk: String,
    },
    /// It does not hold what the image has.
    #[error(
        "the disk {disk} is not as the image was written to it: {reason}\n  try: write the image to it again"
    )]
    NotAsWritten {
        /// The disk.
        disk: String,
        /// What differs.
        reason: String,
    },
    /// In use.
    #[error("{disk} cannot be used: {reason}\n  try: {}", .reason.way_out())]
    InUse {
        /// The disk.
        disk: String,
        /// Why.
        reason: InUse,
    },
    /// The installed system would not find its own disk.
    #[error(
        "{disk} cannot be the system disk: the initrd of the installed system has no driver {drivers}\n  try: another disk, or the same one at another controller"
    )]
    Unreadable {
        /// The disk.
        disk: String,
        /// Names of the kernel modules, separated by commas.
        drivers: String,
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
        /// What was given.
        given: String,
        /// What is expected.
        expected: String,
    },
    /// Nothing names it and no other disk, so that a file cannot say that it may be erased.
    #[error(
        "{disk} cannot be confirmed in a file: its serial number and WWN are missing or those of another disk too, and it has no place of its own below /dev/disk/by-path\n  try: install without an answer file, which asks for this disk by its name of now"
    )]
    Nameless {
        /// The disk.
        disk: String,
    },
    /// Data cannot be kept.
    #[error("{disk}: its data cannot be kept: {reason}")]
    CannotKeep {
        /// The disk.
        disk: String,
        /// Why.
        reason: String,
    },
    /// An invalid answer.
    #[error("{key}: {reason}")]
    Answer {
        /// Key in the answer file, such as `network.hostname`.
        key: String,
        /// What is wrong and what would be right.
        reason: String,
    },
}

impl Refusal {
    /// The answer that is refused, by its key in an answer file; none when it is the machine.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Answer { key, .. } | Self::Disk { what: key, .. } => Some(key),
            Self::Unconfirmed { .. } => Some("system.confirm"),
            _ => None,
        }
    }

    /// A refusal of one answer.
    pub(super) fn answer(key: &str, reason: impl Into<String>) -> Self {
        Self::Answer {
            key: key.to_owned(),
            reason: reason.into(),
        }
    }

    /// A refusal of a disk that is too small.
    pub(super) fn too_small(disk: &Disk, needed: u64) -> Self {
        let (found, needed) = apart(disk.bytes, needed);
        Self::TooSmall {
            disk: disk.describe(),
            found,
            needed,
        }
    }
}

/// Two different sizes for a person, to the byte when they look the same otherwise.
pub(super) fn apart(a: u64, b: u64) -> (String, String) {
    let short = (decimal(a), decimal(b));
    if short.0 == short.1 {
        (format!("{a} bytes"), format!("{b} bytes"))
    } else {
        short
    }
}
