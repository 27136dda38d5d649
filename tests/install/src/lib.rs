//! Installs SigmaVault in virtual machines and boots what was installed.
//!
//! The machine is the one of `sigmavault-image smoke`, and as there nothing in the image is for tests: answers and a
//! script that takes orders ([`agent`]) come in as systemd credentials. A [`bench`](mod@bench) is what one
//! [`scenario`] works with; the [`lab`] is what all of them share, the installed disks among it, which are made once
//! and copied ([`disk`]). Disks are also looked at from outside, without the system under test: their partition table,
//! the state of their file systems ([`ext4`]) and the boot entries ([`esp`]).

pub mod agent;
pub mod answers;
pub mod bench;
pub mod boot;
pub mod disk;
pub mod error;
pub mod esp;
pub mod ext4;
pub mod installer;
pub mod keyboard;
pub mod lab;
pub mod options;
pub mod random;
pub mod results;
pub mod rig;
pub mod scenario;
mod scenarios;
pub mod tpm;
