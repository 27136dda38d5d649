//! Whether an image holds what its build wrote: the whole file against the `SHA256SUMS` beside it, and its root file system
//! against the root hash in the kernel image that starts it.
//!
//! [`sums`] reads the checksums, [`signature`] checks who wrote them, [`kernel`] finds the kernel image and what it expects,
//! [`outcome`] is what was compared, [`flaw`] what is wrong.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Mutex;

use sha2::{Digest, Sha256};
use sigmavault_host::run::Local;
use sigmavault_verity::aligned::{AlignedBuffer, CHUNK};
use sigmavault_verity::source::{Part, ReadAt};
use sigmavault_verity::tree;

use crate::disk_image;
use crate::gpt::{self, Partition};
use crate::inspect::{InspectError, Inspection};
use crate::late::LateStage;
use crate::manifest::Manifest;
use crate::pipeline::key::hex;
use crate::progress::Progress;

pub mod flaw;
pub mod kernel;
pub mod outcome;
pub mod signature;
pub mod sums;

use flaw::Flaw;
use kernel::KernelFlaw;
use outcome::{Checked, Sums};
use signature::Signature;
use sums::Listed;

/// What was compared, and what is wrong.
#[derive(Debug)]
pub struct Verdict {
    /// What was compared.
    pub checked: Checked,
    /// What is wrong; empty for a good ISO.
    pub flaws: Vec<Flaw>,
}

/// Reads an ISO to its end, and says so when that takes long. Nothing is read when [`inspect`](crate::inspect::inspect)
/// has found it broken: what is wrong is known then.
///
/// With a file of public keys, it must be listed in a `SHA256SUMS` that one of them has signed.
pub fn complete(
    mut found: Inspection,
    keys: Option<&Path>,
    progress: &Progress,
) -> Result<Inspection, InspectError> {
    if !found.is_good() {
        return Ok(found);
    }
    // Known before minutes of reading.
    if let Some(path) = keys {
        fs::read_to_string(path).map_err(|source| InspectError::Keys {
            path: path.to_owned(),
            source,
        })?;
    }
    let stage = LateStage::new(progress, "check", crate::late::PATIENCE);
    let verdict = check(&found, keys, &|at, total| stage.position(at, total));
    let verdict = verdict.map_err(|source| InspectError::Read {
        path: found.file.clone(),
        source,
    })?;
    found.problems = verdict.flaws.iter().map(ToString::to_string).collect();
    found.checked = Some(verdict.checked);
    if found.is_good() {
        stage.done("");
    } else {
        stage.failed("");
    }
    Ok(found)
}

/// Reads the whole ISO. `told` is called with the bytes read so far, and how many there are.
pub fn check(
    found: &Inspection,
    keys: Option<&Path>,
    told: &(dyn Fn(u64, u64) + Sync),
) -> io::Result<Verdict> {
    let file = File::open(&found.file)?;
    let content = found.content()?;
    let mut flaws = Vec::new();
    let root_bytes = partition(found, Role::Root).map_or(0, Partition::size);
    let total = found.bytes + root_bytes;
    let sha256 = sha256(&file, found.bytes, &|at| told(at, total))?;
    let listed = sums::beside(&found.file)?;
    let sums = match &listed {
        Listed::NoFile => Sums::NoFile,
        Listed::NotListed => Sums::NotListed,
        Listed::As(entry) if entry.sum.eq_ignore_ascii_case(&sha256) => Sums::Match,
        Listed::As(entry) => {
            flaws.push(Flaw::Sum {
                found: sha256.clone(),
                expected: entry.sum.clone(),
            });
            Sums::Differ
        }
    };
    let signature = match (&listed, keys) {
        (Listed::As(entry), _) => signature::check(&Local, &entry.list, &entry.text, keys)?,
        (Listed::NoFile | Listed::NotListed, Some(keys)) => Err(Flaw::Unsigned {
            keys: keys.to_owned(),
        }),
        (Listed::NoFile | Listed::NotListed, None) => Ok(Signature::None),
    };
    let signature = signature.unwrap_or_else(|flaw| {
        flaws.push(flaw);
        Signature::Wrong
    });
    // Threads tell of their chunks in any order.
    let furthest = Mutex::new(0);
    let root = root(&content, found, &|at| {
        if let Ok(mut furthest) = furthest.lock() {
            *furthest = at.max(*furthest);
            told(found.bytes + *furthest, total);
        }
    });
    let root_verified = root.is_ok();
    flaws.extend(root.err());
    let checked = Checked {
        sha256,
        sums,
        signature,
        root_verified,
    };
    Ok(Verdict { checked, flaws })
}

/// Compares the root file system with the root hash that the kernel image carries.
fn root(file: &File, found: &Inspection, told: &(dyn Fn(u64) + Sync)) -> Result<(), Flaw> {
    let part = |role| {
        let partition = partition(found, role).ok_or(KernelFlaw::NoPartition)?;
        let start = partition.first.saturating_mul(gpt::SECTOR);
        Ok::<_, Flaw>(Part::new(file, start, partition.size()))
    };
    let kernel = match (&found.unpacked, &found.table) {
        (Some(_), Some(table)) => {
            let line = disk_image::command_line(file, table).map_err(KernelFlaw::Partition)?;
            kernel::parse(&line).ok_or(KernelFlaw::NoRootHash {
                name: "cmdline.txt".to_owned(),
            })?
        }
        _ => kernel::root_hash(&part(Role::Esp)?)?,
    };
    let manifest = found.manifest.as_ref().map(|manifest| &manifest.root_hash);
    if let Some(manifest) = manifest.filter(|manifest| **manifest != kernel.text) {
        return Err(Flaw::OtherRoot {
            kernel: kernel.text,
            manifest: manifest.clone(),
        });
    }
    let (data, hashes) = (part(Role::Root)?, part(Role::Verity)?);
    tree::verify(&data, &hashes, &kernel.hash, &|at| {
        told(at);
        true
    })
    .map_err(Flaw::Root)
}

/// A partition of the medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Esp,
    Root,
    Verity,
}

/// The partition for this; [`mismatches`](crate::inspect::mismatches) has made sure that there is one of each.
fn partition(found: &Inspection, role: Role) -> Option<&Partition> {
    let arm = |manifest: &Manifest| manifest.arch == "arm64";
    let arm = found.manifest.as_ref().is_some_and(arm);
    let kind = match (role, arm) {
        (Role::Esp, _) => gpt::ESP,
        (Role::Root, false) => gpt::ROOT_X86_64,
        (Role::Root, true) => gpt::ROOT_ARM64,
        (Role::Verity, false) => gpt::ROOT_X86_64_VERITY,
        (Role::Verity, true) => gpt::ROOT_ARM64_VERITY,
    };
    let partitions = &found.table.as_ref()?.partitions;
    partitions.iter().find(|partition| partition.type_guid == kind)
}

fn sha256(file: &File, bytes: u64, told: &dyn Fn(u64)) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = AlignedBuffer::new(CHUNK);
    let mut at = 0;
    while at < bytes {
        let len = usize::try_from(bytes - at).map_or(CHUNK, |left| left.min(CHUNK));
        let chunk = &mut buffer.bytes_mut()[..len];
        ReadAt::read_exact_at(file, chunk, at)?;
        hash.update(&*chunk);
        at += len as u64;
        told(at);
    }
    Ok(hex(&hash.finalize()))
}

#[cfg(test)]
use crate::fat32::sample as fat_sample;
#[cfg(test)]
use crate::iso9660::sample as iso_sample;
#[cfg(test)]
pub mod sample;
#[cfg(test)]
mod tests;
