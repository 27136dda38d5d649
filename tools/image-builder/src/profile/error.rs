//! What can be wrong in a profile, and why profiles could not be used.

use std::path::PathBuf;

use super::values::{Arch, Tier};
use crate::drivers::tree::TreeError;

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
    /// An unknown key or section.
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
    /// An ISO and the image of a disk at once.
    #[error(
        "an image for `raspberry-pi` is that of a disk: `boot.firmware` is [\"raspberry-pi\"] and `boot.media` is [\"disk\"], or neither"
    )]
    DiskImage,
    /// A module is left out that the image must have.
    #[error(
        "`{pattern}` of `kernel.modules-exclude` leaves out `{module}`, which `drivers.required` promises; take one of the two away"
    )]
    PromisedModule {
        /// What is left out.
        pattern: String,
        /// The module.
        module: String,
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
    #[error("there is no profile `{name}` in {}{}; `{} profiles list` shows them all", paths(folders), nearest.as_ref().map(|near| format!(", did you mean `{near}`?")).unwrap_or_default(), crate::invocation::name())]
    Unknown {
        /// What was asked for.
        name: String,
        /// Where it was looked for.
        folders: Vec<PathBuf>,
        /// The profile most like it.
        nearest: Option<String>,
    },
    /// Two files of one name.
    #[error(
        "two profiles are called `{name}`: {} and {}; rename one of the files, and what `extends` it",
        first.display(),
        second.display()
    )]
    Clash {
        /// The name.
        name: String,
        /// The file read first.
        first: PathBuf,
        /// The other one.
        second: PathBuf,
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
    /// Values that were found good do not make a profile.
    #[error("the values of a profile do not fit together")]
    Values(#[from] toml::de::Error),
    /// An image could not be compared with a profile.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The hardware report of a machine could not be used.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// A new profile was not written.
    #[error(transparent)]
    New(#[from] NewError),
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

/// Why an image could not be compared with a profile.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// Not a folder.
    #[error(
        "{} is a file, not a folder; mount the root file system in it (of an ISO it is partition 3: `losetup --partscan --find --show \
         --read-only FILE`, then `mount --read-only`) and name that folder",
        .0.display()
    )]
    File(PathBuf),
    /// The image does not say what it was built from.
    #[error("{} does not say which profile the image was built from; name the profile", path.display())]
    NoProfile {
        /// Where it would say so.
        path: PathBuf,
    },
    /// The drivers are not known.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// modinfo(8) did not answer.
    #[error("cannot ask modinfo about the drivers of the image: {0}; install the package kmod")]
    Modinfo(String),
}

/// Why the hardware report of a machine could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// It could not be read.
    #[error(
        "cannot read the hardware report {}; make one with `sigmavault hardware --json` or `sigmavault-detector --json` on the machine, \
         and name the file",
        path.display()
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not one.
    #[error("{} is not what `sigmavault hardware --json` prints", path.display())]
    NotAReport {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
}

/// Why a new profile was not written.
#[derive(Debug, thiserror::Error)]
pub enum NewError {
    /// Something is not known, and nobody is there to be asked.
    #[error("{what} is not given; name it with {flag}, or run this on a terminal to be asked")]
    NotGiven {
        /// What.
        what: &'static str,
        /// The option.
        flag: &'static str,
    },
    /// An option has a value that a profile cannot have.
    #[error("{flag} {value}: {objection}")]
    BadValue {
        /// The option.
        flag: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        objection: String,
    },
    /// The file could not be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

fn paths(paths: &[PathBuf]) -> String {
    let all: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    all.join(", ")
}
