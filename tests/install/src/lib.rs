//! Installs SigmaVault in virtual machines and boots what was installed.
//!
//! [`sigmavault_vm`] drives the machines. Nothing in the image is for tests: answers and a script that takes orders come
//! in as systemd credentials. A [`bench`](mod@bench) is what one [`scenario`] works with; the [`lab`] is what all of them
//! share, including installed disks, which are made once and copied. Disks are also looked at from outside, without the
//! system under test: their partition table ([`disk`]), the state of their file systems ([`ext4`]), the boot entries
//! ([`esp`]), and what power cuts leave of all that ([`cuts`]).

pub mod answers;
pub mod bench;
pub mod cuts;
pub mod disk;
pub mod error;
pub mod esp;
pub mod ext4;
pub mod installer;
pub mod lab;
pub mod live;
pub mod options;
pub mod play;
pub mod results;
pub mod scenario;
mod scenarios;
