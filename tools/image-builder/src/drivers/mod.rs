//! What the drivers of a kernel are for, from the tables and files beside them.
//!
//! - [`tables`]: which module claims a device, and what it is built on
//! - [`storage`]: which modules lead to disks, and which of them an initrd lacks
//! - [`tree`]: the modules and the firmware in a root file system
//! - [`proof`]: whether a tree drives the devices that a profile names

pub mod proof;
pub mod storage;
pub mod tables;
pub mod tree;
