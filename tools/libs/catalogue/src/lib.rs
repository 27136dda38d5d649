//! The models that are offered, and how they get onto a disk.
//!
//! - [`Catalogue`], [`Model`]: `/usr/lib/sigmavault/models.toml` with what the site adds in `/etc/sigmavault/models.d`
//! - [`Store`]: the folder that models lie in, one folder each
//! - [`ChunkList`]: the hash of every 8 MiB of a file, kept beside it, so that damage is found and mended by the piece
//! - [`verify`]: whether what is on the disk is what the catalogue says
//! - [`download`]: getting a model over HTTP, resumed where it broke off

mod catalogue;
mod chunks;
mod digest;
#[cfg(feature = "download")]
pub mod download;
mod model;
mod store;
pub mod verify;

pub use catalogue::{Catalogue, CatalogueError, Origin, SITE_FOLDER, UnknownModel, VENDOR_PATH};
pub use chunks::{CHUNK_BYTES, ChunkList, Hasher};
pub use digest::Digest;
pub use model::{Licence, Model, ModelFile, OPEN_LICENCES, Use};
pub use store::{DATA_FOLDER, Installed, STATE_FOLDER, Store, StoreError};
