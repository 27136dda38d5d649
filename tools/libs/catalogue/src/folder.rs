//! A folder by its handle.
//!
//! Names are single path components, and links below the folder are never followed (openat(2) with `O_NOFOLLOW`): whoever could
//! put one there leads neither the service nor root to another file.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, RenameFlags, open, openat, renameat, renameat2};
use nix::sys::stat::{FileStat, Mode, SFlag, fchmod, fstat, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, fsync, getegid, geteuid, unlinkat};

use crate::error::StoreError;

/// Rights of a folder: everybody reads, the owner writes.
const FOLDER: Mode = Mode::S_IRWXU
    .union(Mode::S_IRGRP)
    .union(Mode::S_IXGRP)
    .union(Mode::S_IROTH)
    .union(Mode::S_IXOTH);

/// Rights of a file: everybody reads, the owner writes.
const FILE: Mode = Mode::S_IRUSR
    .union(Mode::S_IWUSR)
    .union(Mode::S_IRGRP)
    .union(Mode::S_IROTH);

/// An open folder.
#[derive(Debug)]
pub(crate) struct Folder {
    handle: OwnedFd,
    path: PathBuf,
}

impl Folder {
    /// Opens a folder; `None` if there is none. Links in `path` are the administrator's, and are followed.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>, StoreError> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let opened = found(open(path, flags, Mode::empty())).map_err(failed("open", path))?;
        Ok(opened.map(|handle| Self {
            handle,
            path: path.to_owned(),
        }))
    }

    /// Its path, for messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A folder in it; `None` if there is none.
    pub(crate) fn folder(&self, name: &str) -> Result<Option<Self>, StoreError> {
        let path = self.path.join(name);
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let opened = found(openat(&self.handle, name, flags, Mode::empty()));
        let opened = opened.map_err(|error| match error {
            // With O_DIRECTORY the kernel names a link so, too.
            Errno::ENOTDIR | Errno::ELOOP => other("open", &path, "it is no folder, or a link"),
            error => failed("open", &path)(error),
        })?;
        Ok(opened.map(|handle| Self { handle, path }))
    }

    /// A folder in it, created if there is none.
    pub(crate) fn create_folder(&self, name: &str) -> Result<Self, StoreError> {
        let path = self.path.join(name);
        match mkdirat(&self.handle, name, FOLDER) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(error) => return Err(failed("create", &path)(error)),
        }
        let folder = self.folder(name)?;
        let folder = folder.ok_or_else(|| failed("create", &path)(Errno::ENOENT))?;
        // Whatever the umask: the service is another user.
        fchmod(&folder.handle, FOLDER).map_err(failed("set the rights of", &path))?;
        Ok(folder)
    }

    /// A file in it for reading; `None` if there is none.
    pub(crate) fn file(&self, name: &str) -> Result<Option<File>, StoreError> {
        let path = self.path.join(name);
        // A pipe would wait for its other end.
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let opened = found(openat(&self.handle, name, flags, Mode::empty()));
        let Some(file) = opened.map_err(|error| refused("open", &path, error))? else {
            return Ok(None);
        };
        let file = File::from(file);
        if !is(&stat(&file, &path)?, SFlag::S_IFREG) {
            return Err(other("open", &path, "it is not a file"));
        }
        Ok(Some(file))
    }

    /// A file in it for reading and writing, created empty if there is none.
    pub(crate) fn writable(&self, name: &str) -> Result<File, StoreError> {
        let path = self.path.join(name);
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let file = openat(&self.handle, name, flags, FILE).map_err(|error| refused("open", &path, error))?;
        let file = File::from(file);
        let facts = stat(&file, &path)?;
        if !is(&facts, SFlag::S_IFREG) || facts.st_nlink != 1 {
            return Err(other("write", &path, "it is not a file of its own; remove it"));
        }
        fchmod(&file, FILE).map_err(failed("set the rights of", &path))?;
        Ok(file)
    }

    /// Replaces or creates a file with these bytes, whole even after a power cut.
    pub(crate) fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let beside = format!("{name}.new");
        self.remove(&beside)?;
        let path = self.path.join(&beside);
        let mut file = self.writable(&beside)?;
        file.write_all(bytes)
            .and_then(|()| file.sync_all())
            .map_err(StoreError::on("write", &path))?;
        self.rename(&beside, name)
    }

    /// Gives a file or folder another name, durably. A file of that name is replaced.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<(), StoreError> {
        renameat(&self.handle, from, &self.handle, to).map_err(failed("rename", &self.path.join(from)))?;
        self.sync()
    }

    /// Exchanges two names, durably.
    pub(crate) fn exchange(&self, one: &str, two: &str) -> Result<(), StoreError> {
        renameat2(&self.handle, one, &self.handle, two, RenameFlags::RENAME_EXCHANGE)
            .map_err(failed("exchange", &self.path.join(two)))?;
        self.sync()
    }

    /// Removes a file; a missing one is no error.
    pub(crate) fn remove(&self, name: &str) -> Result<(), StoreError> {
        found(unlinkat(&self.handle, name, UnlinkatFlags::NoRemoveDir))
            .map(drop)
            .map_err(failed("remove", &self.path.join(name)))
    }

    /// Whether nothing is in it.
    #[cfg(feature = "download")]
    pub(crate) fn is_empty(&self) -> bool {
        std::fs::read_dir(&self.path).is_ok_and(|mut entries| entries.next().is_none())
    }

    /// Removes a folder in it if that is empty. Returns whether it did.
    #[cfg(feature = "download")]
    pub(crate) fn remove_empty(&self, name: &str) -> bool {
        unlinkat(&self.handle, name, UnlinkatFlags::RemoveDir).is_ok()
    }

    /// Removes a folder in it with everything below. Links are removed, not followed. Returns whether it was there.
    pub(crate) fn remove_all(&self, name: &str) -> Result<bool, StoreError> {
        let path = self.path.join(name);
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            removed => {
                removed.map_err(StoreError::on("remove", &path))?;
                self.sync()?;
                Ok(true)
            }
        }
    }

    /// Removes everything in it.
    pub(crate) fn clear(&self) -> Result<(), StoreError> {
        let failed = |error| StoreError::on("clear", &self.path)(error);
        for entry in std::fs::read_dir(&self.path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let removed = if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                std::fs::remove_dir_all(entry.path())
            } else {
                std::fs::remove_file(entry.path())
            };
            removed.map_err(failed)?;
        }
        Ok(())
    }

    /// Whether a name in it is this other folder.
    pub(crate) fn names(&self, name: &str, other: &Self) -> bool {
        let facts = |facts: nix::Result<FileStat>| facts.map(|facts| (facts.st_dev, facts.st_ino));
        let named = facts(fstatat(&self.handle, name, AtFlags::AT_SYMLINK_NOFOLLOW));
        named.is_ok() && named == facts(fstat(&other.handle))
    }

    /// Its handle as a file that can be locked.
    pub(crate) fn lock(&self) -> Result<File, StoreError> {
        let handle = self.handle.try_clone();
        handle.map(File::from).map_err(StoreError::on("lock", &self.path))
    }

    /// The length of a file in it; `None` if there is no file of this name, or something else.
    pub(crate) fn length(&self, name: &str) -> Option<u64> {
        let facts = fstatat(&self.handle, name, AtFlags::AT_SYMLINK_NOFOLLOW).ok()?;
        is(&facts, SFlag::S_IFREG).then(|| u64::try_from(facts.st_size).unwrap_or(0))
    }

    /// The bytes that a file in it takes on the disk.
    #[cfg(feature = "download")]
    pub(crate) fn allocated(&self, name: &str) -> u64 {
        let facts = fstatat(&self.handle, name, AtFlags::AT_SYMLINK_NOFOLLOW);
        facts.map_or(0, |facts| {
            u64::try_from(facts.st_blocks).unwrap_or(0).saturating_mul(512)
        })
    }

    /// Flushes its entries to the disk.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        fsync(&self.handle).map_err(failed("write", &self.path))
    }

    /// Rejects it if others than root and this user may write in it.
    pub(crate) fn trusted(&self) -> Result<(), StoreError> {
        trusted(
            &fstat(&self.handle).map_err(failed("look at", &self.path))?,
            &self.path,
        )
    }

    /// A file in it that only root and this user may write; `None` if there is none.
    pub(crate) fn trusted_file(&self, name: &str) -> Result<Option<File>, StoreError> {
        let Some(file) = self.file(name)? else {
            return Ok(None);
        };
        let path = self.path.join(name);
        trusted(&stat(&file, &path)?, &path)?;
        Ok(Some(file))
    }
}

/// Rejects what others could change while it is used: a mapped file that shrinks ends the service, and one that changes answers
/// by other weights.
fn trusted(facts: &FileStat, path: &Path) -> Result<(), StoreError> {
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    let mode = Mode::from_bits_truncate(facts.st_mode);
    let why = if facts.st_uid != 0 && facts.st_uid != user {
        format!("user {} owns it", facts.st_uid)
    } else if mode.contains(Mode::S_IWOTH) {
        "everybody may write it".to_owned()
    } else if mode.contains(Mode::S_IWGRP) && facts.st_gid != 0 && facts.st_gid != group {
        format!("group {} may write it", facts.st_gid)
    } else {
        return Ok(());
    };
    let why = format!(
        "{why} and could change a model while it is used; try: chown -R root:root and chmod -R go-w on the folder of models"
    );
    Err(other("use", path, why))
}

fn stat(file: &File, path: &Path) -> Result<FileStat, StoreError> {
    fstat(file).map_err(failed("look at", path))
}

fn is(facts: &FileStat, kind: SFlag) -> bool {
    SFlag::from_bits_truncate(facts.st_mode & SFlag::S_IFMT.bits()) == kind
}

/// `None` for what does not exist.
fn found<T>(result: nix::Result<T>) -> nix::Result<Option<T>> {
    match result {
        Err(Errno::ENOENT) => Ok(None),
        result => result.map(Some),
    }
}

fn refused(action: &'static str, path: &Path, error: Errno) -> StoreError {
    match error {
        Errno::ELOOP => other(
            action,
            path,
            "it is a link; links in the folder of models are not followed",
        ),
        error => failed(action, path)(error),
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(Errno) -> StoreError + use<> {
    let failed = StoreError::on(action, path);
    move |error| failed(error.into())
}

fn other(action: &'static str, path: &Path, why: impl Into<String>) -> StoreError {
    StoreError::on(action, path)(io::Error::new(io::ErrorKind::PermissionDenied, why.into()))
}
