//! Reading the machine: disks by `lsblk`, the medium by the names that the initrd gave it below `/dev/sigmavault`.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::Deserialize;
use sigmavault_facts::{Files, kernel, meminfo};

use crate::execute::ExecuteError;
use crate::execute::verity::{Superblock, VerityError};
use crate::machine::{Contents, Disk, Firmware, Installed, KeyboardLayout, Machine, Source};
use crate::run::Run;

/// GPT names of the partitions of an installed system, the state partition apart.
const SLOTS: [&str; 4] = ["root-a", "root-a-verity", "root-b", "root-b-verity"];
/// GPT name of the state partition.
pub const STATE: &str = "state";
/// Its GPT name until the installation is complete.
pub const STATE_UNFINISHED: &str = "state-new";

/// Why the machine cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    /// A program failed.
    #[error(transparent)]
    Program(#[from] ExecuteError),
    /// Its output was not understood.
    #[error("lsblk printed something unexpected: {0}")]
    Lsblk(#[from] serde_json::Error),
    /// Not started from a medium with a verified root.
    #[error(
        "this system was not started from an installation medium: {0} is missing\n  try: start the machine from the SigmaVault stick or CD"
    )]
    NoMedium(&'static str),
    /// The medium's verity tree is not one.
    #[error(
        "the medium's hash tree cannot be read: {0}\n  try: write the medium again with `sigmavault-image flash`"
    )]
    Verity(#[from] VerityError),
    /// A file of /proc or the like.
    #[error("cannot read {0}: {1}")]
    Read(&'static str, String),
}

/// Reads this machine.
pub fn read(run: &dyn Run) -> Result<Machine, InventoryError> {
    let files = Files::new("/");
    // Serial numbers and contents come from udev, which may still be looking. Too long is no reason not to begin.
    let _ = run.run("udevadm", &["settle", "--timeout=60"], b"");
    let source = source(&files)?;
    let text = run.run(
        "lsblk",
        &[
            "--json",
            "--bytes",
            "--tree",
            "--output",
            "NAME,PATH,TYPE,SIZE,MODEL,SERIAL,WWN,TRAN,ROTA,RO,LOG-SEC,FSTYPE,LABEL,PARTLABEL,PARTTYPENAME,PTTYPE,MOUNTPOINTS",
        ],
        b"",
    )?;
    let medium = [&source.esp, &source.verity].map(|device| parent_disk(device));
    let mut disks: Vec<Disk> = block_devices(&text)?
        .iter()
        .filter(|device| device.kind == "disk" && !is_virtual(&device.name))
        .map(|device| disk(device, medium.iter().flatten().any(|name| *name == device.name)))
        .collect();
    disks.sort_by(|a, b| a.name.cmp(&b.name));
    let memory = files
        .parse("/proc/meminfo", meminfo::parse)
        .map_err(|error| InventoryError::Read("/proc/meminfo", error.to_string()))?;
    Ok(Machine {
        memory: memory.total_bytes,
        firmware: if Path::new("/sys/firmware/efi").exists() {
            Firmware::Uefi
        } else {
            Firmware::Bios
        },
        tpm2: files
            .attribute("/sys/class/tpm/tpm0/tpm_version_major")
            .as_deref()
            == Some("2"),
        disks,
        source,
        interfaces: interfaces(&files),
        locales: lines(
            &run.run("localectl", &["list-locales", "--no-pager"], b"")
                .unwrap_or_default(),
        ),
        keyboards: keyboards(
            &files
                .text("/usr/share/X11/xkb/rules/base.lst")
                .unwrap_or_default(),
        ),
        timezones: lines(
            &run.run("timedatectl", &["list-timezones", "--no-pager"], b"")
                .unwrap_or_default(),
        ),
    })
}

fn lines(text: &str) -> Vec<String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The system on the medium.
fn source(files: &Files) -> Result<Source, InventoryError> {
    let cmdline = files
        .text("/proc/cmdline")
        .map_err(|error| InventoryError::Read("/proc/cmdline", error.to_string()))?;
    let root_hash = kernel::argument(&cmdline, "roothash").ok_or(InventoryError::NoMedium("roothash="))?;
    let device = |path: &'static str| {
        std::fs::canonicalize(path)
            .map(|path| path.display().to_string())
            .map_err(|_| InventoryError::NoMedium(path))
    };
    let verity = device("/dev/sigmavault/root-verity")?;
    let tree = Superblock::of_device(Path::new(&verity))?;
    Ok(Source {
        version: sigmavault_facts::report::image(files)
            .ok()
            .and_then(|image| image.version)
            .unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned()),
        root_hash,
        // The verity device: a medium that lost a bit fails here and is not copied.
        root: device("/dev/mapper/root")?,
        root_bytes: tree.data_bytes(),
        verity_bytes: tree.tree_bytes(),
        verity,
        // Without UEFI it is not needed: such a machine is refused.
        esp: device("/dev/sigmavault/esp").unwrap_or_default(),
    })
}

/// The disk that a partition is on.
fn parent_disk(partition: &str) -> Option<String> {
    let name = Path::new(partition).file_name()?;
    let path = std::fs::canonicalize(Path::new("/sys/class/block").join(name)).ok()?;
    Some(path.parent()?.file_name()?.to_string_lossy().into_owned())
}

fn is_virtual(name: &str) -> bool {
    ["zram", "ram", "loop", "zd", "nbd", "fd"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

/// Interfaces with hardware behind them.
fn interfaces(files: &Files) -> Vec<String> {
    let names = files.names("/sys/class/net").unwrap_or_default();
    names
        .into_iter()
        .filter(|name| files.link(format!("/sys/class/net/{name}/device")).is_some())
        .collect()
}

/// One entry of `lsblk --json`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct BlockDevice {
    name: String,
    /// Device.
    pub path: String,
    #[serde(rename = "type")]
    kind: String,
    /// Bytes.
    pub size: u64,
    model: Option<String>,
    serial: Option<String>,
    wwn: Option<String>,
    tran: Option<String>,
    rota: bool,
    ro: bool,
    #[serde(rename = "log-sec")]
    sector: u32,
    fstype: Option<String>,
    label: Option<String>,
    /// GPT name.
    pub partlabel: Option<String>,
    parttypename: Option<String>,
    pttype: Option<String>,
    mountpoints: Vec<Option<String>>,
    /// Partitions, and what is made of them.
    pub children: Vec<BlockDevice>,
}

/// What `lsblk --json` printed.
pub fn block_devices(text: &str) -> Result<Vec<BlockDevice>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Output {
        blockdevices: Vec<BlockDevice>,
    }
    Ok(serde_json::from_str::<Output>(text)?.blockdevices)
}

fn disk(device: &BlockDevice, medium: bool) -> Disk {
    let in_use = if medium {
        Some("it is the medium that this system runs from".to_owned())
    } else if device.ro {
        Some("it is read-only".to_owned())
    } else {
        holder(device).or_else(|| busy(&device.path))
    };
    Disk {
        name: device.name.clone(),
        path: device.path.clone(),
        links: links(&device.path),
        model: device.model.as_deref().unwrap_or_default().trim().to_owned(),
        serial: device
            .serial
            .as_deref()
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(str::to_owned),
        wwn: device.wwn.clone(),
        bus: device.tran.clone().unwrap_or_default(),
        bytes: device.size,
        rotational: device.rota,
        sector: device.sector,
        in_use,
        contents: contents(device),
    }
}

/// What holds a disk or a part of it.
fn holder(device: &BlockDevice) -> Option<String> {
    if let Some(path) = device.mountpoints.iter().flatten().next() {
        return Some(format!("{} is in use as {path}", device.name));
    }
    if !matches!(device.kind.as_str(), "disk" | "part") {
        return Some(format!(
            "{} ({}) is made of it and running",
            device.name, device.kind
        ));
    }
    device.children.iter().find_map(holder)
}

/// Whether something else has claimed it, such as an imported pool.
fn busy(path: &str) -> Option<String> {
    let open = OpenOptions::new()
        .read(true)
        .custom_flags(nix::libc::O_EXCL)
        .open(path);
    match open {
        Err(error) if error.raw_os_error() == Some(nix::libc::EBUSY) => {
            Some("another part of this system uses it, such as an imported pool".to_owned())
        }
        _ => None,
    }
}

/// Names below `/dev/disk`, those by id first.
fn links(path: &str) -> Vec<String> {
    let mut links = Vec::new();
    for folder in ["by-id", "by-path"] {
        let folder = Path::new("/dev/disk").join(folder);
        let mut here: Vec<String> = folder
            .read_dir()
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|link| std::fs::canonicalize(link).is_ok_and(|target| target == Path::new(path)))
            .map(|link| link.display().to_string())
            .collect();
        here.sort_by_key(|link| (link.contains("/wwn-"), link.contains("/nvme-eui."), link.clone()));
        links.append(&mut here);
    }
    links
}

/// What is on a disk, by its partitions and signatures.
fn contents(device: &BlockDevice) -> Contents {
    let part = |label: &str| {
        device
            .children
            .iter()
            .find(|part| part.partlabel.as_deref() == Some(label))
    };
    let state = part(STATE)
        .map(|part| (part, true))
        .or_else(|| Some((part(STATE_UNFINISHED)?, false)));
    if let (Some((state, complete)), [Some(root), Some(verity), Some(_), Some(_)]) = (state, SLOTS.map(part))
    {
        return Contents::SigmaVault(Installed {
            complete,
            version: None,
            slot_bytes: root.size,
            verity_bytes: verity.size,
            state_bytes: state.size,
            encrypted: state.fstype.as_deref() == Some("crypto_LUKS"),
        });
    }
    let signature = |device: &BlockDevice| {
        let label = device.label.as_ref().map(|label| format!("\"{label}\""));
        let words = [
            device.parttypename.clone(),
            label,
            device.fstype.as_ref().map(|kind| format!("({kind})")),
        ];
        words.into_iter().flatten().collect::<Vec<_>>().join(" ")
    };
    let partitions: Vec<&BlockDevice> = device
        .children
        .iter()
        .filter(|child| child.kind == "part")
        .collect();
    match (partitions.len(), &device.fstype, &device.pttype) {
        (0, None, None) => Contents::Empty,
        (0, None, Some(table)) => Contents::Foreign(format!("an empty {table} partition table")),
        (0, Some(_), _) => Contents::Foreign(signature(device)),
        (1, ..) => Contents::Foreign(format!("1 partition: {}", signature(partitions[0]))),
        (count, ..) => {
            let list: Vec<String> = partitions.iter().map(|part| signature(part)).collect();
            Contents::Foreign(format!("{count} partitions: {}", list.join(", ")))
        }
    }
}

/// Layouts and variants of `base.lst` (xkeyboard-config).
fn keyboards(text: &str) -> Vec<KeyboardLayout> {
    let mut section = "";
    let mut layouts: Vec<KeyboardLayout> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("! ") {
            section = name.trim();
            continue;
        }
        let Some((name, rest)) = line.trim().split_once(char::is_whitespace) else {
            continue;
        };
        let rest = rest.trim();
        match section {
            "layout" => layouts.push(KeyboardLayout {
                name: name.to_owned(),
                description: rest.to_owned(),
                variants: Vec::new(),
            }),
            "variant" => {
                let Some((layout, description)) = rest.split_once(": ") else {
                    continue;
                };
                if let Some(of) = layouts.iter_mut().find(|known| known.name == layout) {
                    of.variants.push((name.to_owned(), description.to_owned()));
                }
            }
            _ => {}
        }
    }
    layouts.sort_by(|a, b| a.description.cmp(&b.description));
    layouts
}

#[cfg(test)]
#[path = "inventory_tests.rs"]
mod tests;
