//! Block devices, read and written as a whole.
//!
//! - [`direct`]: past the page cache
//! - [`copy`]: from one to another; [`read`]: a file
//! - [`verity`]: against a hash tree

pub mod copy;
pub mod direct;
pub mod read;
pub mod verity;
