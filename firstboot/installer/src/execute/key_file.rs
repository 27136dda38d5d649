//! The passphrase in a file, for programs that read it from there.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::ExecuteError;
use super::files;
use crate::answers::Secret;
use crate::site::Site;

/// A passphrase in a file that only root reads, in memory, gone when dropped.
#[derive(Debug)]
pub struct KeyFile {
    site: Site,
    path: PathBuf,
}

impl KeyFile {
    /// Writes it.
    pub fn new(site: &Site, secret: &Secret) -> Result<Self, ExecuteError> {
        let path = PathBuf::from(format!("/run/sigmavault/key-{}", std::process::id()));
        files::write_secret(site, &path, secret, 0o600)?;
        Ok(Self {
            site: site.clone(),
            path,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        if fs::remove_file(self.site.path(&self.path)).is_ok() {
            self.site.note(&format!("remove {}", self.path.display()));
        }
    }
}
