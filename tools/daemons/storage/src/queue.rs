//! Plans that wait to be carried out, one after another.

use std::sync::mpsc::{Receiver, Sender, channel};

use sigmavault_plan::Digest;
use sigmavault_storage_core::Secret;
use sigmavault_types::storage::Plan;

use crate::audit::Actor;

/// A plan to be carried out.
#[derive(Debug)]
pub struct Order {
    /// Its job.
    pub job: String,
    /// Its digest.
    pub digest: Digest,
    /// The plan.
    pub plan: Plan,
    /// Who asked for it.
    pub actor: Actor,
    /// The key or passphrase that it takes.
    pub secret: Option<Secret>,
}

/// A queue of plans.
pub fn queue() -> (Sender<Order>, Receiver<Order>) {
    channel()
}
