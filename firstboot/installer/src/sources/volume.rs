//! The running machine as a [`Door`]: devices by lsblk, files on them by a read-only mount that lasts as long as the
//! reading.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use sigmavault_facts::mounts;
use sigmavault_host::lsblk::{self, Column};
use sigmavault_host::udevadm;

use super::door::{Device, Door};
use crate::site::Site;

/// Bytes of an answer file at most.
const LARGEST: u64 = 1 << 20;
/// `MS_NOSYMFOLLOW` (mount(2)): a link on a foreign volume does not lead into this system.
const NO_LINKS: MsFlags = MsFlags::from_bits_retain(256);
/// File systems of sticks and CDs that answers are read from. They are simple, and the kernel writes nothing to them;
/// a prepared volume reaches no other driver of the kernel.
const FILE_SYSTEMS: [&str; 2] = ["vfat", "iso9660"];
/// Seconds that udev is given to look at further devices once one has appeared.
const SETTLE: u32 = 10;

/// The running machine.
#[derive(Debug, Clone)]
pub struct Live(pub Site);

impl Live {
    fn now(&self, device: &Device) -> io::Result<Vec<PathBuf>> {
        match device {
            Device::Path(path) => Ok(block_device(path).into_iter().collect()),
            Device::Label(label) => {
                let list = lsblk::tree(&[Column::Path, Column::Label], None);
                let text = self.0.run().text(&list).map_err(io::Error::other)?;
                Ok(labelled(&lsblk::parse(&text).map_err(io::Error::other)?, label))
            }
        }
    }
}

/// The node that a path below `/dev` leads to, if it is a block device.
fn block_device(path: &Path) -> Option<PathBuf> {
    let node = path.canonicalize().ok()?;
    let is_block = node.metadata().ok()?.file_type().is_block_device();
    (is_block && node.starts_with("/dev")).then_some(node)
}

/// The devices whose file system has this label. An ISO image on a stick shows it twice, on the whole stick and on a
/// partition; it counts once, by the partition.
fn labelled(devices: &[lsblk::Device], label: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for device in devices {
        let below = labelled(&device.children, label);
        if below.is_empty() && device.label.as_deref() == Some(label) {
            found.push(PathBuf::from(&device.path));
        }
        found.extend(below);
    }
    found.sort();
    found.dedup();
    found
}

impl Door for Live {
    fn text(&self, path: &Path) -> io::Result<Option<String>> {
        text(path)
    }

    fn devices(&self, device: &Device, patience: Duration) -> io::Result<Vec<PathBuf>> {
        let began = Instant::now();
        loop {
            if !self.now(device)?.is_empty() {
                // Others may be on their way. A timeout is not an error.
                let _ = self.0.run().succeed(&udevadm::settle_within(SETTLE));
                return self.now(device);
            }
            if began.elapsed() >= patience {
                return Ok(Vec::new());
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
            Some(mount) if FILE_SYSTEMS.contains(&mount.kind.as_str()) => {
                text(&Path::new(&mount.point).join(file))
            }
            Some(_) => Err(no_file_system(device)),
            None => text(&Mounted::new(device)?.point.join(file)),
        }
    }
}

fn no_file_system(device: &Path) -> io::Error {
    let device = device.display();
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("{device} has no file system that answers are read from: FAT or ISO 9660"),
    )
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
        for kind in FILE_SYSTEMS {
            match mount(Some(device), &point, Some(kind), flags, None::<&str>) {
                Ok(()) => return Ok(Self { point }),
                // Another file system, or one that this kernel does not know.
                Err(Errno::EINVAL | Errno::ENODEV) => {}
                Err(other) => error = other,
            }
        }
        fs::remove_dir(&point)?;
        Err(match error {
            Errno::EINVAL => no_file_system(device),
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
    fn every_file_system_with_the_label_counts_once() {
        let list = |text: &str| lsblk::parse(&format!(r#"{{"blockdevices": [{text}]}}"#)).expect("a list");
        // A stick with one partition, an ISO image on a stick, a CD, and a disk with other labels.
        let stick =
            r#"{"path":"/dev/sdc","label":null,"children":[{"path":"/dev/sdc1","label":"SVANSWERS"}]}"#;
        let image = r#"{"path":"/dev/sdd","label":"SVANSWERS","children":[{"path":"/dev/sdd1","label":"SVANSWERS"},
            {"path":"/dev/sdd2","label":null}]}"#;
        let cd = r#"{"path":"/dev/sr0","label":"SVANSWERS"}"#;
        let disk =
            r#"{"path":"/dev/sda","label":null,"children":[{"path":"/dev/sda1","label":"svanswers"}]}"#;
        for (devices, expected) in [
            (vec![disk], &[][..]),
            (vec![disk, stick], &["/dev/sdc1"]),
            (vec![image], &["/dev/sdd1"]),
            (
                vec![disk, image, stick, cd],
                &["/dev/sdc1", "/dev/sdd1", "/dev/sr0"],
            ),
        ] {
            let found = labelled(&list(&devices.join(",")), "SVANSWERS");
            let expected: Vec<PathBuf> = expected.iter().map(PathBuf::from).collect();
            assert_eq!(found, expected);
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
