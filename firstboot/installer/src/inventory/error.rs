//! Why a machine cannot be read.

use sigmavault_host::ParseError;
use sigmavault_host::run::RunError;

use crate::device::verity::VerityError;

/// Why the machine cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    /// A program failed.
    #[error(
        "{} failed: {}\n  try: look at `journalctl -b` and `dmesg`; the installation can be run again",
        .0.invocation(),
        .0.last_words()
    )]
    Program(#[from] RunError),
    /// Its output was not understood.
    #[error(transparent)]
    Output(#[from] ParseError),
    /// Not started from a medium with a verified root.
    #[error(
        "this system was not started from an installation medium: {0} is missing\n  try: start the machine from the SigmaVault stick or CD"
    )]
    NoMedium(&'static str),
    /// The medium's hash tree is invalid.
    #[error(
        "the medium's hash tree cannot be read: {0}\n  try: write the medium again with `sigmavault-image flash`"
    )]
    Verity(#[from] VerityError),
    /// A file of /proc or the like.
    #[error("cannot read {0}: {1}")]
    Read(&'static str, String),
}
