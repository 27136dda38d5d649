//! Reading the table of a file, and changing it in place.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::Path;

use uuid::Uuid;

use super::bytes::Pair;
use super::error::{Access, GptError};
use super::table::{Copy, PartitionEdit, Table};

/// GUIDs of the root and its verity partition: the first and the last 128 bits of the root hash, by which
/// systemd-veritysetup-generator finds them.
pub fn root_hash_guids(hash: &str) -> Result<(Uuid, Uuid), GptError> {
    let bad = || GptError::BadRootHash(hash.to_owned());
    if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(bad());
    }
    let half = |part: Option<&str>| part.and_then(|part| Uuid::try_parse(part).ok()).ok_or_else(bad);
    Ok((half(hash.get(..32))?, half(hash.get(32..))?))
}

/// Reads both copies of the table of a file and checks them against each other.
pub fn read(file: &Path) -> Result<Table, GptError> {
    let mut file = File::open(file).map_err(|source| GptError::Open {
        path: file.to_owned(),
        source,
    })?;
    read_from(&mut file)
}

/// Reads both copies of a table and checks them against each other.
pub fn read_from(disk: &mut (impl Read + Seek)) -> Result<Table, GptError> {
    Ok(Pair::read(disk)?.table())
}

/// Sets the disk's GUID and the given partitions in both copies of a file's table, and verifies the result.
pub fn rewrite(file: &Path, disk_guid: Uuid, parts: &[PartitionEdit]) -> Result<(), GptError> {
    let opened = File::options().read(true).write(true).open(file);
    let mut disk = opened.map_err(|source| GptError::Open {
        path: file.to_owned(),
        source,
    })?;
    rewrite_in(&mut disk, disk_guid, parts)?;
    disk.sync_all().map_err(|source| GptError::Io {
        access: Access::Write,
        copy: Copy::Backup,
        source,
    })
}

/// Like [`rewrite`], on anything that can be read and written.
pub fn rewrite_in(
    disk: &mut (impl Read + Write + Seek),
    disk_guid: Uuid,
    parts: &[PartitionEdit],
) -> Result<(), GptError> {
    let mut pair = Pair::read(disk)?;
    pair.edit(disk_guid, parts)?;
    pair.write(disk)?;
    if Pair::read(disk)? == pair {
        Ok(())
    } else {
        Err(GptError::NotWritten)
    }
}
