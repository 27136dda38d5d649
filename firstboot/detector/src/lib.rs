//! Reads the machine's hardware and chooses the language model tier.
//!
//! Parsers are pure and read bytes or text; [`report::gather`] is where files are read, all below one root.
//!
//! - [`cpu`], [`arm`]: processor, from `/proc/cpuinfo`
//! - [`smbios`], [`device_tree`], [`cgroup`]: what the firmware and the container say about memory
//! - [`installed`]: the installed memory, derived from all of these
//! - [`bandwidth`]: the memory bandwidth probe
//! - [`machine`]: names of the machine, hypervisor and container
//! - [`disks`], [`sensors`]: disks and sensors, from sysfs
//! - [`devices`]: names of devices for the kernel, and the firmware, from sysfs
//! - [`settings`]: the administrator's override and the profile's bounds
//! - [`rule`]: the choice
//! - [`report`]: the whole report, and writing it

pub mod arm;
pub mod bandwidth;
pub mod cgroup;
pub mod cpu;
pub mod device_tree;
pub mod devices;
pub mod disks;
pub mod installed;
pub mod machine;
pub mod report;
pub mod rule;
pub mod sensors;
pub mod settings;
pub mod smbios;
