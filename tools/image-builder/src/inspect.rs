//! What an ISO is, from the file alone, and whether its parts fit each other. [`show`] is the `inspect` command;
//! [`check`](crate::check) reads every byte.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::check::outcome::Checked;
use crate::gpt::{self, GptError, Table};
use crate::iso9660::{IsoError, Volume};
use crate::manifest::{self, Manifest};

pub mod show;

/// Version of the manifest this program reads.
const SCHEMA: u32 = 1;
/// Largest manifest accepted; one with 3000 packages has half a MiB.
const MANIFEST_MAX: u64 = 16 << 20;

/// Why an ISO could not be inspected.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The file could not be opened.
    #[error("cannot open {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not an ISO at all.
    #[error("{} is not a SigmaVault ISO", path.display())]
    Iso {
        /// The file.
        path: PathBuf,
        /// Why.
        source: IsoError,
    },
    /// It could not be read to its end.
    #[error("cannot read {}; copy or download it again", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The trusted keys could not be read.
    #[error("cannot read the keys of --verify-key in {}; give a file with public SSH keys", path.display())]
    Keys {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Standard output is gone.
    #[error("cannot write to standard output")]
    Output(#[from] std::io::Error),
    /// JSON could not be written.
    #[error("cannot write JSON")]
    Json(#[from] serde_json::Error),
}

/// Everything found in an ISO.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Inspection {
    /// The file.
    pub file: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// The length it must have, by its volume descriptor and partition table.
    pub expected_bytes: u64,
    /// ISO 9660 volume id.
    pub volume_id: String,
    /// What the build wrote into it, when that can be read.
    pub manifest: Option<Manifest>,
    /// Its partition table, when both copies are sound.
    pub table: Option<Table>,
    /// What its content was compared with, when every byte was read.
    pub checked: Option<Checked>,
    /// What is wrong; empty for a good ISO.
    pub problems: Vec<String>,
}

impl Inspection {
    /// Whether nothing is wrong with it.
    pub fn is_good(&self) -> bool {
        self.problems.is_empty()
    }

    /// Whether the file ends too early.
    pub fn is_truncated(&self) -> bool {
        self.bytes < self.expected_bytes
    }
}

/// Inspects an ISO. Fails only if the file is not an ISO; `problems` lists what is wrong with one.
pub fn inspect(path: &Path) -> Result<Inspection, InspectError> {
    let mut disk = File::open(path).map_err(|source| InspectError::Open {
        path: path.to_owned(),
        source,
    })?;
    inspect_in(&mut disk, path).map_err(|source| InspectError::Iso {
        path: path.to_owned(),
        source,
    })
}

fn inspect_in(disk: &mut (impl Read + Seek), path: &Path) -> Result<Inspection, IsoError> {
    let bytes = disk
        .seek(SeekFrom::End(0))
        .map_err(|source| IsoError::Io { at: 0, source })?;
    let volume = Volume::read(disk)?;
    let mut problems = Vec::new();
    let mut expected_bytes = volume.size;
    let table = match gpt::read_from(disk) {
        Ok(table) => {
            expected_bytes = expected_bytes.max(table.backup.saturating_add(1).saturating_mul(gpt::SECTOR));
            Some(table)
        }
        Err(GptError::Short { need, .. }) => {
            expected_bytes = expected_bytes.max(need);
            None
        }
        Err(error) => {
            problems.push(error.to_string());
            None
        }
    };
    if bytes < expected_bytes {
        problems.insert(
            0,
            format!("truncated: {bytes} bytes of {expected_bytes}; copy or download it again"),
        );
    } else if let Some(table) = &table
        && table.backup.saturating_add(1).saturating_mul(gpt::SECTOR) != bytes
    {
        problems.push(format!(
            "the backup partition table is not at the end: {bytes} bytes of {expected_bytes}"
        ));
    }
    let manifest = match manifest(disk, &volume) {
        Ok(manifest) => Some(manifest),
        Err(problem) => {
            problems.push(problem);
            None
        }
    };
    if let Some(manifest) = &manifest {
        if volume.id != manifest.volume_id {
            problems.push(format!(
                "the volume id is `{}`, the manifest says `{}`",
                volume.id, manifest.volume_id
            ));
        }
        if let Some(table) = &table {
            problems.extend(mismatches(manifest, table));
        }
    }
    Ok(Inspection {
        file: path.to_owned(),
        bytes,
        expected_bytes,
        volume_id: volume.id,
        manifest,
        table,
        checked: None,
        problems,
    })
}

fn manifest(disk: &mut (impl Read + Seek), volume: &Volume) -> Result<Manifest, String> {
    let text = volume
        .file(disk, manifest::PATH_ON_ISO, MANIFEST_MAX)
        .map_err(|error| error.to_string())?;
    let broken =
        |error: serde_json::Error| format!("{} cannot be understood: {error}", manifest::PATH_ON_ISO);
    let value: serde_json::Value = serde_json::from_slice(&text).map_err(broken)?;
    let schema = value.get("schema").and_then(serde_json::Value::as_u64);
    if schema != Some(u64::from(SCHEMA)) {
        let found = schema.map_or_else(|| "no number".to_owned(), |schema| schema.to_string());
        return Err(format!(
            "the manifest has schema {found}, this program reads {SCHEMA}; use the one of its version"
        ));
    }
    serde_json::from_value(value).map_err(broken)
}

/// Where the partition table differs from what the manifest implies.
pub fn mismatches(manifest: &Manifest, table: &Table) -> Vec<String> {
    let (root_type, verity_type) = match manifest.arch.as_str() {
        "amd64" => (gpt::ROOT_X86_64, gpt::ROOT_X86_64_VERITY),
        "arm64" => (gpt::ROOT_ARM64, gpt::ROOT_ARM64_VERITY),
        other => {
            return vec![format!(
                "the manifest names the architecture `{other}`, which is unknown"
            )];
        }
    };
    let (root_guid, verity_guid) = match gpt::root_hash_guids(&manifest.root_hash) {
        Ok(guids) => guids,
        Err(error) => return vec![format!("in the manifest, {error}")],
    };
    let expected = [
        ("ESP", gpt::ESP, None, manifest.sizes.esp),
        ("root", root_type, Some(root_guid), manifest.sizes.root),
        ("verity", verity_type, Some(verity_guid), manifest.sizes.verity),
    ];
    let mut problems = Vec::new();
    for (what, type_guid, guid, size) in expected {
        let mut of_type = table.partitions.iter().filter(|part| part.type_guid == type_guid);
        let Some(part) = of_type.next() else {
            problems.push(format!("there is no {what} partition (type {type_guid})"));
            continue;
        };
        if of_type.next().is_some() {
            problems.push(format!(
                "there is more than one {what} partition (type {type_guid})"
            ));
        }
        if let Some(guid) = guid.filter(|guid| *guid != part.guid) {
            let found = part.guid;
            problems.push(format!(
                "the {what} partition has the GUID {found}, the root hash implies {guid}"
            ));
        }
        // A partition may be rounded up to a whole block, never cut.
        if part.size() < size {
            let found = part.size();
            problems.push(format!(
                "the {what} partition has {found} bytes, the manifest says {size}"
            ));
        }
    }
    problems
}

#[cfg(test)]
mod tests;
