//! Changes to files. Each is noted once it is made.

use std::fs;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::error::{ExecuteError, io};
use crate::answers::Secret;
use crate::device::read::read as read_from_disk;
use crate::site::Site;

/// Makes a folder and those above it, if they are missing.
pub fn make_folder(site: &Site, folder: impl AsRef<Path>) -> Result<(), ExecuteError> {
    let folder = folder.as_ref();
    let path = site.path(folder);
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path).map_err(|error| io("make", folder, error))?;
    site.note(&format!("make the folder {}", folder.display()));
    Ok(())
}

/// Writes a text file with this mode, in the place of one that is there.
pub fn write(site: &Site, file: &Path, text: &str, mode: u32) -> Result<(), ExecuteError> {
    let path = site.path(file);
    let write = || {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, text)?;
        fs::set_permissions(&path, PermissionsExt::from_mode(mode))
    };
    write().map_err(|error| io("write", file, error))?;
    site.note(&format!(
        "write {} (mode {mode:o}){}",
        file.display(),
        shown(text)
    ));
    Ok(())
}

/// Writes a file so that a power cut leaves the old one or the new one.
pub fn replace(site: &Site, file: &Path, bytes: &[u8]) -> Result<(), ExecuteError> {
    let path = site.path(file);
    let folder = path.parent().unwrap_or(&path);
    fs::create_dir_all(folder)
        .and_then(|()| sigmavault_durable::replace(&path, bytes))
        .map_err(|error| io("write", file, error))?;
    site.note(&format!("replace {}{}", file.display(), shown_bytes(bytes)));
    Ok(())
}

/// Writes a file again whose old bytes are as many: nothing else of the file system changes, and a power cut leaves the old bytes or the
/// new ones in each sector.
pub fn overwrite(site: &Site, file: &Path, bytes: &[u8]) -> Result<(), ExecuteError> {
    sigmavault_durable::overwrite(&site.path(file), bytes).map_err(|error| io("write", file, error))?;
    site.note(&format!("overwrite {}{}", file.display(), shown_bytes(bytes)));
    Ok(())
}

/// Reads a file back from the disk, past the page cache, and compares it with what was written.
pub fn read_back(site: &Site, file: &Path, written: &[u8]) -> Result<(), ExecuteError> {
    let differs = |detail: String| ExecuteError::ReadBack {
        device: file.display().to_string(),
        detail,
    };
    let found = read_from_disk(&site.path(file)).map_err(|error| io("read", file, error))?;
    if found.len() != written.len() {
        return Err(differs(format!(
            "it has {} bytes instead of {}",
            found.len(),
            written.len()
        )));
    }
    if let Some(at) = (0..found.len()).find(|at| found[*at] != written[*at]) {
        return Err(differs(format!("byte {at} differs")));
    }
    let hash: String = Sha256::digest(&found)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    site.note(&format!("read {} back: SHA-256 {hash}", file.display()));
    Ok(())
}

/// Writes a secret to a new file with this mode, which lets only root read it; on the disk when this returns.
pub fn write_secret(site: &Site, file: &Path, secret: &Secret, mode: u32) -> Result<(), ExecuteError> {
    let path = site.path(file);
    let write = || {
        let _ = fs::remove_file(&path);
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&path)?;
        std::io::Write::write_all(&mut file, secret.0.as_bytes())?;
        file.sync_all()?;
        sigmavault_durable::sync_folder_of(&path)
    };
    write().map_err(|error| io("write", file, error))?;
    site.note(&format!("write {} (mode {mode:o}): <secret>", file.display()));
    Ok(())
}

/// Makes a symbolic link, in the place of what is there.
pub fn link(site: &Site, link: &Path, target: &str) -> Result<(), ExecuteError> {
    let path = site.path(link);
    let make = || {
        if path.symlink_metadata().is_ok() {
            fs::remove_file(&path)?;
        }
        symlink(target, &path)
    };
    make().map_err(|error| io("write", link, error))?;
    site.note(&format!("link {} to {target}", link.display()));
    Ok(())
}

/// Copies a file.
pub fn copy(site: &Site, from: &Path, to: &Path) -> Result<(), ExecuteError> {
    fs::metadata(site.path(from)).map_err(|error| io("read", from, error))?;
    fs::copy(site.path(from), site.path(to)).map_err(|error| io("write", to, error))?;
    site.note(&format!("copy {} to {}", from.display(), to.display()));
    Ok(())
}

/// The bytes of a file.
pub fn read(site: &Site, file: &Path) -> Result<Vec<u8>, ExecuteError> {
    fs::read(site.path(file)).map_err(|error| io("read", file, error))
}

/// Writes back what [`read`] gave.
pub fn restore(site: &Site, file: &Path, bytes: &[u8]) -> Result<(), ExecuteError> {
    fs::write(site.path(file), bytes).map_err(|error| io("write", file, error))?;
    site.note(&format!("restore {}", file.display()));
    Ok(())
}

/// Sets the mode of a file or folder.
pub fn set_mode(site: &Site, path: &Path, mode: u32) -> Result<(), ExecuteError> {
    fs::set_permissions(site.path(path), PermissionsExt::from_mode(mode))
        .map_err(|error| io("set the mode of", path, error))?;
    site.note(&format!("set the mode of {} to {mode:o}", path.display()));
    Ok(())
}

/// Removes a file.
pub fn remove(site: &Site, file: &Path) -> Result<(), ExecuteError> {
    fs::remove_file(site.path(file)).map_err(|error| io("remove", file, error))?;
    site.note(&format!("remove {}", file.display()));
    Ok(())
}

/// Removes a folder with everything in it.
pub fn remove_folder(site: &Site, folder: &Path) -> Result<(), ExecuteError> {
    fs::remove_dir_all(site.path(folder)).map_err(|error| io("remove", folder, error))?;
    site.note(&format!("remove the folder {}", folder.display()));
    Ok(())
}

/// The lines of a text, each on a line of its own.
/// Text as it is, other bytes by their number.
fn shown_bytes(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => shown(text),
        _ => format!(": {} bytes", bytes.len()),
    }
}

fn shown(text: &str) -> String {
    text.lines()
        .map(|line| format!("\n  {line}").trim_end_matches(' ').to_owned())
        .collect()
}
