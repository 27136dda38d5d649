//! Models: loading, choosing, evicting.
//!
//! A request names a model and gets a [`Resident`], which is loaded first if necessary. The request holds it until it is
//! done: a model that is unloaded or evicted is gone for later requests only. Its memory is free after the last request,
//! and a model that is loaded in its place waits for that.
//!
//! - [`registry`]: every model of this machine
//! - [`input`]: what a model continues or embeds
//! - [`known`]: resolving names to models and their files
//! - [`routing`]: choosing the model when the request leaves the choice open
//! - [`resident`]: a model in memory
//! - [`embedding`]: an embedding model
//! - [`embedders`]: loading an embedding model
//! - [`described`]: what is known of a model without loading it
//! - [`forward`]: how the engine drives a model
//! - [`eviction`]: which models are evicted for another
//! - [`shared`]: the state of the models under one lock, and who waits for it
//! - [`error`]: why the models cannot do what was asked
//! - [`spare`]: how much memory is available
//! - [`status`]: the state of the models, for people and programs

mod described;
mod embedders;
pub mod embedding;
mod error;
mod eviction;
pub mod forward;
pub mod input;
pub mod known;
mod registry;
pub mod resident;
pub mod routing;
mod shared;
mod spare;
mod status;

pub use described::Described;
pub use error::ModelsError;
pub use input::Input;
pub use known::{AUTO, Found, Known};
pub use registry::Models;
pub use resident::Resident;
pub use status::{Entry, Loaded, Status};
