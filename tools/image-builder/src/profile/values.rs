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
    /// What the ISO boots from.
    Medium {
        /// USB stick or another disk.
        Usb = "usb",
        /// Optical disc.
        Cd = "cd",
    }
}

named! {
    /// Firmware that starts the ISO.
    BootFirmware {
        /// UEFI.
        Uefi = "uefi",
        /// PC BIOS; amd64 only.
        Bios = "bios",
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
