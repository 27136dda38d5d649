//! Running many sequences at once with one model.
//!
//! [`Engine`] is the handle: [`Engine::submit`] takes a request and returns a [`Generation`] to read events from. One scheduler
//! thread owns all states; in every step it runs one forward pass over all sequences in prefill or decode ([`scheduler`]).
//! Prefixes computed before are taken from a radix tree ([`prefix`]); tokens are drafted ahead ([`draft`]) where that pays
//! ([`pace`]). While idle, the thread blocks on its channel.

mod active;
mod disk_tier;
mod draft;
mod generation;
mod handle;
mod held;
mod options;
mod pace;
mod prefix;
mod request;
mod scheduler;
mod status;
mod stop;
mod submission;

pub use disk_tier::DiskTierOptions;
pub use generation::Generation;
pub use handle::Engine;
pub use options::EngineOptions;
pub use request::{Event, FinishReason, Request, Scored, SubmitError, Usage};
pub use status::EngineStatus;

#[cfg(test)]
pub(crate) mod tests;
