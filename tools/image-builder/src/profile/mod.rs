//! Hardware profiles: what one class of machine gets, as TOML files in `/profiles`.
//!
//! [`schema`] names every key; [`layer`] reads one file; [`library`] reads the folder and resolves
//! `extends`; [`show`] is the `profiles` command. A resolved [`Profile`] is plain data.
//!
//! A child's value replaces its parent's. Lists of packages, drivers, files and command-line arguments are
//! appended to the parent's instead, without repeating an entry; the closed sets `arch`, `boot.media` and
//! `boot.firmware` are replaced, so that a profile can narrow them. `description`, `abstract` and `extends`
//! belong to their own file and are not inherited.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

pub mod layer;
pub mod library;
pub mod schema;
pub mod show;

pub use library::Library;

/// An enum whose variants are written by name in profiles and on the command line.
macro_rules! named {
    ($(#[$about:meta])* $Type:ident { $($(#[$what:meta])* $Variant:ident = $name:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
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

/// One resolved profile: its file with every parent merged in, checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Profile {
    /// File name without `.toml`.
    pub name: String,
    /// This profile and its parents, nearest first.
    pub lineage: Vec<String>,
    /// One line for people.
    pub description: String,
    /// Only a base for others; not buildable.
    #[serde(rename = "abstract")]
    pub is_abstract: bool,
    /// Architectures it is built for.
    pub arch: Vec<Arch>,
    /// Kernel and its command line.
    pub kernel: Kernel,
    /// The root file system.
    pub system: System,
    /// Firmware packages.
    pub firmware: Firmware,
    /// Promised drivers.
    pub drivers: Drivers,
    /// How the ISO starts.
    pub boot: Boot,
    /// Bounds of the model tier.
    pub model: Model,
    /// Largest sizes allowed.
    pub budget: Budget,
    /// Hints for the VM test.
    pub vm: Vm,
}

/// `[kernel]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Kernel {
    /// Where the kernel comes from.
    pub source: KernelSource,
    /// Arguments, in order.
    pub command_line: Vec<String>,
    /// Module names or path patterns left out of the image.
    pub modules_exclude: Vec<String>,
}

/// `[system]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct System {
    /// Desktop or none.
    pub desktop: Desktop,
    /// Host name of the live session.
    pub hostname: String,
    /// Debian packages, `name` or `name/suite`.
    pub packages: Vec<String>,
    /// Packages taken out again, whoever asked for them.
    pub packages_remove: Vec<String>,
    /// Absolute paths or globs deleted from the tree.
    pub remove_files: Vec<String>,
}

/// `[firmware]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Firmware {
    /// Debian packages with firmware files.
    pub packages: Vec<String>,
}

/// `[drivers]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drivers {
    /// Kernel modules that must be in the image with their firmware.
    pub required: Vec<String>,
}

/// `[boot]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Boot {
    /// What the ISO boots from.
    pub media: Vec<Medium>,
    /// Firmware that starts it.
    pub firmware: Vec<BootFirmware>,
}

/// `[model]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Model {
    /// Smallest tier this class of machine gets.
    pub min_tier: Tier,
    /// Largest tier this class of machine gets.
    pub max_tier: Tier,
}

/// `[budget]`, in MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Budget {
    /// Largest ISO; only an abstract profile may leave it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iso_mib: Option<u64>,
    /// Largest root file system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_mib: Option<u64>,
}

/// `[vm]`: the machine the smoke test gives this profile unless told otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Vm {
    /// Memory, like `4G`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,
    /// QEMU CPU model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<String>,
}

impl Profile {
    /// Every package to install, firmware included, less those taken out again.
    pub fn packages(&self) -> Vec<&str> {
        let removed = &self.system.packages_remove;
        let all = self.system.packages.iter().chain(&self.firmware.packages);
        all.filter(|package| {
            let name = package.split('/').next().unwrap_or(package);
            !removed.iter().any(|gone| gone == name)
        })
        .map(String::as_str)
        .collect()
    }

    /// The kernel command line as one string.
    pub fn command_line(&self) -> String {
        self.kernel.command_line.join(" ")
    }

    /// Whether it can be built for this architecture.
    pub fn supports(&self, arch: Arch) -> bool {
        self.arch.contains(&arch)
    }

    /// Firmware kinds on this architecture: BIOS exists on amd64 only.
    pub fn boot_firmware(&self, arch: Arch) -> Vec<BootFirmware> {
        let kinds = self.boot.firmware.iter().copied();
        kinds
            .filter(|kind| *kind != BootFirmware::Bios || arch == Arch::Amd64)
            .collect()
    }

    /// Largest ISO in bytes.
    pub fn iso_budget(&self) -> Option<u64> {
        self.budget.iso_mib.map(|mib| mib << 20)
    }

    /// Largest root file system in bytes.
    pub fn root_budget(&self) -> Option<u64> {
        self.budget.root_mib.map(|mib| mib << 20)
    }

    /// The profile as a TOML file that resolves to the same data without any parent.
    pub fn to_toml(&self) -> Result<String, ProfileError> {
        let mut table = toml::Table::try_from(self)?;
        table.remove("name");
        table.remove("lineage");
        let text = toml::to_string_pretty(&table)?;
        Ok(format!("# {}\n{text}", self.lineage.join(" < ")))
    }
}

/// One mistake in a profile, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}: {kind}", file.display())]
pub struct Fault {
    /// The file.
    pub file: PathBuf,
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub kind: FaultKind,
}

/// What can be wrong in a profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultKind {
    /// Not TOML.
    #[error("not valid TOML: {0}")]
    Syntax(String),
    /// A key or section nobody reads.
    #[error("unknown key `{key}`{}", nearest.as_ref().map(|near| format!("; the nearest valid key is `{near}`")).unwrap_or_default())]
    UnknownKey {
        /// Full name, with its section.
        key: String,
        /// The valid key most like it.
        nearest: Option<String>,
    },
    /// A value of the wrong type.
    #[error("`{key}` must be {expected}, not {found}")]
    WrongType {
        /// Full name.
        key: String,
        /// What it must be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A value outside its set or grammar.
    #[error("`{value}` is not valid for `{key}`: {allowed}")]
    BadValue {
        /// Full name.
        key: String,
        /// The value.
        value: String,
        /// What is allowed.
        allowed: String,
    },
    /// `extends` names no profile.
    #[error("there is no profile `{parent}` to extend{}", nearest.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
    UnknownParent {
        /// The name.
        parent: String,
        /// The profile most like it.
        nearest: Option<String>,
    },
    /// A profile extends itself.
    #[error("`extends` runs in a circle: {}", chain.join(" -> "))]
    Cycle {
        /// The circle, first name repeated at the end.
        chain: Vec<String>,
    },
    /// A list that must name something.
    #[error("`{0}` must name at least one")]
    Empty(String),
    /// A key that must be there.
    #[error("`{key}` is missing: {why}")]
    Missing {
        /// Full name.
        key: String,
        /// What needs it.
        why: String,
    },
    /// Bounds the wrong way round.
    #[error("`model.min-tier` ({min}) is above `model.max-tier` ({max})")]
    TierOrder {
        /// Smallest tier.
        min: Tier,
        /// Largest tier.
        max: Tier,
    },
    /// A file name that cannot be a profile's.
    #[error("`{0}` is not a profile name: use a-z, 0-9 and '-', beginning with a letter")]
    BadName(String),
}

/// Why profiles could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// Mistakes in the files.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Faults(Vec<Fault>),
    /// No such profile.
    #[error("there is no profile `{name}` in {}{}; `sigmavault-image profiles list` shows them all", folder.display(), nearest.as_ref().map(|near| format!(", did you mean `{near}`?")).unwrap_or_default())]
    Unknown {
        /// What was asked for.
        name: String,
        /// Where it was looked for.
        folder: PathBuf,
        /// The profile most like it.
        nearest: Option<String>,
    },
    /// A base was to be built.
    #[error("profile `{0}` is abstract, a base for others; build one that extends it")]
    Abstract(String),
    /// Not built for this architecture.
    #[error("profile `{name}` is not built for {arch}; it is for {}", supported.iter().map(|arch| arch.name()).collect::<Vec<_>>().join(", "))]
    WrongArch {
        /// The profile.
        name: String,
        /// The architecture asked for.
        arch: Arch,
        /// Those it is for.
        supported: Vec<Arch>,
    },
    /// A file or the folder could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A resolved profile could not be written as TOML.
    #[error("cannot write the profile as TOML")]
    Toml(#[from] toml::ser::Error),
    /// JSON could not be written.
    #[error("cannot write JSON")]
    Json(#[from] serde_json::Error),
    /// Standard output is gone.
    #[error("cannot write to standard output")]
    Output(#[from] std::io::Error),
    /// The source tree was not found.
    #[error(transparent)]
    Source(#[from] crate::source::SourceError),
}
