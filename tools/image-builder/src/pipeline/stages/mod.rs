//! The stages, in the order in which they need each other: [`tools`], [`packages`] (ours), [`zfs`],
//! [`base`] and [`initrd`] (Debian's), [`root`], [`boot`], [`iso`].

pub mod base;
pub mod boot;
pub mod deb;
pub mod initrd;
pub mod iso;
pub mod packages;
pub mod root;
pub mod tools;
pub mod zfs;
