//! The kernel image on the EFI system partition, and the root hash that its command line carries.

use sigmavault_facts::kernel;
use sigmavault_verity::kernel_image::{self, KernelImageError};
use sigmavault_verity::source::ReadAt;
use sigmavault_verity::tree;

use crate::fat32::{Fat32, FatError};

/// Where kernel images are (UAPI.1, Boot Loader Specification).
const FOLDER: &str = "EFI/Linux";

/// Why the root hash cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum KernelFlaw {
    /// A partition is not there.
    #[error("it has no partitions for its kernel image and its root file system; build or download it again")]
    NoPartition,
    /// The EFI system partition is damaged.
    #[error("of its EFI system partition: {0}; copy or download it again")]
    Partition(#[from] FatError),
    /// None, or several.
    #[error(
        "there are {0} kernel images in /EFI/Linux of its EFI system partition, and one belongs there; build it again"
    )]
    Count(usize),
    /// The kernel image is damaged.
    #[error("of the kernel image {name}: {source}; copy or download it again")]
    Image {
        /// Its name.
        name: String,
        /// What is wrong with it.
        source: KernelImageError,
    },
    /// The kernel image starts any root.
    #[error("the command line of the kernel image {name} has no root hash (roothash=); build it again")]
    NoRootHash {
        /// Its name.
        name: String,
    },
}

/// The root hash that a kernel image expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootHash {
    /// Its digits.
    pub text: String,
    /// Its bytes.
    pub hash: [u8; 32],
}

/// The root hash of the one kernel image on this EFI system partition.
pub fn root_hash(esp: &(impl ReadAt + ?Sized)) -> Result<RootHash, KernelFlaw> {
    let volume = Fat32::open(esp)?;
    let mut images = volume.folder(FOLDER)?;
    images.retain(|entry| !entry.folder && entry.name.to_ascii_lowercase().ends_with(".efi"));
    let [image] = &images[..] else {
        return Err(KernelFlaw::Count(images.len()));
    };
    let content = volume.content(image)?;
    let line = kernel_image::command_line(&content).map_err(|source| KernelFlaw::Image {
        name: image.name.clone(),
        source,
    })?;
    parse(&line).ok_or_else(|| KernelFlaw::NoRootHash {
        name: image.name.clone(),
    })
}

/// The root hash that a kernel command line names.
pub fn parse(line: &str) -> Option<RootHash> {
    let text = kernel::argument(line, "roothash").unwrap_or_default();
    let hash = tree::parse_root_hash(&text)?;
    Some(RootHash { text, hash })
}
