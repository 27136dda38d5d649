//! What an image is, an ISO or that of a disk, from the file alone, and whether its parts fit each other. [`show`] is the `inspect` command;
//! [`check`](crate::check) reads every byte.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use crate::check::outcome::Checked;
use crate::disk_image;
use crate::gpt::{self, GptError, Table};
use crate::iso9660::{IsoError, Volume};
use crate::late::{LateStage, PATIENCE};
use crate::manifest::{self, Manifest};
use crate::progress::Progress;

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
    /// Not an image of ours at all.
    #[error("{} is neither a SigmaVault ISO nor a disk image", path.display())]
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

/// The disk of a compressed image, unpacked into a file without a name.
#[derive(Debug, Clone)]
pub struct Unpacked {
    file: Arc<File>,
    /// Its length.
    pub bytes: u64,
}

impl PartialEq for Unpacked {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.file, &other.file)
    }
}

impl Eq for Unpacked {}

/// Everything found in an image.
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
    /// The disk, when the file is the compressed image of one.
    #[serde(skip)]
    pub unpacked: Option<Unpacked>,
    /// What is wrong; empty for a good image.
    pub problems: Vec<String>,
}

impl Inspection {
    /// What a disk gets, to be read at any place: the ISO, or the unpacked image.
    pub fn content(&self) -> std::io::Result<Arc<File>> {
        match &self.unpacked {
            Some(unpacked) => Ok(unpacked.file.clone()),
            None => File::open(&self.file).map(Arc::new),
        }
    }

    /// The length of that.
    pub fn content_bytes(&self) -> u64 {
        self.unpacked
            .as_ref()
            .map_or(self.bytes, |unpacked| unpacked.bytes)
    }

    /// Whether nothing is wrong with it.
    pub fn is_good(&self) -> bool {
        self.problems.is_empty()
    }

    /// Whether the file ends too early.
    pub fn is_truncated(&self) -> bool {
        self.bytes < self.expected_bytes
    }
}

/// Inspects an image. Fails only if the file is none; `problems` lists what is wrong with one.
pub fn inspect(path: &Path, progress: &Progress) -> Result<Inspection, InspectError> {
    let mut disk = File::open(path).map_err(|source| InspectError::Open {
        path: path.to_owned(),
        source,
    })?;
    let read = |source| InspectError::Read {
        path: path.to_owned(),
        source,
    };
    if disk_image::is_packed(&mut disk).map_err(read)? {
        return inspect_packed(&disk, path, progress).map_err(read);
    }
    inspect_in(&mut disk, path).map_err(|source| InspectError::Iso {
        path: path.to_owned(),
        source,
    })
}

fn inspect_packed(packed: &File, path: &Path, progress: &Progress) -> std::io::Result<Inspection> {
    let bytes = packed.metadata()?.len();
    let stage = LateStage::new(progress, "unpack", PATIENCE);
    let disk = disk_image::unpack(packed, &|at| stage.position(at, bytes));
    let mut disk = match disk {
        Ok(disk) => disk,
        Err(error) => {
            stage.failed("");
            return Err(error);
        }
    };
    stage.done("");
    let mut problems = Vec::new();
    let table = gpt::read_from(&mut disk)
        .map_err(|error| problems.push(error.to_string()))
        .ok();
    let text = table.as_ref().map(|table| disk_image::manifest(&disk, table));
    let manifest = text.and_then(|text| {
        let text = text.map_err(|error| format!("its manifest cannot be read: {error}"));
        text.and_then(|text| parse_manifest(&text))
            .map_err(|problem| problems.push(problem))
            .ok()
    });
    if let (Some(manifest), Some(table)) = (&manifest, &table) {
        problems.extend(disk_image::mismatches(manifest, table));
    }
    let unpacked = Unpacked {
        bytes: disk.metadata()?.len(),
        file: Arc::new(disk),
    };
    Ok(Inspection {
        file: path.to_owned(),
        bytes,
        expected_bytes: bytes,
        volume_id: manifest
            .as_ref()
            .map_or_else(String::new, |manifest| manifest.volume_id.clone()),
        manifest,
        table,
        checked: None,
        unpacked: Some(unpacked),
        problems,
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
        unpacked: None,
        problems,
    })
}

fn manifest(disk: &mut (impl Read + Seek), volume: &Volume) -> Result<Manifest, String> {
    let text = volume
        .file(disk, manifest::PATH_ON_ISO, MANIFEST_MAX)
        .map_err(|error| error.to_string())?;
    parse_manifest(&text)
}

fn parse_manifest(text: &[u8]) -> Result<Manifest, String> {
    let broken =
        |error: serde_json::Error| format!("{} cannot be understood: {error}", manifest::PATH_ON_ISO);
    let value: serde_json::Value = serde_json::from_slice(text).map_err(broken)?;
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
