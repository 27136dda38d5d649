//! The stages, in the order in which they need each other: [`tools`], [`packages`] (ours, of [`workspace`] and [`crates`]), [`zfs`],
//! [`base`] and [`initrd`] (Debian's), [`root`] with its [`checks`], [`boot`], [`iso`].

pub mod base;
pub mod boot;
pub mod checks;
pub mod crates;
pub mod deb;
pub mod initrd;
pub mod iso;
pub mod packages;
pub mod root;
pub mod tools;
pub mod workspace;
pub mod zfs;
