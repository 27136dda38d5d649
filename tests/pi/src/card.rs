//! The disk that a sequence of starts writes to: a copy of the image on a card of a usual size.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use sigmavault_pi_firmware::table::Table;
use sigmavault_vm::{GIB, Image, Share, ToolsTree};

use crate::error::Error;

/// The first bytes of what zstd has compressed (RFC 8878).
const ZSTD: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

/// A disk with an image on it.
#[derive(Debug)]
pub struct Card {
    /// The disk.
    pub image: Image,
}

impl Card {
    /// Copies an image to a disk of `gib` GiB at `path`. QEMU wants cards whose size is a power of two.
    pub fn make(image: &Path, path: &Path, gib: u64) -> Result<Self, Error> {
        let mut first = [0; 4];
        let mut file = File::open(image).map_err(Error::io("open", image))?;
        // A shorter file has no partition table either, which its start shows.
        let _ = file.read_exact(&mut first);
        if first == ZSTD {
            return Err(Error::Compressed(image.to_owned()));
        }
        let bytes = file.metadata().map_err(Error::io("read", image))?.len();
        if bytes > gib * GIB {
            return Err(Error::TooLarge {
                path: image.to_owned(),
                bytes,
                gib,
            });
        }
        let image = Image {
            path: image.to_owned(),
        };
        let image = image.copy_to(path)?;
        let grown = File::options()
            .write(true)
            .open(path)
            .and_then(|file| file.set_len(gib * GIB));
        grown.map_err(Error::io("grow", path))?;
        Ok(Self { image })
    }

    /// Opens it to read.
    pub fn open(&self) -> Result<File, Error> {
        File::open(&self.image.path).map_err(Error::io("open", &self.image.path))
    }

    /// Puts a file on partition 1 under this name, as a person does before the first start.
    pub fn put(&self, tools: &ToolsTree, file: &Path, name: &str) -> Result<(), Error> {
        let table = Table::read(&mut self.open()?);
        let table = table.map_err(|error| Error::NoFirstPartition(error.to_string()))?;
        let Ok(Some(first)) = table.by_number(1) else {
            return Err(Error::NoFirstPartition("its table has none".to_owned()));
        };
        let file = fs::canonicalize(file).map_err(Error::io("open", file))?;
        let place = format!("{}@@{}", self.image.path.display(), first.start);
        let target = format!("::/{name}");
        let shares = [Share::Write(&self.image.path), Share::Read(&file)];
        let arguments = ["-o", "-i", &place].map(OsStr::new);
        let arguments: Vec<&OsStr> = arguments
            .into_iter()
            .chain([file.as_os_str(), OsStr::new(&target)])
            .collect();
        tools.read("mcopy", &shares, &arguments)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sigmavault_pi_firmware::sample::{Disk, gpt};

    #[test]
    fn an_image_becomes_a_card() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let disk = gpt(&[Disk::with(&[("autoboot.txt", b"")])]);
        fs::write(at("image"), &disk).unwrap();
        let card = Card::make(&at("image"), &at("card"), 1).unwrap();
        assert_eq!(fs::metadata(at("card")).unwrap().len(), GIB);
        assert!(card.image.allocated().unwrap() <= disk.len() as u64);
        let mut start = vec![0; disk.len()];
        card.image.read_at(0, &mut start).unwrap();
        assert!(start == disk);
    }

    #[test]
    fn what_is_no_image() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("image.zst"), [&ZSTD[..], b"..."].concat()).unwrap();
        let error = Card::make(&at("image.zst"), &at("card"), 1).unwrap_err();
        assert!(error.to_string().contains("unpack it first: zstd -d"), "{error}");
        Image::create(at("large"), GIB + 1).unwrap();
        let error = Card::make(&at("large"), &at("card"), 1).unwrap_err();
        assert!(
            error.to_string().contains("choose a larger one with --card-size"),
            "{error}"
        );
    }
}
