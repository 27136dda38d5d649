//! The disk that a sequence of starts writes to: a copy of the image on a card of a usual size.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::Path;

use sigmavault_image_builder::disk_image;
use sigmavault_pi_firmware::table::Table;
use sigmavault_vm::{GIB, Image, Share, ToolsTree};

use crate::error::Error;

/// A disk with an image on it.
#[derive(Debug)]
pub struct Card {
    /// The disk.
    pub image: Image,
}

impl Card {
    /// Copies an image, compressed or not, to a disk of `gib` GiB at `path`. QEMU wants cards whose size is a power of two.
    pub fn make(image: &Path, path: &Path, gib: u64) -> Result<Self, Error> {
        let read = Error::io("read", image);
        let mut file = File::open(image).map_err(Error::io("open", image))?;
        let source = Image {
            path: image.to_owned(),
        };
        let made = if disk_image::is_packed(&mut file).map_err(read)? {
            let mut disk = File::create(path).map_err(Error::io("create", path))?;
            disk_image::unpack_into(&file, &mut disk, &|_| {}).map_err(Error::io("unpack", image))?;
            Image {
                path: path.to_owned(),
            }
        } else {
            source.copy_to(path)?
        };
        let bytes = fs::metadata(path).map_err(Error::io("read", path))?.len();
        if bytes > gib * GIB {
            return Err(Error::TooLarge {
                path: image.to_owned(),
                bytes,
                gib,
            });
        }
        let grown = File::options()
            .write(true)
            .open(path)
            .and_then(|file| file.set_len(gib * GIB));
        grown.map_err(Error::io("grow", path))?;
        Ok(Self { image: made })
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
        fs::write(at("image.zst"), b"\x28\xb5\x2f\xfd...").unwrap();
        let error = Card::make(&at("image.zst"), &at("card"), 1).unwrap_err();
        assert!(error.to_string().starts_with("cannot unpack "), "{error}");
        Image::create(at("large"), GIB + 1).unwrap();
        let error = Card::make(&at("large"), &at("card"), 1).unwrap_err();
        assert!(
            error.to_string().contains("choose a larger one with --card-size"),
            "{error}"
        );
    }
}
