//! Many texts at once from one model.
//!
//! [`Engine`] is the handle: requests go in by [`Engine::submit`], each gives a [`Generation`] to read events from. One scheduler
//! thread owns all states; in every step it runs one forward pass over all texts that are being read or written
//! ([`scheduler`]). Prefixes that were computed before are taken from a radix tree ([`prefix`]); tokens may be guessed
//! ahead ([`draft`]) where that pays ([`pace`]). Nothing runs while nothing is to be
//! done: the thread blocks on its channel.

mod active;
mod draft;
mod forward;
mod handle;
mod held;
mod pace;
mod prefix;
mod request;
mod scheduler;
mod spill;
mod stop;

pub use forward::{CannotRewind, Forward, ForwardError, Part, Shape, State, Step, Wanted};
pub use handle::{Engine, EngineOptions, EngineStatus};
pub use request::{Event, FinishReason, Generation, Request, SubmitError, Usage};
pub use spill::SpillOptions;

#[cfg(test)]
pub(crate) mod tests;
