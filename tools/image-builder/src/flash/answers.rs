//! Answers for an unattended installation, put on the disk that was just written: on the EFI system partition of an ISO, on the boot
//! partition of a disk image, where the installer looks for them.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use fatfs::{FileSystem, FsOptions};
use nix::fcntl::{OFlag, PosixFadviseAdvice, posix_fadvise};

use crate::disk_image;
use crate::fat32::FatError;
use crate::gpt::{self, Partition};
use crate::inspect::Inspection;

/// The name by which the installer finds them.
const NAME: &str = "answers.toml";
/// Largest file of answers that the installer reads.
const MOST: u64 = 1 << 20;

/// How often a disk that is in use is tried, and the time in between.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(300);

/// Why the answers are not on the disk.
#[derive(Debug, thiserror::Error)]
pub enum AnswersError {
    /// The file could not be read.
    #[error("cannot read the answers in {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no TOML.
    #[error("{} is not an answer file: {}; `sigmavault-installer --check-answers` says more", path.display(), what.trim_end())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The image has no place for them.
    #[error("the image has no partition for answers; build or download it again")]
    NoPartition,
    /// They could not be written.
    #[error(
        "the answers cannot be put on {device}: {source}; unmount what is on it, and run the same command again"
    )]
    Write {
        /// The disk.
        device: String,
        /// Why.
        source: io::Error,
    },
    /// They could not be read back.
    #[error("{device} holds the image, but the answers read back differently; use another disk")]
    Different {
        /// The disk.
        device: String,
    },
}

/// The text of an answer file. Whether its answers are good is for the installer to say: here it must be TOML.
pub fn read(path: &Path) -> Result<String, AnswersError> {
    let failed = |source| AnswersError::Read {
        path: path.to_owned(),
        source,
    };
    let mut text = String::new();
    let file = File::open(path).map_err(failed)?;
    file.take(MOST + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > MOST {
        return Err(failed(io::Error::from(io::ErrorKind::FileTooLarge)));
    }
    match text.parse::<toml::Table>() {
        Ok(_) => Ok(text),
        Err(error) => Err(AnswersError::Syntax {
            path: path.to_owned(),
            what: error.to_string(),
        }),
    }
}

/// The partition that the installer looks on.
pub fn partition(image: &Inspection) -> Result<&Partition, AnswersError> {
    let table = image.table.as_ref().ok_or(AnswersError::NoPartition)?;
    let found = match image.unpacked {
        Some(_) => disk_image::partition(table, disk_image::BOOT),
        None => table.partitions.iter().find(|part| part.type_guid == gpt::ESP),
    };
    found.ok_or(AnswersError::NoPartition)
}

/// Writes the answers to a partition of an unpacked image, before it is written to a disk.
pub fn write_into(image: &File, partition: &Partition, text: &str) -> Result<(), AnswersError> {
    let failed = |source| AnswersError::Write {
        device: "the unpacked image".to_owned(),
        source,
    };
    put(image, partition, text.as_bytes()).map_err(failed)
}

/// Writes the answers to the partition of a disk, which nothing else may use meanwhile, and reads them back.
pub fn write(device: &str, partition: &Partition, text: &str) -> Result<(), AnswersError> {
    let failed = |source| AnswersError::Write {
        device: device.to_owned(),
        source,
    };
    let file = open(device).map_err(failed)?;
    put(&file, partition, text.as_bytes()).map_err(failed)?;
    match disk_image::read(&file, partition, NAME) {
        Ok(found) if found == text.as_bytes() => Ok(()),
        Ok(_) | Err(FatError::NotFound(_)) => Err(AnswersError::Different {
            device: device.to_owned(),
        }),
        Err(error) => Err(failed(io::Error::other(error))),
    }
}

/// Opens a disk for itself. A desktop that has just looked at it lets go of it after a moment.
fn open(device: &str) -> io::Result<File> {
    let mut tries = TRIES;
    loop {
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(OFlag::O_EXCL.bits())
            .open(device);
        tries -= 1;
        match opened {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy && tries > 0 => {
                std::thread::sleep(PAUSE);
            }
            other => return other,
        }
    }
}

fn put(file: &File, partition: &Partition, text: &[u8]) -> io::Result<()> {
    let slice = Slice {
        file,
        start: partition.first.saturating_mul(gpt::SECTOR),
        length: partition.size(),
        at: 0,
    };
    let volume = FileSystem::new(slice, FsOptions::new())?;
    {
        let mut answers = volume.root_dir().create_file(NAME)?;
        answers.truncate()?;
        answers.write_all(text)?;
        answers.flush()?;
    }
    volume.unmount()?;
    file.sync_all()?;
    // What is read next comes from the disk.
    posix_fadvise(file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?;
    Ok(())
}

/// A part of a disk, as a file system sees it.
struct Slice<'a> {
    file: &'a File,
    start: u64,
    length: u64,
    at: u64,
}

impl Slice<'_> {
    /// How much of this many bytes is inside, from where it stands.
    fn room(&self, length: usize) -> usize {
        usize::try_from(self.length.saturating_sub(self.at)).map_or(length, |room| room.min(length))
    }
}

impl Read for Slice<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = self.room(buffer.len());
        let read = self
            .file
            .read_at(buffer.get_mut(..room).unwrap_or_default(), self.start + self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Write for Slice<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let room = self.room(buffer.len());
        let written = self
            .file
            .write_at(buffer.get(..room).unwrap_or_default(), self.start + self.at)?;
        self.at += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Slice<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (from, by) = match to {
            SeekFrom::Start(at) => (at, 0),
            SeekFrom::End(by) => (self.length, by),
            SeekFrom::Current(by) => (self.at, by),
        };
        self.at = from
            .checked_add_signed(by)
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    /// A file with a FAT32 file system behind the first MiB and something else behind that.
    fn disk() -> (tempfile::NamedTempFile, Partition) {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(66 << 20).unwrap();
        file.as_file().write_all_at(b"next", 65 << 20).unwrap();
        let slice = Slice {
            file: file.as_file(),
            start: 1 << 20,
            length: 64 << 20,
            at: 0,
        };
        let options = fatfs::FormatVolumeOptions::new()
            .fat_type(fatfs::FatType::Fat32)
            .bytes_per_cluster(512);
        fatfs::format_volume(slice, options).unwrap();
        let partition = Partition {
            index: 1,
            type_guid: gpt::ESP,
            guid: Uuid::nil(),
            first: 2048,
            last: 65 * 2048 - 1,
            attributes: 0,
            name: disk_image::BOOT.to_owned(),
        };
        (file, partition)
    }

    #[test]
    fn answers_are_on_the_partition_and_nowhere_else() {
        let (file, partition) = disk();
        let device = file.path().to_str().unwrap();
        let long = "# a comment\n".repeat(400);
        for text in ["hostname = \"nas\"\n", &long, "x = 1\n"] {
            write(device, &partition, text).unwrap();
            assert_eq!(
                disk_image::read(file.as_file(), &partition, NAME).unwrap(),
                text.as_bytes()
            );
        }
        let mut behind = [0; 4];
        FileExt::read_exact_at(file.as_file(), &mut behind, 65 << 20).unwrap();
        assert_eq!(&behind, b"next");
    }

    #[test]
    fn what_is_no_fat_is_left_alone() {
        let (file, mut partition) = disk();
        (partition.first, partition.last) = (65 * 2048, 66 * 2048 - 1);
        let error = write(file.path().to_str().unwrap(), &partition, "x = 1\n").unwrap_err();
        assert!(
            error.to_string().contains("the answers cannot be put on"),
            "{error}"
        );
        let mut behind = [0; 4];
        FileExt::read_exact_at(file.as_file(), &mut behind, 65 << 20).unwrap();
        assert_eq!(&behind, b"next");
    }

    #[test]
    fn an_answer_file_is_toml() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hostname = nas\n").unwrap();
        let error = read(file.path()).unwrap_err().to_string();
        assert!(error.contains("is not an answer file"), "{error}");
        std::fs::write(file.path(), "hostname = \"nas\"\n").unwrap();
        assert_eq!(read(file.path()).unwrap(), "hostname = \"nas\"\n");
        assert!(matches!(read(Path::new("/none")), Err(AnswersError::Read { .. })));
    }
}
