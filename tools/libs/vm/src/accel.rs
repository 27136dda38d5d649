//! How the processor is virtualised: what the user asks for, what this machine offers, and what earlier tests learned
//! about its KVM.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::Serialize;

use crate::board::Board;
use crate::error::Error;
use crate::kvm::Unopened;

/// The device of KVM.
pub const KVM: &str = "/dev/kvm";

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

impl fmt::Display for Accel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        })
    }
}

/// How the processor is virtualised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Accelerator {
    /// Hardware virtualisation.
    Kvm,
    /// Emulation.
    Tcg,
}

impl Accelerator {
    /// Name for a person.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kvm => "KVM",
            Self::Tcg => "TCG",
        }
    }

    pub(crate) const fn argument(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg,thread=multi",
        }
    }
}

/// What this machine offers.
#[derive(Debug)]
pub struct Candidates {
    /// The accelerators to try in turn.
    pub accelerators: Vec<Accelerator>,
    /// Why KVM is not among them although it was wanted.
    pub no_kvm: Option<Unopened>,
}

/// The accelerators to try in turn for what the user asks for, to run this kind of machine.
pub fn candidates(board: Board, asked: Accel, device: &Path) -> Result<Candidates, Error> {
    let asked = match asked {
        Accel::Auto if !board.is_like(std::env::consts::ARCH) => Accel::Tcg,
        asked => asked,
    };
    let opened = OpenOptions::new().read(true).write(true).open(device);
    let unopened = |source| Unopened {
        device: device.to_owned(),
        source,
    };
    let (accelerators, no_kvm) = match (asked, opened) {
        (Accel::Tcg, _) => (vec![Accelerator::Tcg], None),
        (Accel::Kvm, Ok(_)) => (vec![Accelerator::Kvm], None),
        (Accel::Kvm, Err(error)) => return Err(Error::NoKvm(unopened(error))),
        (Accel::Auto, Ok(_)) => (vec![Accelerator::Kvm, Accelerator::Tcg], None),
        (Accel::Auto, Err(error)) => (vec![Accelerator::Tcg], Some(unopened(error))),
    };
    Ok(Candidates { accelerators, no_kvm })
}

/// What earlier tests learned about KVM, kept until this machine reboots: learning it takes up to a minute and a half.
#[derive(Debug)]
pub struct KvmVerdict {
    file: PathBuf,
    boot: Option<String>,
}

impl KvmVerdict {
    /// The verdict in the cache folder.
    pub fn of(cache: &Path) -> Self {
        Self {
            file: cache.join("kvm-unusable"),
            boot: fs::read_to_string("/proc/sys/kernel/random/boot_id").ok(),
        }
    }

    /// The accelerator to ask for: emulation, when the user leaves the choice to us and KVM is known to fail.
    pub fn narrow(&self, asked: Accel) -> Accel {
        match asked {
            Accel::Auto if self.unusable() => Accel::Tcg,
            asked => asked,
        }
    }

    /// Whether KVM failed since this machine booted.
    pub fn unusable(&self) -> bool {
        self.boot.is_some() && fs::read_to_string(&self.file).ok() == self.boot
    }

    /// Remembers that KVM failed just now.
    pub fn remember_unusable(&self) {
        if let Some(boot) = &self.boot {
            // Forgetting it costs only time.
            let _ = fs::write(&self.file, boot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Accelerator::{Kvm, Tcg};

    #[test]
    fn what_is_tried() {
        let there = tempfile::NamedTempFile::new().unwrap();
        let missing = Path::new("/no/such/kvm");
        let tried = |asked, device| {
            let candidates = candidates(Board::Q35, asked, device).map_err(|error| match error {
                Error::NoKvm(why) => why.to_string(),
                error => panic!("{error}"),
            })?;
            Ok((
                candidates.accelerators,
                candidates.no_kvm.map(|why| why.to_string()),
            ))
        };
        assert_eq!(tried(Accel::Auto, there.path()), Ok((vec![Kvm, Tcg], None)));
        assert_eq!(tried(Accel::Kvm, there.path()), Ok((vec![Kvm], None)));
        assert_eq!(tried(Accel::Tcg, there.path()), Ok((vec![Tcg], None)));
        let why = "/no/such/kvm cannot be opened: No such file or directory (os error 2)".to_owned();
        assert_eq!(tried(Accel::Auto, missing), Ok((vec![Tcg], Some(why.clone()))));
        assert_eq!(tried(Accel::Kvm, missing), Err(why));
    }

    #[test]
    fn names() {
        for accel in Accel::value_variants() {
            let name = accel.to_possible_value().unwrap();
            assert_eq!(accel.to_string(), name.get_name());
        }
    }

    #[test]
    fn a_verdict_is_kept_until_the_next_start() {
        let cache = tempfile::tempdir().unwrap();
        let verdict = KvmVerdict::of(cache.path());
        assert!(!verdict.unusable());
        verdict.remember_unusable();
        assert!(verdict.unusable());
        assert_eq!(
            [Accel::Auto, Accel::Kvm].map(|asked| verdict.narrow(asked)),
            [Accel::Tcg, Accel::Kvm]
        );
        fs::write(cache.path().join("kvm-unusable"), "another boot").unwrap();
        assert!(!verdict.unusable());
    }
}
