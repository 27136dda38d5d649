//! Model files in GGUF form, versions 2 and 3, checked before anything of them is used, and memory-mapped.
//!
//! The format is that of `docs/gguf.md` in the ggml project: a header, typed metadata, a table of tensors, and their
//! bytes, all little-endian. Files come from the network, so every count, length, offset and product is checked against
//! the size of the file before memory is allocated, and what is not understood is rejected with the reason.
//!
//! - [`File`]: a mapped file; [`Index`]: its parsed header, from bytes alone
//! - [`Metadata`], [`Value`], [`Array`]: the thirteen value types
//! - [`TensorInfo`], [`TensorKind`]: where a tensor lies and how its numbers are packed
//! - [`Summary`], [`support`]: a description for people, and whether the engine can run the file
//! - [`Writer`]: writes such files

mod cursor;
mod error;
mod file;
mod index;
mod kind;
mod layout;
mod metadata;
mod summary;
pub mod support;
mod tensor;
mod value;
mod writer;

pub use error::{Error, Malformed};
pub use file::File;
pub use index::{DEFAULT_ALIGNMENT, HEADER_LIMIT, Index};
pub use kind::{Packing, TensorKind};
pub use memmap2::Mmap;
pub use metadata::Metadata;
pub use summary::Summary;
pub use tensor::{TensorInfo, TensorView};
pub use value::{Array, Value, ValueType};
pub use writer::{WriteError, Writer};
