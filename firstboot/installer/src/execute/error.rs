//! Why an installation failed.

use std::io;
use std::path::Path;

use sigmavault_host::run::RunError;

use super::command_line::Unfit;
use crate::inventory::InventoryError;
use crate::machine::InUse;

/// Why an installation failed, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// The person asked it to stop.
    #[error("stopped as asked; run the installation again to complete it")]
    Stopped,
    /// Another installation is running.
    #[error(
        "another installation is running on this machine (process {process})\n  try: wait until it has ended, or stop it and start again"
    )]
    Locked {
        /// Its process id.
        process: String,
    },
    /// The thread of the installation ended and did not say how.
    #[error(
        "the installation ended without a result\n  try: look at `journalctl -b`; the installation can be run again"
    )]
    Silent,
    /// A program failed.
    #[error(
        "{} failed: {}\n  try: look at `journalctl -b` and `dmesg`; the installation can be run again",
        .0.invocation(),
        .0.last_words()
    )]
    Program(#[from] RunError),
    /// A program does not take what the new system would get for it.
    #[error("{program} does not take {what}: {said}\n  try: change that answer; nothing was written")]
    NotTaken {
        /// The program.
        program: String,
        /// What it was given.
        what: &'static str,
        /// What it said.
        said: String,
    },
    /// systemd-cryptenroll made no recovery key.
    #[error(
        "systemd-cryptenroll --recovery-key failed: it printed no recovery key\n  try: run the installation again"
    )]
    NoRecoveryKey,
    /// A file or device could not be read or written.
    #[error(
        "cannot {action} {path}: {error}\n  try: look at the cables and `dmesg`; the installation can be run again"
    )]
    Io {
        /// What was being done.
        action: &'static str,
        /// To what.
        path: String,
        /// Why not.
        error: io::Error,
    },
    /// What was written is not what was read back.
    #[error(
        "{device} does not hold what was written to it: {detail}\n  try: another disk or cable; this one loses data"
    )]
    ReadBack {
        /// Which.
        device: String,
        /// What differs.
        detail: String,
    },
    /// The machine can no longer be read.
    #[error("{0}\n  try: start the installer again and look at the disks")]
    Machine(#[from] InventoryError),
    /// A disk of the plan is gone.
    #[error("{disk} is no longer there\n  try: start the installer again and look at the disks")]
    Gone {
        /// The disk.
        disk: String,
    },
    /// A disk of the plan has come into use.
    #[error("{disk} is in use now: {by}\n  try: start the installer again and look at the disks")]
    InUse {
        /// The disk.
        disk: String,
        /// By what.
        by: InUse,
    },
    /// A disk of the plan holds something else now.
    #[error("{disk} holds something else now\n  try: start the installer again and look at the disks")]
    OtherContents {
        /// The disk.
        disk: String,
    },
    /// A partition of an installed system is missing.
    #[error("{disk} has no partition {label}\n  try: start the installer again and look at the disks")]
    NoPartition {
        /// The disk.
        disk: String,
        /// GPT name of the partition.
        label: &'static str,
    },
    /// A planned partition is not on the disk.
    #[error("partition {label} is missing\n  try: start the installer again and look at the disks")]
    PartitionMissing {
        /// GPT name of the partition.
        label: String,
    },
    /// A partition has another size than planned.
    #[error(
        "partition {label} has {found} bytes instead of the planned {planned}\n  try: start the installer again and look at the disks"
    )]
    PartitionSize {
        /// GPT name of the partition.
        label: String,
        /// Its bytes.
        found: u64,
        /// Its bytes in the plan.
        planned: u64,
    },
    /// The root hash of the medium is invalid.
    #[error(
        "the medium's root hash is not a SHA-256 value\n  try: write the medium again with `sigmavault-image flash`"
    )]
    RootHash,
    /// The console has no keymap for the layout.
    #[error(
        "the keyboard layout {layout} cannot be used at the prompt for the passphrase: {reason}\n  try: another keyboard.layout or keyboard.variant"
    )]
    Keymap {
        /// The layout.
        layout: String,
        /// Why not.
        reason: String,
    },
    /// The passphrase cannot be typed at the prompt. The message does not give its characters away.
    #[error(
        "the passphrase has a character that the keyboard layout {layout} gives by no single key, so that it could not be typed at the start\n  try: another passphrase, or another keyboard.layout"
    )]
    Untypable {
        /// The layout.
        layout: String,
    },
    /// The PIN of the TPM cannot be typed at the prompt.
    #[error(
        "the PIN of the TPM has a character that the keyboard layout {layout} gives by no single key, so that it could not be typed at the start\n  try: digits, or another keyboard.layout"
    )]
    UntypablePin {
        /// The layout.
        layout: String,
    },
    /// The kernel command line of a slot is not the one that a setup can change.
    #[error(
        "the kernel command line on {device} cannot be changed: {unfit}\n  try: write the image to the disk again"
    )]
    CommandLine {
        /// The boot partition.
        device: String,
        /// Why not.
        unfit: Unfit,
    },
    /// An action came before the one that it needs.
    #[error(
        "{0} is not known at this point of the plan\n  try: report this fault of the installer with its log"
    )]
    OutOfOrder(&'static str),
    /// The medium has no kernel image that starts its root.
    #[error(
        "the medium has no kernel image in {folder} that starts the root hash {root_hash} of the running system{}\n  try: write the medium again with `sigmavault-image flash`",
        after(": ", .others)
    )]
    NoKernel {
        /// Where it was looked for.
        folder: &'static str,
        /// Root hash of the medium.
        root_hash: String,
        /// What is there instead; may be empty.
        others: String,
    },
    /// The medium has several kernel images that start its root.
    #[error(
        "the medium has several different kernel images in {folder} that start the root hash {root_hash}; which of them is the right one cannot be told\n  try: write the medium again with `sigmavault-image flash`"
    )]
    TwoKernels {
        /// Where they are.
        folder: &'static str,
        /// Root hash of the medium.
        root_hash: String,
    },
}

/// A text with these letters before it; nothing for an empty one.
fn after(letters: &str, text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!("{letters}{text}")
    }
}

/// An error of reading or writing.
pub fn io(action: &'static str, path: impl AsRef<Path>, error: io::Error) -> ExecuteError {
    ExecuteError::Io {
        action,
        path: path.as_ref().display().to_string(),
        error,
    }
}
