//! Reading and writing past the page cache (`O_DIRECT`, open(2)).

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

pub use sigmavault_verity::aligned::{ALIGNMENT, AlignedBuffer, CHUNK};

/// Opens a device past the page cache; a file system that has no such thing (tests on tmpfs) is opened as usual.
pub fn open_direct(path: &Path, write: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(write);
    match options.clone().custom_flags(nix::libc::O_DIRECT).open(path) {
        Err(error) if error.raw_os_error() == Some(nix::libc::EINVAL) => options.open(path),
        result => result,
    }
}
