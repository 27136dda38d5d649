//! EFI variables of the boot loader interface (<https://systemd.io/BOOT_LOADER_INTERFACE>).

use crate::files::Files;

/// Vendor GUID of the boot loader interface.
const VENDOR: &str = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";

/// The entry that was started, such as `sigmavault-a.conf`, or `sigmavault-a+3.conf` with the counter before this start.
pub fn selected_entry(files: &Files) -> Option<String> {
    read(files, "LoaderEntrySelected")
}

/// The file of the entry that was started, such as `/loader/entries/sigmavault-a+2-1.conf`; `None` when this boot is
/// not counted.
pub fn counted_entry(files: &Files) -> Option<String> {
    // An unreadable variable still means that the boot is counted.
    let path = path("LoaderBootCountPath");
    files.exists(&path).then(|| {
        read(files, "LoaderBootCountPath")
            .unwrap_or_default()
            .replace('\\', "/")
    })
}

fn path(name: &str) -> String {
    format!("/sys/firmware/efi/efivars/{name}-{VENDOR}")
}

fn read(files: &Files, name: &str) -> Option<String> {
    text(&files.bytes(path(name)).ok()?)
}

/// The text of a variable: four bytes of attributes, then UTF-16 up to the first zero.
pub fn text(bytes: &[u8]) -> Option<String> {
    let units: Vec<u16> = bytes
        .get(4..)?
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .take_while(|&unit| unit != 0)
        .collect();
    String::from_utf16(&units).ok().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        let units = text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes);
        [6, 0, 0, 0].into_iter().chain(units).collect()
    }

    #[test]
    fn text_is_utf16_after_the_attributes() {
        assert_eq!(
            text(&bytes("sigmavault-a.conf")).as_deref(),
            Some("sigmavault-a.conf")
        );
        assert_eq!(text(&bytes("")), None);
        assert_eq!(text(&[6, 0]), None);
        assert_eq!(text(&[6, 0, 0, 0, 0x00, 0xd8]), None);
    }

    #[test]
    fn a_boot_is_counted_when_the_variable_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(folder.path());
        assert_eq!(counted_entry(&files), None);
        let path = files.path(path("LoaderBootCountPath"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes("\\loader\\entries\\sigmavault-a+2-1.conf")).unwrap();
        assert_eq!(
            counted_entry(&files).as_deref(),
            Some("/loader/entries/sigmavault-a+2-1.conf")
        );
        std::fs::write(&path, [7]).unwrap();
        assert_eq!(counted_entry(&files).as_deref(), Some(""));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            text(&bytes);
        }

        #[test]
        fn text_round_trips(wanted in "[^\\x00]{1,30}") {
            prop_assert_eq!(text(&bytes(&wanted)), Some(wanted));
        }
    }
}
