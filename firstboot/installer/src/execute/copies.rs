//! Slots: written, then read back.

use std::io::ErrorKind;

use sigmavault_types::slots::Slot;

use super::disk::Parts;
use super::error::{ExecuteError, io};
use crate::device::copy::{CopyError, copy};
use crate::device::verity::{self, Side, VerityError};
use crate::machine::{InUse, Source};
use crate::site::Site;

/// Called with the bytes done so far; `false` stops the work.
pub type Told<'a> = &'a (dyn Fn(u64) -> bool + Sync);

/// Copies the system from the medium to a slot.
pub fn write(
    site: &Site,
    parts: &Parts,
    slot: Slot,
    source: &Source,
    told: Told<'_>,
) -> Result<(), ExecuteError> {
    let (root, tree) = parts.slot(slot);
    for (from, to, len, before) in [
        (&source.root, root, source.root_bytes, 0),
        (&source.verity, tree, source.verity_bytes, source.root_bytes),
    ] {
        copy(&site.path(from), &site.path(to), len, &mut |done| {
            told(before + done)
        })
        .map_err(|error| match error {
            CopyError::Read(error) => io("read", from, error),
            CopyError::Write(error) if error.kind() == ErrorKind::ResourceBusy => ExecuteError::InUse {
                disk: to.to_owned(),
                by: InUse::Claimed,
            },
            CopyError::Write(error) => io("write", to, error),
            CopyError::Stopped => ExecuteError::Stopped,
        })?;
        site.note(&format!("copy {len} bytes from {from} to {to}"));
    }
    Ok(())
}

/// Reads a slot back against the root hash.
pub fn verify(
    site: &Site,
    parts: &Parts,
    slot: Slot,
    root_hash: &str,
    told: Told<'_>,
) -> Result<(), ExecuteError> {
    let (root, tree) = parts.slot(slot);
    let root_hash = verity::parse_root_hash(root_hash).ok_or(ExecuteError::RootHash)?;
    verity::verify(&site.path(root), &site.path(tree), &root_hash, told).map_err(|error| match error {
        VerityError::Stopped => ExecuteError::Stopped,
        VerityError::Read { side, source, .. } => {
            let device = match side {
                Side::Data => root,
                Side::Tree => tree,
            };
            io("read", device, source)
        }
        other => ExecuteError::ReadBack {
            device: root.to_owned(),
            detail: other.to_string(),
        },
    })?;
    site.note(&format!("read {root} and {tree} back: the root hash matches"));
    Ok(())
}
