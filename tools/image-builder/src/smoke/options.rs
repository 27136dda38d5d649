//! What the user may ask of `smoke`: one struct that is the command line and its documentation.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Serialize;

/// Boots an ISO in a virtual machine and checks what came up.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// ISO to boot
    pub iso: PathBuf,
    /// How the ISO is attached
    #[arg(long = "as", value_enum, value_name = "MEDIUM", default_value_t = Medium::Usb)]
    pub medium: Medium,
    /// Firmware of the virtual machine
    #[arg(long, value_enum, default_value_t = Firmware::Uefi)]
    pub firmware: Firmware,
    /// Memory of the virtual machine, with a unit: 4G, 16G, 1536M
    #[arg(long, value_name = "SIZE", default_value = "16G")]
    pub memory: Memory,
    /// Processor model as QEMU names it (`max` is everything the accelerator offers)
    #[arg(long, value_name = "MODEL", default_value = "max")]
    pub cpu: String,
    /// Folder for serial log, journal, screenshot and report [default: NAME.smoke/MEDIUM-FIRMWARE beside the ISO]
    #[arg(long, value_name = "DIR")]
    pub artifacts: Option<PathBuf>,
    /// How the processor is virtualised; `auto` takes KVM when the image really boots under it
    #[arg(long, value_enum, default_value_t = Accel::Auto)]
    pub accel: Accel,
    /// Longest time the whole test may take
    #[arg(long, value_name = "SECS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(10..))]
    pub timeout: u64,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
}

impl Options {
    /// Longest time the whole test may take.
    pub fn time_limit(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }

    /// Folder for what the run leaves behind: the one asked for, or one beside the ISO.
    pub fn artifacts_dir(&self) -> PathBuf {
        self.artifacts.clone().unwrap_or_else(|| {
            let mut folder = self.iso.file_stem().unwrap_or_default().to_os_string();
            folder.push(".smoke");
            self.iso
                .with_file_name(folder)
                .join(format!("{}-{}", self.medium, self.firmware))
        })
    }
}

/// How the ISO is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Medium {
    /// A USB stick
    Usb,
    /// A disc in a SATA CD drive
    Cd,
}

/// Firmware of the virtual machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Firmware {
    /// OVMF
    Uefi,
    /// `SeaBIOS`
    Bios,
}

/// Which accelerator is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Accel {
    /// KVM when the image boots under it, else emulation
    Auto,
    /// Hardware virtualisation
    Kvm,
    /// Emulation
    Tcg,
}

macro_rules! display_as_value {
    ($($kind:ty),*) => { $(
        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.to_possible_value().as_ref().map_or("", |value| value.get_name()))
            }
        }
    )* };
}
display_as_value!(Medium, Firmware, Accel);

/// An amount of memory, whole MiB, written with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Memory {
    mib: u64,
}

impl Memory {
    /// The least a live session starts with.
    pub const LEAST: Self = Self { mib: 1024 };
    /// The most QEMU's q35 machine addresses without further settings.
    pub const MOST: Self = Self { mib: 512 * 1024 };

    /// So many GiB.
    pub const fn gib(gib: u64) -> Self {
        Self { mib: gib * 1024 }
    }

    /// In MiB.
    pub const fn mib(self) -> u64 {
        self.mib
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.mib.is_multiple_of(1024) {
            write!(f, "{}G", self.mib / 1024)
        } else {
            write!(f, "{}M", self.mib)
        }
    }
}

impl Serialize for Memory {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// An amount of memory that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// Not a number with a unit.
    #[error("write a whole number and its unit, such as 4G or 1536M")]
    Malformed,
    /// Too little or too much for a virtual machine.
    #[error("must lie between {} and {}", Memory::LEAST, Memory::MOST)]
    Range,
}

impl FromStr for Memory {
    type Err = MemoryError;

    fn from_str(text: &str) -> Result<Self, MemoryError> {
        let (digits, per_unit) = match text.as_bytes().last() {
            Some(b'G' | b'g') => (&text[..text.len() - 1], 1024),
            Some(b'M' | b'm') => (&text[..text.len() - 1], 1),
            _ => return Err(MemoryError::Malformed),
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(MemoryError::Malformed);
        }
        let mib = digits
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(per_unit));
        mib.map(|mib| Self { mib })
            .filter(|memory| (Self::LEAST..=Self::MOST).contains(memory))
            .ok_or(MemoryError::Range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use proptest::prelude::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn parse(args: &[&str]) -> Result<Options, clap::Error> {
        Line::try_parse_from([&["smoke"], args].concat()).map(|line| line.options)
    }

    #[test]
    fn defaults() {
        let options = parse(&["out/a.iso"]).unwrap();
        assert_eq!(
            (options.medium, options.firmware, options.accel),
            (Medium::Usb, Firmware::Uefi, Accel::Auto)
        );
        assert_eq!((options.memory, options.cpu.as_str()), (Memory::gib(16), "max"));
        assert_eq!(options.time_limit(), Duration::from_mins(10));
        assert_eq!(options.artifacts_dir(), PathBuf::from("out/a.smoke/usb-uefi"));
    }

    #[test]
    fn everything_asked_for() {
        let line = "a.iso --as cd --firmware bios --memory 1536M --cpu Nehalem --artifacts d --accel tcg --timeout 30 --json";
        let options = parse(&line.split(' ').collect::<Vec<_>>()).unwrap();
        assert_eq!(
            (options.medium, options.firmware, options.accel),
            (Medium::Cd, Firmware::Bios, Accel::Tcg)
        );
        assert_eq!((options.memory.mib(), options.cpu.as_str()), (1536, "Nehalem"));
        assert_eq!(
            (options.artifacts_dir(), options.timeout, options.json),
            (PathBuf::from("d"), 30, true)
        );
    }

    #[test]
    fn refused() {
        for args in [
            &["a", "--memory", "16"],
            &["a", "--as", "tape"],
            &["a", "--timeout", "9"],
        ] {
            assert_eq!(parse(args).unwrap_err().exit_code(), 2, "{args:?}");
        }
    }

    #[test]
    fn memory_table() {
        for (text, expected) in [
            ("16G", Ok(Memory::gib(16))),
            ("1024m", Ok(Memory::gib(1))),
            ("1023M", Err(MemoryError::Range)),
            ("513G", Err(MemoryError::Range)),
            ("99999999999999999999G", Err(MemoryError::Range)),
            ("G", Err(MemoryError::Malformed)),
            ("", Err(MemoryError::Malformed)),
            ("+4G", Err(MemoryError::Malformed)),
            ("4GiB", Err(MemoryError::Malformed)),
            ("16µ", Err(MemoryError::Malformed)),
        ] {
            assert_eq!(text.parse::<Memory>(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn memory_prints_what_it_reads(mib in Memory::LEAST.mib()..=Memory::MOST.mib()) {
            let memory = Memory { mib };
            prop_assert_eq!(memory.to_string().parse::<Memory>(), Ok(memory));
        }
    }
}
