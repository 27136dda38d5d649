//! Whether KVM can be used. The device being there says little: on some nested hosts a guest dies or hangs in
//! early boot. So the image's own boot is the probe, watched closely until the guest speaks, and started again
//! under emulation when it does not.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::machine::Accelerator;
use super::options::Accel;
use super::qmp::Halt;

/// The device.
pub const KVM: &str = "/dev/kvm";
/// How long firmware, kernel and initrd may take under KVM until the guest speaks.
pub const EARLY_LIMIT: Duration = Duration::from_secs(90);
/// How long the serial port may stay silent under KVM until the guest speaks, once it has spoken.
pub const SILENCE_LIMIT: Duration = Duration::from_secs(45);

/// The accelerators to try in turn, and why KVM is not among them when it was asked about.
pub fn candidates(asked: Accel, device: &Path) -> Result<(Vec<Accelerator>, Option<String>), String> {
    let opened = OpenOptions::new().read(true).write(true).open(device);
    match (asked, opened) {
        (Accel::Tcg, _) => Ok((vec![Accelerator::Tcg], None)),
        (Accel::Kvm, Ok(_)) => Ok((vec![Accelerator::Kvm], None)),
        (Accel::Kvm, Err(error)) => Err(format!("{} cannot be opened: {error}", device.display())),
        (Accel::Auto, Ok(_)) => Ok((vec![Accelerator::Kvm, Accelerator::Tcg], None)),
        (Accel::Auto, Err(error)) => Ok((
            vec![Accelerator::Tcg],
            Some(format!("{} cannot be opened: {error}", device.display())),
        )),
    }
}

/// What is seen of a machine before its guest speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlySigns {
    /// Since it was started.
    pub elapsed: Duration,
    /// Since its serial port last said something; nothing if it never did.
    pub silence: Option<Duration>,
    /// How the machine stopped, if it did.
    pub halt: Option<Halt>,
    /// The line on the serial port after which no boot goes on, if there was one.
    pub fatal: Option<String>,
    /// Whether QEMU is still there.
    pub running: bool,
}

/// Why a machine under KVM has to be given up, if it has to.
pub fn broken(signs: &EarlySigns) -> Option<String> {
    if let Some(halt) = &signs.halt {
        return Some(match halt {
            Halt::InternalError => "the kernel met an instruction that KVM cannot run here".to_owned(),
            Halt::Reset => "the guest reset itself in early boot".to_owned(),
            Halt::PoweredOff | Halt::Quit => "the guest ended in early boot".to_owned(),
        });
    }
    if let Some(line) = &signs.fatal {
        return Some(format!("early boot failed ({line})"));
    }
    if !signs.running {
        return Some("QEMU ended in early boot".to_owned());
    }
    match signs.silence {
        Some(silence) if silence >= SILENCE_LIMIT => Some(format!(
            "the guest was silent for {} s in early boot",
            silence.as_secs()
        )),
        _ if signs.elapsed >= EARLY_LIMIT => Some(format!(
            "the guest did not come up within {} s",
            EARLY_LIMIT.as_secs()
        )),
        _ => None,
    }
}

/// What earlier tests found out about KVM, kept for as long as this machine is not started anew: finding out costs
/// up to a minute and a half.
#[derive(Debug)]
pub struct KvmVerdict {
    file: PathBuf,
    boot: Option<String>,
}

impl KvmVerdict {
    /// As it stands in the cache folder.
    pub fn of(cache: &Path) -> Self {
        Self {
            file: cache.join("kvm-unusable"),
            boot: fs::read_to_string("/proc/sys/kernel/random/boot_id").ok(),
        }
    }

    /// Whether KVM failed since this machine was started.
    pub fn unusable(&self) -> bool {
        self.boot.is_some() && fs::read_to_string(&self.file).ok() == self.boot
    }

    /// KVM failed just now.
    pub fn remember_unusable(&self) {
        if let Some(boot) = &self.boot {
            // Not remembering costs time and nothing else.
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
        assert_eq!(candidates(Accel::Auto, there.path()), Ok((vec![Kvm, Tcg], None)));
        assert_eq!(candidates(Accel::Kvm, there.path()), Ok((vec![Kvm], None)));
        assert_eq!(candidates(Accel::Tcg, there.path()), Ok((vec![Tcg], None)));
        let why = "/no/such/kvm cannot be opened: No such file or directory (os error 2)".to_owned();
        assert_eq!(
            candidates(Accel::Auto, missing),
            Ok((vec![Tcg], Some(why.clone())))
        );
        assert_eq!(candidates(Accel::Kvm, missing), Err(why));
    }

    #[test]
    fn when_kvm_is_given_up() {
        let fine = EarlySigns {
            elapsed: Duration::from_secs(30),
            silence: None,
            halt: None,
            fatal: None,
            running: true,
        };
        let quiet = |seconds| EarlySigns {
            silence: Some(Duration::from_secs(seconds)),
            ..fine.clone()
        };
        for (signs, expected) in [
            (fine.clone(), None),
            (quiet(44), None),
            (quiet(45), Some("the guest was silent for 45 s in early boot")),
            (
                EarlySigns {
                    elapsed: EARLY_LIMIT,
                    ..fine.clone()
                },
                Some("the guest did not come up within 90 s"),
            ),
            (
                EarlySigns {
                    running: false,
                    ..fine.clone()
                },
                Some("QEMU ended in early boot"),
            ),
            (
                EarlySigns {
                    halt: Some(Halt::InternalError),
                    ..fine.clone()
                },
                Some("the kernel met an instruction that KVM cannot run here"),
            ),
            (
                EarlySigns {
                    halt: Some(Halt::Reset),
                    running: false,
                    ..fine.clone()
                },
                Some("the guest reset itself in early boot"),
            ),
        ] {
            assert_eq!(broken(&signs).as_deref(), expected, "{signs:?}");
        }
    }

    #[test]
    fn a_verdict_is_kept_until_the_next_start() {
        let cache = tempfile::tempdir().unwrap();
        let verdict = KvmVerdict::of(cache.path());
        assert!(!verdict.unusable());
        verdict.remember_unusable();
        assert!(verdict.unusable());
        fs::write(cache.path().join("kvm-unusable"), "another boot").unwrap();
        assert!(!verdict.unusable());
    }
}
