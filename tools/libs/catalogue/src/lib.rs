//! The models on offer, and how they get onto a disk.
//!
//! - [`Catalogue`], [`Model`]: `/usr/lib/sigmavault/models.toml` with the site's additions in `/etc/sigmavault/models.d`
//! - [`Store`]: the folder of models, with a subfolder for each
//! - [`Staging`]: a model that is being added to it
//! - [`ChunkList`]: the hash of every 8 MiB of a file, kept beside it, so that damage is found and repaired by the piece
//! - [`verify`]: whether the files on disk match the catalogue
//! - [`download`]: fetching a model over HTTP, with resume

mod beside;
mod catalogue;
mod chunks;
mod digest;
#[cfg(feature = "download")]
pub mod download;
mod error;
mod folder;
mod model;
mod staging;
mod store;
pub mod verify;

pub use catalogue::{Catalogue, CatalogueError, Origin, SITE_FOLDER, UnknownModel, VENDOR_PATH};
pub use chunks::{CHUNK_BYTES, ChunkList, Hasher};
pub use digest::Digest;
pub use error::StoreError;
pub use model::{Licence, Model, ModelFile, OPEN_LICENCES, Use, id_fault};
pub use staging::Staging;
pub use store::{CACHE_FOLDER, DATA_FOLDER, Installed, STATE_FOLDER, Store, Unusable};
