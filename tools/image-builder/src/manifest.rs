//! The manifest: what an image is, written once by the build and read by everything after it.
//!
//! It stands in the ISO 9660 tree as `/sigmavault/manifest.json`, beside the ISO as `NAME.manifest.json`,
//! and is what `inspect` prints and `smoke` compares the booted machine with.

use serde::{Deserialize, Serialize};

/// Where the manifest stands in the ISO 9660 tree.
pub const PATH_ON_ISO: &str = "/sigmavault/manifest.json";

/// Everything the build knows of one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Manifest {
    /// Version of this format; readers refuse one they do not know.
    pub schema: u32,
    /// Product version, `X.Y.Z`.
    pub version: String,
    /// Profile the image was built from.
    pub profile: String,
    /// `none` or `gnome`.
    pub desktop: String,
    /// Debian architecture name.
    pub arch: String,
    /// ISO 9660 volume id, by which the initrd finds the medium.
    pub volume_id: String,
    /// dm-verity root hash of the root file system, 64 hexadecimal digits.
    pub root_hash: String,
    /// Seconds since the epoch to which every time stamp in the image is clamped.
    pub source_date_epoch: u64,
    /// Kernel release, as `uname -r` prints it.
    pub kernel: String,
    /// Version of the ZFS module.
    pub zfs: String,
    /// Size in bytes of each part.
    pub sizes: Sizes,
    /// Every Debian package in the root, sorted by name.
    pub packages: Vec<Package>,
}

/// Sizes in bytes of the parts of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Sizes {
    /// EFI system partition; the slot's boot partition in the image of a disk.
    pub esp: u64,
    /// Unified kernel image; the initrd in the image of a disk.
    pub uki: u64,
    /// Root file system (erofs).
    pub root: u64,
    /// dm-verity tree of the root.
    pub verity: u64,
}

/// One Debian package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Package {
    /// Binary package name.
    pub name: String,
    /// Debian version.
    pub version: String,
    /// Debian architecture, or `all`.
    pub arch: String,
    /// SHA-256 of the .deb, 64 hexadecimal digits.
    pub sha256: String,
}
