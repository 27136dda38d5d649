//! Whether KVM can be used. An existing device proves little: on some nested hosts a guest dies or hangs in early
//! boot. So the boot of the image is itself the probe: it is watched until the guest reports, and started again
//! under emulation when it does not.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::ending::Ending;
use crate::qmp::Halt;

/// How long firmware, kernel and initrd may take under KVM until the guest reports.
pub const EARLY_LIMIT: Duration = Duration::from_secs(90);
/// How long the serial port may stay silent under KVM until the guest reports, once it has printed something.
pub const SILENCE_LIMIT: Duration = Duration::from_secs(45);

/// A KVM device that cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be opened: {source}", device.display())]
pub struct Unopened {
    /// The device.
    pub device: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// What can be observed of a machine before its guest reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlySigns {
    /// Time since it was started.
    pub elapsed: Duration,
    /// Time since its serial port last printed something; `None` if it never did.
    pub silence: Option<Duration>,
    /// How the machine stopped, if it did.
    pub halt: Option<Halt>,
    /// The line on the serial port after which the boot cannot continue, if there was one.
    pub fatal: Option<String>,
    /// Whether QEMU still runs.
    pub running: bool,
}

/// Why a machine cannot run under KVM here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KvmFault {
    /// QEMU does not start under KVM.
    NotStarted(Ending),
    /// The processor met an instruction that KVM cannot run.
    Instruction,
    /// The guest reset itself.
    Reset,
    /// The guest or QEMU was switched off.
    Ended,
    /// A line on the serial port after which the boot cannot continue.
    Fatal(String),
    /// QEMU ended.
    QemuEnded,
    /// The serial port was silent for this long.
    Silent(Duration),
    /// The guest did not report in time.
    Late,
}

impl fmt::Display for KvmFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted(ending) => ending.fmt(f),
            Self::Instruction => f.write_str("the kernel met an instruction that KVM cannot run here"),
            Self::Reset => f.write_str("the guest reset itself in early boot"),
            Self::Ended => f.write_str("the guest ended in early boot"),
            Self::Fatal(line) => write!(f, "early boot failed ({line})"),
            Self::QemuEnded => f.write_str("QEMU ended in early boot"),
            Self::Silent(silence) => {
                write!(
                    f,
                    "the guest was silent for {} s in early boot",
                    silence.as_secs()
                )
            }
            Self::Late => write!(f, "the guest did not come up within {} s", EARLY_LIMIT.as_secs()),
        }
    }
}

impl KvmFault {
    /// What is wrong with a machine under KVM, if these signs show it.
    pub fn of(signs: &EarlySigns) -> Option<Self> {
        if let Some(halt) = &signs.halt {
            return Some(match halt {
                Halt::InternalError => Self::Instruction,
                Halt::Reset => Self::Reset,
                Halt::PoweredOff | Halt::Quit => Self::Ended,
            });
        }
        if let Some(line) = &signs.fatal {
            return Some(Self::Fatal(line.clone()));
        }
        if !signs.running {
            return Some(Self::QemuEnded);
        }
        match signs.silence {
            Some(silence) if silence >= SILENCE_LIMIT => Some(Self::Silent(silence)),
            _ if signs.elapsed >= EARLY_LIMIT => Some(Self::Late),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let fault = KvmFault::of(&signs).map(|fault| fault.to_string());
            assert_eq!(fault.as_deref(), expected, "{signs:?}");
        }
    }
}
