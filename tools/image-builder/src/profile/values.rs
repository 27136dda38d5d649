//! The closed sets of values a profile chooses from.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An enum whose variants are written by name in profiles and on the command line.
macro_rules! named {
    ($(#[$about:meta])* $Type:ident { $($(#[$what:meta])* $Variant:ident = $name:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $Type { $($(#[$what])* #[serde(rename = $name)] $Variant),+ }

        impl $Type {
            /// Every name, in order.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// The name as profiles write it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$Variant => $name),+ }
            }

            /// The variant of this name.
            pub fn named(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$Variant),)+ _ => None }
            }
        }

        impl clap::ValueEnum for $Type {
            fn value_variants<'a>() -> &'a [Self] {
                &[$(Self::$Variant),+]
            }

            fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
                Some(clap::builder::PossibleValue::new(self.name()))
            }
        }

        impl fmt::Display for $Type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

named! {
    /// Debian architecture.
    Arch {
        /// 64-bit PC.
        Amd64 = "amd64",
        /// 64-bit ARM.
        Arm64 = "arm64",
    }
}

impl Arch {
    /// Every one.
    pub const ALL: &'static [Self] = &[Self::Amd64, Self::Arm64];

    /// The architecture of the machine that builds.
    pub const fn builder() -> Self {
        if cfg!(target_arch = "aarch64") {
            Self::Arm64
        } else {
            Self::Amd64
        }
    }

    /// Whether programs of this architecture run here only in emulation.
    pub fn is_foreign(self) -> bool {
        self != Self::builder()
    }

    /// What rustc calls it.
    pub const fn triple(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-unknown-linux-gnu",
            Self::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }

    /// What GNU tools and Debian's library folders call it.
    pub const fn gnu(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64-linux-gnu",
            Self::Arm64 => "aarch64-linux-gnu",
        }
    }

    /// `e_machine` of its ELF files (System V ABI).
    pub const fn elf_machine(self) -> u16 {
        match self {
            Self::Amd64 => 62,
            Self::Arm64 => 183,
        }
    }

    /// The name of its first serial port, at the speed that everybody expects.
    pub const fn serial_console(self) -> &'static str {
        match self {
            Self::Amd64 => "ttyS0,115200n8",
            Self::Arm64 => "ttyAMA0,115200n8",
        }
    }
}

named! {
    /// Where the kernel comes from.
    KernelSource {
        /// Debian stable.
        Stable = "stable",
        /// Debian backports.
        Backports = "backports",
    }
}

named! {
    /// Desktop of the live session.
    Desktop {
        /// Headless.
        None = "none",
        /// GNOME.
        Gnome = "gnome",
    }
}

named! {
    /// What the image boots from.
    Medium {
        /// USB stick or another disk.
        Usb = "usb",
        /// Optical disc.
        Cd = "cd",
        /// The disk that the system stays on, such as an SD card: the image is written to it and grows at the first start.
        Disk = "disk",
    }
}

named! {
    /// Firmware that starts the image.
    BootFirmware {
        /// UEFI.
        Uefi = "uefi",
        /// PC BIOS; amd64 only.
        Bios = "bios",
        /// The boot program of a Raspberry Pi, which reads `autoboot.txt` and `config.txt`.
        RaspberryPi = "raspberry-pi",
    }
}

impl BootFirmware {
    /// Whether machines of this architecture have it.
    pub fn is_for(self, arch: Arch) -> bool {
        match self {
            Self::Uefi => true,
            Self::Bios => arch == Arch::Amd64,
            Self::RaspberryPi => arch == Arch::Arm64,
        }
    }
}

named! {
    /// Model tier, from the smallest to the largest.
    Tier {
        /// Under 16 GiB of RAM.
        Draft350m = "draft-350m",
        /// 16 GiB and more.
        Bitnet7b = "bitnet-7b",
        /// 32 GiB and more with AVX-512.
        Bitnet7bMamba = "bitnet-7b+mamba",
    }
}
