//! Block devices, read and written as a whole.
//!
//! - [`direct`]: past the page cache
//! - [`copy`]: from one to another; [`compare`]: one with another; [`read`]: a file
//! - [`verity`]: against a hash tree

pub mod compare;
pub mod copy;
pub mod direct;
pub mod read;
pub mod verity;
