//! The boot loader in the flash memory of a Raspberry Pi.
//!
//! Those from before October 2022 know the one-shot flag in another way: they read `tryboot.txt` instead of `config.txt`, do not
//! look into the section `[tryboot]` of `autoboot.txt`, and start nothing.

use std::time::{Duration, UNIX_EPOCH};

use sigmavault_facts::Files;
use sigmavault_facts::time::timestamp;

/// When it was built: big-endian seconds since 1970.
const BUILT: &str = "/proc/device-tree/chosen/bootloader/build-timestamp";
/// The first second of October 2022.
const OLDEST: u32 = 1_664_582_400;

/// The day on which a boot loader was built that knows no tries; `None` if it knows them, or does not tell.
pub fn too_old(files: &Files) -> Option<String> {
    let bytes: [u8; 4] = files.bytes(BUILT).ok()?.try_into().ok()?;
    let built = u32::from_be_bytes(bytes);
    let time = UNIX_EPOCH + Duration::from_secs(u64::from(built));
    (built < OLDEST).then(|| timestamp(time).chars().take(10).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boot_loaders_since_october_2022_know_tries() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(folder.path());
        assert_eq!(too_old(&files), None);
        let path = files.path(BUILT);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        for (bytes, expected) in [
            (&OLDEST.to_be_bytes()[..], None),
            (&(OLDEST - 1).to_be_bytes(), Some("2022-09-30")),
            (&0_u32.to_be_bytes(), Some("1970-01-01")),
            (&u32::MAX.to_be_bytes(), None),
            (&[0; 3], None),
            (&[], None),
        ] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(too_old(&files).as_deref(), expected);
        }
    }
}
