//! Whether a file is a kernel that the firmware can start.

/// Why a file is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAKernel {
    /// A program for UEFI with a compressed kernel in it (`CONFIG_EFI_ZBOOT`), which unpacks itself by UEFI's services.
    #[error("it is a compressed EFI program; take the kernel's `Image`")]
    EfiZboot,
    /// Neither an ARM64 image nor one compressed by gzip.
    #[error("it is no ARM64 kernel image")]
    Other,
}

/// Checks a kernel: an ARM64 image (Linux, Documentation/arch/arm64/booting.rst) or a gzip archive, which the firmware knows by
/// its first bytes.
pub fn check(bytes: &[u8]) -> Result<(), NotAKernel> {
    let at = |place: usize, wanted: &[u8]| bytes.get(place..).is_some_and(|rest| rest.starts_with(wanted));
    if at(56, b"ARM\x64") || at(0, &[0x1F, 0x8B]) {
        Ok(())
    } else if at(0, b"MZ\0\0zimg") {
        Err(NotAKernel::EfiZboot)
    } else {
        Err(NotAKernel::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        let mut image = vec![0; 64];
        image[56..60].copy_from_slice(b"ARM\x64");
        assert_eq!(check(&image), Ok(()));
        assert_eq!(check(b"\x1f\x8b\x08"), Ok(()));
        assert_eq!(check(b"MZ\0\0zimg\0"), Err(NotAKernel::EfiZboot));
        assert_eq!(check(b""), Err(NotAKernel::Other));
        assert_eq!(check(b"MZ plain EFI program"), Err(NotAKernel::Other));
    }
}
