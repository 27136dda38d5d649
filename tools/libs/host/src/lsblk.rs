//! lsblk(8): block devices as a tree, always as JSON.

use serde::{Deserialize, Deserializer};

use crate::ParseError;
use crate::run::Invocation;

/// A column that lsblk is asked for; each fills the field of [`Device`] with its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Column {
    Name,
    Kname,
    Path,
    Type,
    Size,
    Model,
    Serial,
    Wwn,
    Vendor,
    Tran,
    Rota,
    Ro,
    Rm,
    LogSec,
    PhySec,
    Fstype,
    Label,
    Uuid,
    Partlabel,
    Parttypename,
    Parttype,
    Partn,
    Start,
    Pttype,
    Pkname,
    Mountpoints,
}

impl Column {
    const fn name(self) -> &'static str {
        match self {
            Self::Name => "NAME",
            Self::Kname => "KNAME",
            Self::Path => "PATH",
            Self::Type => "TYPE",
            Self::Size => "SIZE",
            Self::Model => "MODEL",
            Self::Serial => "SERIAL",
            Self::Wwn => "WWN",
            Self::Vendor => "VENDOR",
            Self::Tran => "TRAN",
            Self::Rota => "ROTA",
            Self::Ro => "RO",
            Self::Rm => "RM",
            Self::LogSec => "LOG-SEC",
            Self::PhySec => "PHY-SEC",
            Self::Fstype => "FSTYPE",
            Self::Label => "LABEL",
            Self::Uuid => "UUID",
            Self::Partlabel => "PARTLABEL",
            Self::Parttypename => "PARTTYPENAME",
            Self::Parttype => "PARTTYPE",
            Self::Partn => "PARTN",
            Self::Start => "START",
            Self::Pttype => "PTTYPE",
            Self::Pkname => "PKNAME",
            Self::Mountpoints => "MOUNTPOINTS",
        }
    }
}

/// Lists all devices, or one with what is on it.
pub fn tree(columns: &[Column], device: Option<&str>) -> Invocation {
    let columns: Vec<&str> = columns.iter().map(|column| column.name()).collect();
    Invocation::new("lsblk")
        .args(["--json", "--bytes", "--tree", "--output", &columns.join(",")])
        .args(device)
}

/// Lists all devices, those without any size too, such as an array that waits for its other disks.
pub fn whole_tree(columns: &[Column]) -> Invocation {
    let columns: Vec<&str> = columns.iter().map(|column| column.name()).collect();
    Invocation::new("lsblk").args([
        "--json",
        "--bytes",
        "--tree",
        "--all",
        "--output",
        &columns.join(","),
    ])
}

/// Lists one device without what is on it.
pub fn alone(columns: &[Column], device: &str) -> Invocation {
    let columns: Vec<&str> = columns.iter().map(|column| column.name()).collect();
    Invocation::new("lsblk").args([
        "--json",
        "--bytes",
        "--nodeps",
        "--output",
        &columns.join(","),
        device,
    ])
}

/// A block device. A field is empty when its column was not asked for, or when nothing is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Device {
    /// Name, such as `sdb`; that of the mapping for a device of the device mapper.
    pub name: String,
    /// Name in the kernel, such as `dm-0`.
    pub kname: String,
    /// Device node.
    pub path: String,
    /// `disk`, `part`, `loop`, `rom`, `crypt`, `lvm`, `raid1`, ...
    #[serde(rename = "type")]
    pub kind: String,
    /// Bytes.
    #[serde(deserialize_with = "number")]
    pub size: u64,
    /// Model.
    pub model: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
    /// World-wide name.
    pub wwn: Option<String>,
    /// Vendor.
    pub vendor: Option<String>,
    /// Transport: `usb`, `sata`, `nvme`, ...
    #[serde(rename = "tran")]
    pub transport: Option<String>,
    /// Whether it spins.
    #[serde(rename = "rota", deserialize_with = "flag")]
    pub rotational: bool,
    /// Whether it cannot be written.
    #[serde(rename = "ro", deserialize_with = "flag")]
    pub read_only: bool,
    /// Whether the kernel calls it removable; an external disk says that it is not.
    #[serde(rename = "rm", deserialize_with = "flag")]
    pub removable: bool,
    /// Bytes of a logical sector.
    #[serde(rename = "log-sec", deserialize_with = "number")]
    pub logical_sector: u64,
    /// Bytes of a physical sector.
    #[serde(rename = "phy-sec", deserialize_with = "number")]
    pub physical_sector: u64,
    /// Kind of file system, or of membership.
    pub fstype: Option<String>,
    /// Its label.
    pub label: Option<String>,
    /// Its UUID; of a device of ZFS, the number of the pool.
    pub uuid: Option<String>,
    /// GPT name of a partition.
    pub partlabel: Option<String>,
    /// Kind of a partition, for a person.
    pub parttypename: Option<String>,
    /// Kind of a partition, a GUID on a GPT.
    pub parttype: Option<String>,
    /// Number of a partition in its table.
    #[serde(rename = "partn", deserialize_with = "number")]
    pub number: u64,
    /// Sectors of 512 bytes before a partition.
    #[serde(deserialize_with = "number")]
    pub start: u64,
    /// Kind of partition table.
    pub pttype: Option<String>,
    /// Name in the kernel of the device that it is on.
    pub pkname: Option<String>,
    /// Where it is mounted; `[SWAP]` for swap in use.
    #[serde(deserialize_with = "present")]
    pub mountpoints: Vec<String>,
    /// Partitions, and what is made of them.
    pub children: Vec<Self>,
}

impl Device {
    /// This device and everything on it, from the outside in, in the order of the list.
    pub fn with_descendants(&self) -> Vec<&Self> {
        let children = self.children.iter().flat_map(Self::with_descendants);
        std::iter::once(self).chain(children).collect()
    }
}

/// The devices at the top of what [`tree`] printed.
pub fn parse(text: &str) -> Result<Vec<Device>, ParseError> {
    #[derive(Deserialize)]
    struct List {
        blockdevices: Vec<Device>,
    }
    match serde_json::from_str::<List>(text) {
        Ok(list) => Ok(list.blockdevices),
        Err(error) => Err(ParseError {
            program: "lsblk",
            reason: error.to_string(),
        }),
    }
}

/// Versions of lsblk print numbers and flags as themselves or as strings.
#[derive(Deserialize)]
#[serde(untagged)]
enum Loose {
    Flag(bool),
    Number(u64),
    Text(String),
    Nothing(()),
}

fn number<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    Ok(match Loose::deserialize(from)? {
        Loose::Number(number) => number,
        Loose::Text(text) => text.parse().unwrap_or(0),
        Loose::Flag(_) | Loose::Nothing(()) => 0,
    })
}

fn flag<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    Ok(match Loose::deserialize(from)? {
        Loose::Flag(flag) => flag,
        Loose::Number(number) => number != 0,
        Loose::Text(text) => text == "1",
        Loose::Nothing(()) => false,
    })
}

/// A device that is not mounted has a list that holds one null.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let points = Vec::<Option<String>>::deserialize(from)?;
    Ok(points.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn invocations() {
        let columns = [Column::Name, Column::LogSec];
        for (device, line) in [
            (None, "lsblk --json --bytes --tree --output NAME,LOG-SEC"),
            (
                Some("/dev/sda"),
                "lsblk --json --bytes --tree --output NAME,LOG-SEC /dev/sda",
            ),
        ] {
            assert_eq!(tree(&columns, device).quoted(), line);
        }
        assert_eq!(
            whole_tree(&columns).quoted(),
            "lsblk --json --bytes --tree --all --output NAME,LOG-SEC"
        );
        assert_eq!(
            alone(&columns, "/dev/sda").quoted(),
            "lsblk --json --bytes --nodeps --output NAME,LOG-SEC /dev/sda"
        );
    }

    #[test]
    fn a_disk_with_what_is_on_it() {
        let text = r#"{"blockdevices": [{"name":"nvme0n1", "kname":"nvme0n1", "path":"/dev/nvme0n1", "type":"disk",
            "size":500107862016, "ro":false, "rota":false, "log-sec":512, "fstype":null, "mountpoints":[null],
            "children":[{"name":"nvme0n1p2", "path":"/dev/nvme0n1p2", "type":"part", "fstype":"crypto_LUKS",
            "partlabel":"state", "children":[{"name":"home", "kname":"dm-0", "path":"/dev/mapper/home", "type":"crypt",
            "fstype":"ext4", "mountpoints":["/", "/home"]}]}, {"name":"nvme0n1p3", "path":"/dev/nvme0n1p3"}]}]}"#;
        let devices = parse(text).unwrap();
        let disk = &devices[0];
        assert_eq!((disk.size, disk.logical_sector), (500_107_862_016, 512));
        assert_eq!(disk.mountpoints, [""; 0]);
        let names: Vec<&str> = disk
            .with_descendants()
            .iter()
            .map(|device| device.name.as_str())
            .collect();
        assert_eq!(names, ["nvme0n1", "nvme0n1p2", "home", "nvme0n1p3"]);
        assert_eq!(disk.children[0].children[0].mountpoints, ["/", "/home"]);
    }

    #[test]
    fn older_versions_print_strings() {
        let text =
            r#"{"blockdevices": [{"path":"/dev/sdb", "size":"1024", "ro":"1", "rm":"0", "rota":null}]}"#;
        let disk = &parse(text).unwrap()[0];
        assert_eq!((disk.size, disk.read_only, disk.removable), (1024, true, false));
        assert!(!disk.rotational);
    }

    #[test]
    fn other_output_is_an_error() {
        let error = parse("lsblk: /dev/sda: not a block device")
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("lsblk printed something unexpected: expected value at line 1"),
            "{error}"
        );
    }

    proptest! {
        #[test]
        fn no_output_panics(text in r#"(\{"blockdevices":\[\{"(size|ro|rm|name|mountpoints|children)":)?(["\[\]{}:,0-9a-z\-.]|null|true){0,40}(\}\]\})?"#) {
            let _ = parse(&text);
        }
    }
}
