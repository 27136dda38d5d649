//! What can be wrong with the content of an ISO.

use std::path::PathBuf;

use sigmavault_verity::tree::VerityError;

use super::kernel::KernelFlaw;

/// What is wrong with the content of an ISO.
#[derive(Debug, thiserror::Error)]
pub enum Flaw {
    /// `SHA256SUMS` has another checksum.
    #[error("its SHA-256 is {found}, but SHA256SUMS says {expected}; copy or download it again")]
    Sum {
        /// Of the file.
        found: String,
        /// In `SHA256SUMS`.
        expected: String,
    },
    /// The signature is not of this list.
    #[error("the signature beside SHA256SUMS is not of it: {said}; copy or download both again")]
    Signature {
        /// What ssh-keygen said.
        said: String,
    },
    /// The signature is not by a key that is trusted.
    #[error(
        "SHA256SUMS has no signature by a key in {}: {said}; it may be from somebody else: download it again from where the key is from",
        keys.display()
    )]
    OtherKey {
        /// File with the keys.
        keys: PathBuf,
        /// What ssh-keygen said.
        said: String,
    },
    /// A signature was asked for, and there is none.
    #[error("there is no signature by a key in {}: put the SHA256SUMS that lists it and SHA256SUMS.sig beside it", keys.display())]
    Unsigned {
        /// File with the keys.
        keys: PathBuf,
    },
    /// A signature was asked for, and cannot be checked.
    #[error(
        "the signature of SHA256SUMS cannot be checked: ssh-keygen does not run here ({0}); install openssh-client"
    )]
    NoVerifier(String),
    /// The kernel image and its root hash.
    #[error(transparent)]
    Kernel(#[from] KernelFlaw),
    /// The kernel image is another build's.
    #[error(
        "its kernel image expects the root hash {kernel}, its manifest says {manifest}; build or download it again"
    )]
    OtherRoot {
        /// In the kernel image.
        kernel: String,
        /// In the manifest.
        manifest: String,
    },
    /// The root file system is not the one that the kernel image expects.
    #[error(
        "its root file system is not the one that its kernel image expects: {0}; copy or download it again"
    )]
    Root(VerityError),
}
