//! What carries changes out.

use sigmavault_types::storage::{Action, World};

/// A key or passphrase for one action. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// Why an action was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// What it is about is not there.
    #[error("{0} does not exist")]
    Missing(String),
    /// The name is taken.
    #[error("{0} exists already")]
    Exists(String),
    /// Somebody uses it.
    #[error("{0} is in use: close what uses it and try again")]
    Busy(String),
    /// There is no space for it.
    #[error("there is not enough space in {0}: destroy snapshots or data, or add disks")]
    NoSpace(String),
    /// A limit is reached.
    #[error("the quota of {0} is reached: raise it, or delete files")]
    Quota(String),
    /// Other things need it.
    #[error("{what} is needed by {by}: destroy or promote that first")]
    Needed {
        /// What.
        what: String,
        /// By what.
        by: String,
    },
    /// A hold keeps it.
    #[error("{0} is held: release the hold first")]
    Held(String),
    /// Its key is not loaded.
    #[error("the key of {0} is not loaded: unlock it first")]
    Locked(String),
    /// The key is not the right one.
    #[error("this is not the key of {0}")]
    WrongKey(String),
    /// Too few devices work.
    #[error("{0} would lose data: too few of its devices work")]
    NoReplicas(String),
    /// The pool waits for its devices.
    #[error("{0} is suspended: attach its disks again, then clear its errors")]
    Suspended(String),
    /// It cannot be done to this.
    #[error("{what}: {why}")]
    Unsuitable {
        /// What.
        what: String,
        /// Why.
        why: String,
    },
    /// The tool failed otherwise, or the power went off.
    #[error("{0}")]
    Failed(String),
}

impl EngineError {
    pub(crate) fn unsuitable(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Unsuitable {
            what: what.into(),
            why: why.into(),
        }
    }
}

/// What carries changes out: ZFS, or the [`Simulator`](crate::Simulator).
pub trait Engine {
    /// Everything as it is now.
    fn world(&mut self) -> Result<World, EngineError>;

    /// Carries out one action: wholly, or not at all.
    fn perform(&mut self, action: &Action, secret: Option<&Secret>) -> Result<(), EngineError>;
}
