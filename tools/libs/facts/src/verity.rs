//! Whether the root file system is verified by dm-verity.

use sigmavault_types::system::RootState;

use crate::files::Files;
use crate::kernel;

/// Combines the root hash from the kernel's command line with the verity device that systemd-veritysetup-generator
/// creates from it, which is always named `root`.
pub fn root_state(files: &Files) -> RootState {
    let cmdline = files.text("/proc/cmdline").unwrap_or_default();
    let root_hash = kernel::argument(&cmdline, "roothash").filter(|hash| is_hash(hash));
    let active = has_verity_root(files);
    let (verified, detail) = match (&root_hash, active) {
        (Some(_), true) => (
            true,
            "every block of the root file system is checked against the root hash",
        ),
        (Some(_), false) => (
            false,
            "the kernel was given a root hash, but no verity device named root is active",
        ),
        (None, true) => (
            false,
            "a verity device named root is active, but the kernel's command line has no roothash=",
        ),
        (None, false) => (false, "the kernel's command line has no roothash="),
    };
    RootState {
        verified,
        root_hash,
        detail: detail.to_owned(),
    }
}

fn has_verity_root(files: &Files) -> bool {
    files
        .names("/sys/block")
        .unwrap_or_default()
        .iter()
        .filter(|name| name.starts_with("dm-"))
        .any(|name| {
            let of = |attribute| files.attribute(format!("/sys/block/{name}/dm/{attribute}"));
            of("name").as_deref() == Some("root")
                && of("uuid").is_some_and(|uuid| uuid.starts_with("CRYPT-VERITY-"))
        })
}

fn is_hash(text: &str) -> bool {
    (32..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const HASH: &str = "5b1ab0d0eb26c4e3a1a4ff0a1f6de2c17d5a2bc93b9e3bb1d2be57d7e0e1fd02";

    fn state(cmdline: &str, dm: Option<(&str, &str)>) -> (bool, Option<String>) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("proc")).unwrap();
        fs::write(folder.path().join("proc/cmdline"), cmdline).unwrap();
        if let Some((name, uuid)) = dm {
            let device = folder.path().join("sys/block/dm-0/dm");
            fs::create_dir_all(&device).unwrap();
            fs::write(device.join("name"), name).unwrap();
            fs::write(device.join("uuid"), uuid).unwrap();
        }
        let state = root_state(&Files::new(folder.path()));
        (state.verified, state.root_hash)
    }

    #[test]
    fn verified_needs_the_hash_and_the_device() {
        let with = format!("root=/dev/mapper/root roothash={HASH} quiet\n");
        let verity = Some(("root\n", "CRYPT-VERITY-0011-root\n"));
        assert_eq!(state(&with, verity), (true, Some(HASH.into())));
        assert_eq!(state(&with, None), (false, Some(HASH.into())));
        assert_eq!(
            state(&with, Some(("root\n", "CRYPT-LUKS2-0011-root\n"))),
            (false, Some(HASH.into()))
        );
        assert_eq!(
            state(&with, Some(("usr\n", "CRYPT-VERITY-0011-usr\n"))),
            (false, Some(HASH.into()))
        );
        assert_eq!(state("quiet\n", verity), (false, None));
        assert_eq!(state("roothash=nonsense\n", verity), (false, None));
    }
}
