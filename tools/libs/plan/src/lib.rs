//! What a plan of a storage change is. Everything here is pure.
//!
//! - [`digest`]: what approval is given to
//! - [`check`]: whether the preconditions of a step hold in a world
//! - [`verify`]: the laws that a plan is held against, each with an id, a text and a failing example
//! - [`destroyed`], [`risk`]: what an action destroys in a world, and how much it can break
//! - [`may_fail`], [`usable`]: redundancy and space of a pool, from its vdevs
//! - [`subject`]: what an action is about
//! - [`diff`]: what differs between two worlds

mod destroyed;
mod diff;
mod digest;
mod laws;
mod preconditions;
mod redundancy;
mod risk;
mod space;
mod subject;

pub use destroyed::destroyed;
pub use diff::diff;
pub use digest::{Digest, DigestError, ParseDigestError, digest};
pub use laws::{LAWS, Law, Violation, verify};
pub use preconditions::{Broken, check};
pub use redundancy::{group_readable, group_tolerance, may_fail};
pub use risk::risk;
pub use space::{after_slop, data_space, group_space, usable};
pub use subject::subject;
