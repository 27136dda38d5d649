//! A model that is being added: a folder beside the others that no reader takes for a model, until all of it is there.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::chunks::ChunkList;
use crate::error::StoreError;
use crate::folder::Folder;
use crate::store::{Installed, Store, write_record};
use crate::verify;

/// The name of the folder, which is no id.
const NAME: &str = ".adding";

/// A model that is being added. Dropped before [`Staging::commit`], nothing remains of it.
#[derive(Debug)]
pub struct Staging {
    store: Folder,
    folder: Folder,
    /// Held until the end, so that two commands do not meet.
    _lock: File,
}

impl Staging {
    /// Begins an addition. What one that was killed has left is removed.
    pub fn begin(store: &Store) -> Result<Self, StoreError> {
        let store = store.create_store()?;
        let folder = store.create_folder(NAME)?;
        let lock = folder.lock()?;
        let locked = match lock.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => false,
            Err(TryLockError::Error(error)) => return Err(StoreError::on("lock", folder.path())(error)),
        };
        // Another command may have made it a model before it let go of the lock.
        if !locked || !store.names(NAME, &folder) {
            let busy = "a model is being added already; wait for that to end";
            let busy = io::Error::new(io::ErrorKind::ResourceBusy, busy);
            return Err(StoreError::on("use", folder.path())(busy));
        }
        folder.clear()?;
        Ok(Self {
            store,
            folder,
            _lock: lock,
        })
    }

    /// Where its files lie until they are complete.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Creates a file, or opens it for more.
    pub fn file(&self, name: &str) -> Result<File, StoreError> {
        self.folder.writable(name)
    }

    /// Gives a file a second name here instead of copying it. It must be of the same file system, and only root and this user may
    /// write it: it stays what it is only then. Everybody must be able to read it, as the service is another user.
    pub fn link(&self, from: &Path, name: &str) -> Result<(), StoreError> {
        let target = self.folder.path().join(name);
        std::fs::hard_link(from, &target).map_err(StoreError::on("link", from))?;
        let named_here = |error: StoreError| StoreError::on("link", from)(error.source);
        let file = self.folder.trusted_file(name).map_err(named_here)?;
        let facts = file.map(|file| file.metadata()).transpose();
        let facts = facts.map_err(StoreError::on("look at", from))?;
        let readable = facts.is_some_and(|facts| {
            use std::os::unix::fs::PermissionsExt as _;
            facts.permissions().mode() & 0o004 != 0
        });
        if readable {
            return Ok(());
        }
        let unreadable = io::Error::new(
            io::ErrorKind::PermissionDenied,
            "the service, which is another user, may not read it; copy it, or: chmod o+r",
        );
        Err(StoreError::on("link", from)(unreadable))
    }

    /// Keeps the chunk hashes of a file.
    pub fn keep(&self, name: &str, list: &ChunkList) -> Result<(), StoreError> {
        verify::write(&self.folder, name, list)
    }

    /// Makes it the model that the record names, in the place of one of the same id. Returns the folder.
    pub fn commit(self, installed: &Installed) -> Result<PathBuf, StoreError> {
        let id = &installed.model.id;
        if let Some(fault) = installed.model.recorded_fault() {
            let invalid = io::Error::new(io::ErrorKind::InvalidInput, fault);
            return Err(StoreError::on("add", &self.store.path().join(format!("{id:?}")))(
                invalid,
            ));
        }
        write_record(&self.folder, installed)?;
        if self.store.folder(id)?.is_some() {
            // Readers find the old model or the new one, and dropping this removes the old.
            self.store.exchange(NAME, id)?;
        } else {
            self.store.rename(NAME, id)?;
        }
        Ok(self.store.path().join(id))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // After a commit this is the model that was replaced, if any.
        let _ = self.store.remove_all(NAME);
    }
}
