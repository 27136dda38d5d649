//! Unified kernel images (UAPI.5): PE files (Microsoft PE/COFF specification) whose sections hold the kernel, its initrd
//! and its command line.

use std::io;

use crate::source::ReadAt;

/// Name of the section with the command line.
const COMMAND_LINE: &[u8; 8] = b".cmdline";
/// Largest command line that is read; the kernel takes 2 KiB on x86.
const COMMAND_LINE_MAX: u32 = 64 << 10;
/// Most sections that a PE image may have.
const SECTIONS_MAX: u16 = 96;
/// Bytes of an entry in the section table.
const ENTRY: usize = 40;

/// Why a file's command line cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum KernelImageError {
    /// It cannot be read.
    #[error("it cannot be read at byte {at}: {source}")]
    Read {
        /// Where.
        at: u64,
        /// Why not.
        source: io::Error,
    },
    /// Not a PE file.
    #[error("it is not an EFI program")]
    NotPe,
    /// More sections than there can be.
    #[error("its number of sections is impossible")]
    Sections,
    /// A program, but not a kernel image.
    #[error("it carries no kernel command line")]
    NoCommandLine,
    /// The command line is too long, or not text.
    #[error("its kernel command line is not text of at most 64 KiB")]
    NotText,
}

/// The kernel command line that an image carries.
pub fn command_line(image: &(impl ReadAt + ?Sized)) -> Result<String, KernelImageError> {
    let start: [u8; 64] = read(image, 0)?;
    if !start.starts_with(b"MZ") {
        return Err(KernelImageError::NotPe);
    }
    let header_at = u64::from(u32_at(&start, 60));
    let header: [u8; 24] = read(image, header_at)?;
    if !header.starts_with(b"PE\0\0") {
        return Err(KernelImageError::NotPe);
    }
    let count = u16_at(&header, 6);
    if count > SECTIONS_MAX {
        return Err(KernelImageError::Sections);
    }
    let table_at = header_at + header.len() as u64 + u64::from(u16_at(&header, 20));
    for nth in 0..u64::from(count) {
        let entry: [u8; ENTRY] = read(image, table_at + nth * ENTRY as u64)?;
        if entry.starts_with(COMMAND_LINE) {
            // On disk a section is padded; its size in memory is that of the text.
            let len = u32_at(&entry, 8).min(u32_at(&entry, 16));
            return text(image, u64::from(u32_at(&entry, 20)), len);
        }
    }
    Err(KernelImageError::NoCommandLine)
}

fn text(image: &(impl ReadAt + ?Sized), at: u64, len: u32) -> Result<String, KernelImageError> {
    if len > COMMAND_LINE_MAX {
        return Err(KernelImageError::NotText);
    }
    let mut bytes = vec![0; len as usize];
    image
        .read_exact_at(&mut bytes, at)
        .map_err(|source| KernelImageError::Read { at, source })?;
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    let text = std::str::from_utf8(text).map_err(|_| KernelImageError::NotText)?;
    Ok(text.trim().to_owned())
}

fn read<const N: usize>(image: &(impl ReadAt + ?Sized), at: u64) -> Result<[u8; N], KernelImageError> {
    let mut bytes = [0; N];
    image
        .read_exact_at(&mut bytes, at)
        .map_err(|source| match source.kind() {
            // What ends before its headers is no program.
            io::ErrorKind::UnexpectedEof => KernelImageError::NotPe,
            _ => KernelImageError::Read { at, source },
        })?;
    Ok(bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .map_or(0, |bytes| u16::from_le_bytes(*bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An image with these sections, written from the specification.
    fn image(sections: &[(&[u8; 8], &[u8])]) -> Vec<u8> {
        let mut file = vec![0; 0x80];
        file[..2].copy_from_slice(b"MZ");
        file[60..64].copy_from_slice(&0x80_u32.to_le_bytes());
        file.extend(b"PE\0\0\x64\x86");
        file.extend(u16::try_from(sections.len()).unwrap().to_le_bytes());
        file.extend([0; 12]);
        // An optional header of 240 bytes, as 64-bit programs have.
        file.extend(240_u16.to_le_bytes());
        file.resize(file.len() + 2 + 240, 0);
        let mut data = Vec::new();
        let data_at = (file.len() + sections.len() * ENTRY).next_multiple_of(512);
        for (name, bytes) in sections {
            let at = u32::try_from(data_at + data.len()).unwrap();
            data.extend(*bytes);
            data.resize(data.len().next_multiple_of(512), 0);
            let on_disk = u32::try_from(bytes.len().next_multiple_of(512)).unwrap();
            file.extend(*name);
            for number in [u32::try_from(bytes.len()).unwrap(), 0x1000, on_disk, at] {
                file.extend(number.to_le_bytes());
            }
            file.extend([0; 16]);
        }
        file.resize(data_at, 0);
        file.extend(data);
        file
    }

    #[test]
    fn the_command_line_is_found_among_the_sections() {
        let file = image(&[
            (b".linux\0\0", &[0x90; 700]),
            (b".cmdline", b"roothash=ab quiet\n"),
            (b".initrd\0", b"x"),
        ]);
        assert_eq!(command_line(&file[..]).unwrap(), "roothash=ab quiet");
    }

    #[test]
    fn other_files_are_told_apart() {
        let cases: [(&[u8], &str); 4] = [
            (b"", "it is not an EFI program"),
            (&[0; 4096], "it is not an EFI program"),
            (
                &image(&[(b".text\0\0\0", b"x")]),
                "it carries no kernel command line",
            ),
            (
                &image(&[(b".cmdline", b"\xff")]),
                "its kernel command line is not text of at most 64 KiB",
            ),
        ];
        for (file, expected) in cases {
            assert_eq!(command_line(file).unwrap_err().to_string(), expected);
        }
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(changes in proptest::collection::vec((0_usize..600, any::<u8>()), 0..20), cut in 0_usize..1200) {
            let mut file = image(&[(b".cmdline", b"roothash=ab")]);
            for (at, value) in changes {
                if let Some(byte) = file.get_mut(at) {
                    *byte = value;
                }
            }
            file.truncate(file.len().saturating_sub(cut));
            let _ = command_line(&file[..]);
        }
    }
}
