//! Slots: written, then read back; other partitions: copied, then compared.

use std::io::ErrorKind;

use sigmavault_types::slots::Slot;

use super::disk::Parts;
use super::error::{ExecuteError, io};
use crate::device::compare::difference;
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
    device(site, &source.root, root, source.root_bytes, told)?;
    device(site, &source.verity, tree, source.verity_bytes, &|done| {
        told(source.root_bytes + done)
    })
}

/// Copies the first bytes of a device to another one.
pub fn device(site: &Site, from: &str, to: &str, bytes: u64, told: Told<'_>) -> Result<(), ExecuteError> {
    copy(&site.path(from), &site.path(to), bytes, &mut |done| told(done)).map_err(|error| match error {
        CopyError::Read(error) => io("read", from, error),
        CopyError::Write(error) if error.kind() == ErrorKind::ResourceBusy => ExecuteError::InUse {
            disk: to.to_owned(),
            by: InUse::Claimed,
        },
        CopyError::Write(error) => io("write", to, error),
        CopyError::Stopped => ExecuteError::Stopped,
    })?;
    site.note(&format!("copy {bytes} bytes from {from} to {to}"));
    Ok(())
}

/// Compares the first bytes of two devices, of which one is a copy.
pub fn compare(site: &Site, from: &str, to: &str, bytes: u64, told: Told<'_>) -> Result<(), ExecuteError> {
    match difference(&site.path(from), &site.path(to), bytes, &mut |done| told(done)) {
        Ok(None) => {}
        Ok(Some(at)) => {
            return Err(ExecuteError::ReadBack {
                device: to.to_owned(),
                detail: format!("byte {at} differs from {from}"),
            });
        }
        Err(error) if error.kind() == ErrorKind::Interrupted => return Err(ExecuteError::Stopped),
        Err(error) => return Err(io("compare with its copy", from, error)),
    }
    site.note(&format!("compare {bytes} bytes of {from} and {to}: the same"));
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
