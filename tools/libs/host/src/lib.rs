//! Running other programs. Each module is one tool: it builds the invocations that this product uses and parses the
//! tool's output, both without running anything. [`run`] holds the runner, with a recorder and a replayer.
//!
//! - disks: [`lsblk`], [`blkid`], [`blockdev`], [`sgdisk`], [`partx`], [`systemd_repart`], [`wipefs`], [`udevadm`],
//!   [`mount`], [`mdadm`], [`dmsetup`]
//! - encryption: [`cryptsetup`], [`systemd_cryptenroll`]
//! - pools: [`zpool`], [`zfs`], [`zdb`] for labels, [`property`] for the properties of both
//! - starting: [`bootctl`], [`systemctl`], [`systemd_run`], [`journalctl`]
//! - users, language and time: [`accounts`], [`localectl`], [`timedatectl`], [`wall`]
//! - keyboards: [`ckbcomp`], [`loadkeys`], [`setupcon`], [`gsettings`]
//! - the program itself, as a process of fewer rights: [`oneself`]
//! - readers of files that are written elsewhere: [`nmcli`], [`ssh_keygen`], [`sshd`], [`visudo`]

pub mod accounts;
pub mod blkid;
pub mod blockdev;
pub mod bootctl;
pub mod ckbcomp;
pub mod cryptsetup;
pub mod dmsetup;
pub mod gsettings;
pub mod journalctl;
mod json;
pub mod loadkeys;
pub mod localectl;
pub mod lsblk;
pub mod mdadm;
pub mod mount;
pub mod nmcli;
pub mod oneself;
mod parse;
pub mod partx;
pub mod property;
pub mod run;
pub mod setupcon;
pub mod sgdisk;
pub mod ssh_keygen;
pub mod sshd;
pub mod systemctl;
pub mod systemd_cryptenroll;
pub mod systemd_repart;
pub mod systemd_run;
pub mod timedatectl;
pub mod udevadm;
pub mod visudo;
pub mod wall;
pub mod wipefs;
pub mod zdb;
pub mod zfs;
pub mod zpool;

pub use parse::ParseError;
