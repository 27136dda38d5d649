//! How a machine ended when it should not have.

use std::fmt;
use std::process::ExitStatus;

use crate::qmp::Halt;

/// How a machine ended when it should not have. `said` is the end of what QEMU printed, or empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// QEMU ended before it ran the machine.
    NotStarted {
        /// QEMU's words.
        said: String,
    },
    /// QEMU did not open its connections in time.
    NotConnected {
        /// QEMU's words.
        said: String,
    },
    /// The machine stopped, as QEMU told.
    Halted(Halt),
    /// QEMU ended without telling why the machine stopped.
    Exited {
        /// Its exit status.
        status: ExitStatus,
        /// QEMU's words.
        said: String,
    },
    /// QEMU closed its control connection and has not ended yet.
    HungUp,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut with = |what: fmt::Arguments<'_>, said: &str| match said {
            "" => f.write_fmt(what),
            said => write!(f, "{what}: {said}"),
        };
        match self {
            Self::NotStarted { said } => with(format_args!("QEMU did not start"), said),
            Self::NotConnected { said } => with(format_args!("QEMU did not connect"), said),
            Self::Halted(Halt::PoweredOff) => f.write_str("the guest switched itself off"),
            Self::Halted(Halt::Reset) => f.write_str("the guest reset itself"),
            Self::Halted(Halt::Quit) => f.write_str("QEMU was told to quit"),
            Self::Halted(Halt::InternalError) => f.write_str("the accelerator gave up on the guest"),
            Self::Exited { status, said } => with(format_args!("QEMU ended ({status})"), said),
            Self::HungUp => f.write_str("QEMU closed its control connection"),
        }
    }
}
