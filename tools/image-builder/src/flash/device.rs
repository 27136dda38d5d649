//! A disk opened for writing past the page cache, so that progress is true and what is read back is on the medium.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;

use nix::fcntl::{OFlag, PosixFadviseAdvice, posix_fadvise};

use super::copy::Target;
use super::disk::Disk;

/// A disk, held exclusively.
#[derive(Debug)]
pub struct Device {
    file: File,
    /// Whether reads and writes go past the page cache.
    direct: bool,
    size: u64,
    block: usize,
    sysfs: PathBuf,
}

impl Device {
    /// Opens a disk. The kernel refuses when anything mounted it or built on it since it was looked at.
    pub fn open(disk: &Disk) -> io::Result<Self> {
        let open = |flags: OFlag| {
            OpenOptions::new()
                .read(true)
                .write(true)
                .custom_flags((flags | OFlag::O_EXCL).bits())
                .open(&disk.path)
        };
        let (file, direct) = match open(OFlag::O_DIRECT) {
            Err(error) if error.raw_os_error() == Some(nix::errno::Errno::EINVAL as i32) => {
                (open(OFlag::empty())?, false)
            }
            other => (other?, true),
        };
        let size = io::Seek::seek(&mut &file, io::SeekFrom::End(0))?;
        let sysfs = PathBuf::from("/sys/class/block").join(&disk.name);
        let block = std::fs::read_to_string(sysfs.join("queue/logical_block_size")).ok();
        let block = block
            .and_then(|text| text.trim().parse().ok())
            .filter(|block: &usize| (512..=65536).contains(block));
        Ok(Self {
            file,
            direct,
            size,
            block: block.unwrap_or(4096),
            sysfs,
        })
    }
}

impl Target for Device {
    fn size(&self) -> u64 {
        self.size
    }

    fn block(&self) -> usize {
        self.block
    }

    fn write_at(&mut self, at: u64, data: &[u8]) -> io::Result<()> {
        self.file.write_all_at(data, at)?;
        if self.direct {
            Ok(())
        } else {
            self.file.sync_data()
        }
    }

    fn read_at(&mut self, at: u64, data: &mut [u8]) -> io::Result<()> {
        if !self.direct {
            let (offset, length) = (i64::try_from(at), i64::try_from(data.len()));
            if let (Ok(offset), Ok(length)) = (offset, length) {
                posix_fadvise(
                    &self.file,
                    offset,
                    length,
                    PosixFadviseAdvice::POSIX_FADV_DONTNEED,
                )?;
            }
        }
        self.file.read_exact_at(data, at)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn present(&self) -> bool {
        self.sysfs.exists()
    }
}
