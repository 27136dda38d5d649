//! The two system slots of an installed machine, and why a slot did not start.

use serde::{Deserialize, Serialize};

/// Written by the initrd on every start of an installed system: which slot runs, from which disk.
pub const BOOT_INFO_PATH: &str = "/run/sigmavault/boot.json";

/// Folder with the records of earlier boots; readable for everybody.
pub const BOOT_FOLDER: &str = "/var/lib/sigmavault/boot";

/// One of the two places that a system is installed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Slot {
    /// The first.
    A,
    /// The second.
    B,
}

impl Slot {
    /// Both, in order.
    pub const ALL: [Self; 2] = [Self::A, Self::B];

    /// Name as in files and JSON: `a` or `b`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    /// Name for a person: `A` or `B`.
    pub const fn letter(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
        }
    }

    /// The slot with this name, in upper or lower case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|slot| slot.name().eq_ignore_ascii_case(name))
    }

    /// The other slot.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// What chooses the slot that starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Chain {
    /// systemd-boot, by the names and sort keys of its entries.
    #[default]
    SystemdBoot,
    /// The firmware of a Raspberry Pi, by `autoboot.txt` and its one-shot flag `tryboot`.
    Tryboot,
}

/// What the boot loader has for one slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[allow(
    clippy::struct_excessive_bools,
    reason = "facts that do not depend on each other"
)]
pub struct SlotState {
    /// The slot.
    pub slot: Slot,
    /// Version of the system in it.
    pub version: Option<String>,
    /// Whether the boot loader takes it first, as long as it is not bad.
    pub preferred: bool,
    /// Whether it is the one that runs.
    pub running: bool,
    /// Starts it still has to prove itself; absent once a start of it was good.
    pub tries_left: Option<u32>,
    /// Starts it has used up.
    pub tries_done: Option<u32>,
    /// Whether no tries are left: the boot loader takes it only when nothing else is there.
    pub bad: bool,
    /// Size of its kernel image on the boot partition, in bytes; absent when the image is not there.
    pub bytes: Option<u64>,
    /// Whether the next restart tries it, although the other one is preferred. Absent where it is not; only the firmware
    /// of a Raspberry Pi tries slots.
    #[serde(default, skip_serializing_if = "is_false")]
    pub armed: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// A start of a slot that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BootFailure {
    /// When, by the machine's clock (RFC 3339, UTC).
    pub time: String,
    /// The slot.
    pub slot: Slot,
    /// Why, on one line.
    pub reason: String,
}

/// A slot was given up because its starts failed, and the other one runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FallBack {
    /// The slot that was left.
    pub from: Slot,
    /// When its last start failed; absent when no reason was kept.
    pub time: Option<String>,
    /// Why its last start failed.
    pub reason: String,
}

/// The slots of an installed machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Slots {
    /// The slot that runs, when it is known.
    pub running: Option<Slot>,
    /// Every slot that the boot loader has, in order.
    pub slots: Vec<SlotState>,
    /// Set when the preferred slot, or one that was tried, was given up.
    pub fell_back: Option<FallBack>,
    /// Starts that failed, oldest first.
    pub failures: Vec<BootFailure>,
}

/// The initrd's record of this boot: [`BOOT_INFO_PATH`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootInfo {
    /// The slot that runs.
    pub slot: Slot,
    /// Kernel name of the disk it is on, such as `vda`.
    pub disk: Option<String>,
    /// Partition GUID of the boot partition: of an EFI system partition, or of the first partition of a Raspberry Pi.
    pub esp: Option<String>,
    /// What the state partition holds: `ext4` or `luks`.
    pub state: Option<String>,
    /// The boot loader's entry, such as `sigmavault-a.conf`; with the counter as it was before, if it had one.
    pub entry: Option<String>,
    /// What chose the slot.
    #[serde(default)]
    pub chain: Chain,
    /// Whether this start is a try: the next one is of the preferred slot again unless this one is good.
    #[serde(default)]
    pub trying: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_chain_it_is_systemd_boot() {
        let read = |text| serde_json::from_str::<BootInfo>(text).unwrap();
        let pc = read(r#"{"slot":"a","disk":"vda","esp":"0011","entry":"sigmavault-a.conf","state":"ext4"}"#);
        assert_eq!((pc.chain, pc.trying), (Chain::SystemdBoot, false));
        let pi = read(
            r#"{"slot":"b","disk":"mmcblk0","esp":"0011","entry":"","chain":"tryboot","trying":true,"state":"luks"}"#,
        );
        assert_eq!((pi.chain, pi.trying), (Chain::Tryboot, true));
    }
}

/// One boot in a list of boots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootRecord {
    /// When it was written down (RFC 3339, UTC).
    pub time: String,
    /// The slot that was started.
    pub slot: Slot,
    /// The kernel's boot id.
    pub boot_id: String,
}
