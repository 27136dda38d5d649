//! The running machine as a [`Door`]: devices by udev's names, files on them by a read-only mount that lasts as long
//! as the reading.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use sigmavault_facts::mounts;

use super::door::{Device, Door};

/// Bytes of an answer file at most.
const LARGEST: u64 = 1 << 20;
/// `MS_NOSYMFOLLOW` (mount(2)): a link on a foreign volume does not lead into this system.
const NO_LINKS: MsFlags = MsFlags::from_bits_retain(256);
/// File systems of sticks and CDs, with options that keep the kernel from writing even a journal.
const FILE_SYSTEMS: [(&str, Option<&str>); 5] = [
    ("vfat", None),
    ("iso9660", None),
    ("exfat", None),
    ("ext4", Some("noload")),
    ("udf", None),
];

/// The running machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Live;

impl Door for Live {
    fn text(&self, path: &Path) -> io::Result<Option<String>> {
        text(path)
    }

    fn device(&self, device: &Device, patience: Duration) -> Option<PathBuf> {
        let path = match device {
            Device::Label(label) => Path::new("/dev/disk/by-label").join(encoded(label)),
            Device::Path(path) => path.clone(),
        };
        let began = Instant::now();
        loop {
            if let Ok(node) = path.canonicalize()
                && node.starts_with("/dev")
                && node
                    .metadata()
                    .is_ok_and(|about| about.file_type().is_block_device())
            {
                return Some(node);
            }
            if began.elapsed() >= patience {
                return None;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn text_on(&self, device: &Path, file: &Path) -> io::Result<Option<String>> {
        // A desktop may have mounted it already; a second mount that is read-only would be refused.
        let table = fs::read_to_string("/proc/self/mountinfo")?;
        let mounted = mounts::parse(&table)
            .into_iter()
            .find(|mount| Path::new(&mount.source) == device);
        match mounted {
            Some(mount) => text(&Path::new(&mount.point).join(file)),
            None => text(&Mounted::new(device)?.point.join(file)),
        }
    }
}

/// A volume mounted for reading, until this is dropped.
#[derive(Debug)]
struct Mounted {
    point: PathBuf,
}

impl Mounted {
    fn new(device: &Path) -> io::Result<Self> {
        let point = PathBuf::from(format!("/run/sigmavault-answers.{}", std::process::id()));
        fs::create_dir_all(&point)?;
        let flags =
            MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC | NO_LINKS;
        let mut error = Errno::EINVAL;
        for (kind, options) in FILE_SYSTEMS {
            match mount(Some(device), &point, Some(kind), flags, options) {
                Ok(()) => return Ok(Self { point }),
                // Another file system, or one that this kernel does not know.
                Err(Errno::EINVAL | Errno::ENODEV) => {}
                Err(other) => error = other,
            }
        }
        fs::remove_dir(&point)?;
        Err(match error {
            Errno::EINVAL => io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "{} has no file system that can be read: FAT, ISO 9660, exFAT, ext4 and UDF can",
                    device.display()
                ),
            ),
            other => io::Error::other(format!("cannot mount {}: {other}", device.display())),
        })
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Detached: it goes away even while something else has it open.
        if umount2(&self.point, MntFlags::MNT_DETACH).is_ok() {
            let _ = fs::remove_dir(&self.point);
        }
    }
}

/// The text of a file, without the byte order mark that some editors put before it.
fn text(path: &Path) -> io::Result<Option<String>> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    let invalid = |reason: &str| io::Error::new(io::ErrorKind::InvalidData, reason.to_owned());
    if bytes.len() as u64 > LARGEST {
        return Err(invalid("is larger than 1 MiB, too large for an answer file"));
    }
    let text = String::from_utf8(bytes).map_err(|_| invalid("is not UTF-8 text"))?;
    Ok(Some(
        text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text),
    ))
}

/// A label as udev writes it below `/dev/disk/by-label` (`udev_node_escape_path` and `encode_devnode_name` in systemd).
fn encoded(label: &str) -> String {
    label
        .chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() || "#+-.:=@_".contains(letter) || !letter.is_ascii() {
                letter.to_string()
            } else {
                format!("\\x{:02x}", u32::from(letter))
            }
        })
        .collect()
}

/// The devices that show a hybrid ISO's tree, from any of its partitions: its first partition, then the whole.
pub(super) fn tree_devices(blocks: &Path, partition: &str) -> Vec<PathBuf> {
    let node = |name: &std::ffi::OsStr| Path::new("/dev").join(name);
    let of = || {
        let disk = blocks
            .join(Path::new(partition).file_name()?)
            .canonicalize()
            .ok()?;
        let disk = disk.parent()?.to_owned();
        let first = fs::read_dir(&disk).ok()?.flatten().find(|entry| {
            fs::read_to_string(entry.path().join("partition")).is_ok_and(|number| number.trim() == "1")
        });
        let whole = disk.join("dev").exists().then(|| disk.file_name().map(node))??;
        Some(
            first
                .map(|entry| node(&entry.file_name()))
                .into_iter()
                .chain([whole])
                .collect(),
        )
    };
    of().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_encoded_as_udev_does() {
        for (label, name) in [
            ("SVANSWERS", "SVANSWERS"),
            ("MY STICK", "MY\\x20STICK"),
            ("a/b\\c", "a\\x2fb\\x5cc"),
            ("größe", "größe"),
            ("#+-.:=@_", "#+-.:=@_"),
        ] {
            assert_eq!(encoded(label), name);
        }
    }

    #[test]
    fn text_of_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("answers.toml");
        assert_eq!(text(&path).expect("no file"), None);
        for (bytes, expected) in [
            (&b"a = 1\n"[..], Ok("a = 1\n")),
            (b"\xef\xbb\xbfa = 1", Ok("a = 1")),
            (b"", Ok("")),
            (b"\xff\xfea", Err("is not UTF-8 text")),
            (
                &vec![b'a'; (1 << 20) + 1][..],
                Err("is larger than 1 MiB, too large for an answer file"),
            ),
        ] {
            fs::write(&path, bytes).expect("written");
            let found = text(&path).map_err(|error| error.to_string());
            assert_eq!(
                found,
                expected.map(|text| Some(text.to_owned())).map_err(str::to_owned)
            );
        }
        assert!(text(folder.path()).is_err(), "a folder is no file");
    }

    #[test]
    fn the_tree_is_on_the_first_partition_and_on_the_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let disk = folder.path().join("devices/pci/block/sdb");
        let blocks = folder.path().join("class/block");
        fs::create_dir_all(&blocks).expect("made");
        fs::create_dir_all(disk.join("queue")).expect("made");
        fs::write(disk.join("dev"), "8:16\n").expect("written");
        for number in [1, 2, 10] {
            let part = disk.join(format!("sdb{number}"));
            fs::create_dir_all(&part).expect("made");
            fs::write(part.join("partition"), format!("{number}\n")).expect("written");
            std::os::unix::fs::symlink(&part, blocks.join(format!("sdb{number}"))).expect("linked");
        }
        assert_eq!(
            tree_devices(&blocks, "/dev/sdb10"),
            [Path::new("/dev/sdb1"), Path::new("/dev/sdb")]
        );
        fs::remove_dir_all(disk.join("sdb1")).expect("removed");
        assert_eq!(tree_devices(&blocks, "/dev/sdb2"), [Path::new("/dev/sdb")]);
        assert_eq!(tree_devices(&blocks, "/dev/sdz9"), Vec::<PathBuf>::new());
        assert_eq!(tree_devices(&blocks, ""), Vec::<PathBuf>::new());
    }
}
