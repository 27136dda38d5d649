//! The stages, in the order in which they need each other: [`tools`], [`packages`] (ours, of [`workspace`] and [`crates`]), [`zfs`],
//! [`base`] and [`initrd`] (Debian's), [`root`] with its [`checks`], [`boot`], [`iso`]; for Raspberry Pis [`tryboot`],
//! [`boot_partitions`] and [`disk_image`].

pub mod base;
pub mod boot;
pub mod boot_partitions;
pub mod checks;
pub mod crates;
pub mod deb;
pub mod disk_image;
pub mod image_file;
pub mod initrd;
pub mod iso;
pub mod packages;
pub mod root;
pub mod tools;
pub mod tryboot;
pub mod workspace;
pub mod zfs;
