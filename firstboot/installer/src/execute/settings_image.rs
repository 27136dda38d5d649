//! What the firmware of a Raspberry Pi gives to the initrd beside the initrd itself (`settings.img`): an archive that the
//! kernel unpacks over it (Linux, "initramfs buffer format"); pure.
//!
//! On UEFI machines the kernel image's stub makes the same files of `loader/credentials` (systemd-stub(7)).

/// Folders of the keymap, from the outside in, and its name.
const FOLDERS: [&str; 2] = [".extra", ".extra/global_credentials"];
const KEYMAP: &str = ".extra/global_credentials/sigmavault.keymap.cred";
/// Whatever follows it must begin at a multiple of this.
const ALIGNMENT: usize = 512;

/// The archive with a keymap, or the empty one.
pub fn archive(keymap: Option<&str>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(keymap) = keymap {
        for (number, folder) in (1..).zip(FOLDERS) {
            entry(&mut bytes, number, 0o040_555, folder, b"");
        }
        entry(&mut bytes, 3, 0o100_444, KEYMAP, keymap.as_bytes());
    }
    entry(&mut bytes, 0, 0, "TRAILER!!!", b"");
    bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
    bytes
}

/// Adds a file or folder: a header of eight-digit hexadecimal numbers, the name and the contents, each at a multiple of
/// four bytes.
fn entry(archive: &mut Vec<u8>, number: usize, mode: usize, name: &str, contents: &[u8]) {
    let folder = mode & 0o040_000 != 0;
    let links = if folder { 2 } else { 1 };
    let fields = [
        number,
        mode,
        0,
        0,
        links,
        0,
        contents.len(),
        0,
        0,
        0,
        0,
        name.len() + 1,
        0,
    ];
    archive.extend(b"070701");
    for field in fields {
        archive.extend(format!("{field:08x}").bytes());
    }
    archive.extend(name.bytes().chain([0]));
    align(archive);
    archive.extend(contents);
    align(archive);
}

fn align(archive: &mut Vec<u8>) {
    archive.resize(archive.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Names, modes and contents of an archive, as the kernel reads it.
    fn unpack(archive: &[u8]) -> Vec<(String, usize, Vec<u8>)> {
        let mut found = Vec::new();
        let mut at = 0;
        loop {
            assert_eq!(&archive[at..at + 6], b"070701");
            let field = |index: usize| {
                let digits = &archive[at + 6 + index * 8..][..8];
                usize::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap()
            };
            let (mode, bytes, name) = (field(1), field(6), field(11));
            let text = std::str::from_utf8(&archive[at + 110..][..name - 1])
                .unwrap()
                .to_owned();
            let contents = (at + 110 + name).next_multiple_of(4);
            if text == "TRAILER!!!" {
                assert!(archive[contents..].iter().all(|byte| *byte == 0));
                return found;
            }
            found.push((text, mode, archive[contents..][..bytes].to_vec()));
            at = (contents + bytes).next_multiple_of(4);
        }
    }

    #[test]
    fn an_empty_archive() {
        let bytes = archive(None);
        assert_eq!(bytes.len(), 512);
        assert_eq!(unpack(&bytes), []);
    }

    proptest! {
        #[test]
        fn a_keymap_is_unpacked(keymap in "[a-zä\\n]{0,600}") {
            let bytes = archive(Some(&keymap));
            prop_assert_eq!(bytes.len() % 512, 0);
            prop_assert_eq!(unpack(&bytes), [
                (".extra".to_owned(), 0o040_555, Vec::new()),
                (".extra/global_credentials".to_owned(), 0o040_555, Vec::new()),
                (KEYMAP.to_owned(), 0o100_444, keymap.into_bytes()),
            ]);
        }
    }
}
