//! Whether a root file system is the one that its kernel expects, without mounting or starting anything.
//!
//! - [`tree`]: dm-verity hash trees, compared with a root hash block by block
//! - [`kernel_image`]: unified kernel images, whose command line carries the root hash
//! - [`source`]: what both are read from: a device, or part of a larger file
//! - [`aligned`]: memory that reads past the page cache take

pub mod aligned;
pub mod kernel_image;
pub mod source;
pub mod tree;
