//! The ISO before it boots: whether it is whole, and what its manifest says it is.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use super::error::Error;
use super::tools::{Share, ToolsTree};
use crate::manifest::{Manifest, PATH_ON_ISO};

/// Bytes at the start of an ISO that tell how long it must be.
const HEAD: usize = 32 * 1024 + 2048;
/// Version of the manifest that this program reads.
const SCHEMA: u32 = 1;

/// Checks that the file is an ISO and as long as its own headers say; returns its length in bytes.
pub fn whole(path: &Path) -> Result<u64, Error> {
    let iso = |source| Error::Iso {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(iso)?;
    let have = file.metadata().map_err(iso)?.len();
    let mut head = Vec::with_capacity(HEAD);
    file.take(HEAD as u64).read_to_end(&mut head).map_err(iso)?;
    let length = promised(&head).map_err(|what| Error::NotAnIso {
        path: path.to_owned(),
        what,
    })?;
    match length.into_iter().max_by_key(|(want, _)| *want) {
        Some((want, by)) if have < want => Err(Error::Truncated {
            path: path.to_owned(),
            have,
            want,
            by,
        }),
        _ => Ok(have),
    }
}

/// The lengths in bytes that the headers promise, and which header does.
fn promised(head: &[u8]) -> Result<Vec<(u64, &'static str)>, &'static str> {
    // ECMA-119, 8.4: the primary volume descriptor in sector 16, its space in sectors at 80.
    let descriptor = head
        .get(16 * 2048..HEAD)
        .ok_or("it is shorter than an ISO 9660 header")?;
    if !descriptor.starts_with(b"\x01CD001") {
        return Err("it has no ISO 9660 volume descriptor");
    }
    let mut lengths = vec![(little_endian::<4>(descriptor, 80) * 2048, "ISO 9660 header")];
    // UEFI, 5.3.2: the GPT header in sector 1, its backup's sector at 32.
    let gpt = &head[512..1024];
    if gpt.starts_with(b"EFI PART") {
        let backup = little_endian::<8>(gpt, 32);
        lengths.push((backup.saturating_add(1).saturating_mul(512), "partition table"));
    }
    Ok(lengths)
}

fn little_endian<const N: usize>(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + N]
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Reads the manifest out of the ISO.
pub fn manifest_of(iso: &Path, tools: &ToolsTree, work: &Path) -> Result<Manifest, Error> {
    let wrong = |what: String| Error::Manifest {
        path: iso.to_owned(),
        what,
    };
    let copy = work.join("manifest.json");
    let output = tools
        .command("xorriso", &[Share::Read(iso), Share::Write(work)])
        .map_err(Error::io("read", &tools.root))?
        .args(["-report_about", "FAILURE", "-osirrox", "on", "-indev"])
        .arg(iso)
        .args(["-extract", PATH_ON_ISO])
        .arg(&copy)
        .output()
        .map_err(Error::io("run", Path::new("bwrap")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(wrong(format!("{PATH_ON_ISO} cannot be read: {}", said.trim())));
    }
    let text = fs::read_to_string(&copy).map_err(Error::io("read", &copy))?;
    let manifest: Manifest = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    if manifest.schema != SCHEMA {
        return Err(wrong(format!(
            "its version is {}, this program reads {SCHEMA}",
            manifest.schema
        )));
    }
    Ok(manifest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head(sectors: u32, backup: Option<u64>) -> Vec<u8> {
        let mut head = vec![0; HEAD];
        head[16 * 2048..][..6].copy_from_slice(b"\x01CD001");
        head[16 * 2048 + 80..][..4].copy_from_slice(&sectors.to_le_bytes());
        if let Some(backup) = backup {
            head[512..520].copy_from_slice(b"EFI PART");
            head[512 + 32..][..8].copy_from_slice(&backup.to_le_bytes());
        }
        head
    }

    fn judged(bytes: &[u8]) -> Result<u64, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.iso");
        fs::write(&path, bytes).unwrap();
        whole(&path).map_err(|error| error.to_string().replace(path.to_str().unwrap(), "A"))
    }

    #[test]
    fn lengths_are_compared() {
        let length = HEAD as u64;
        assert_eq!(judged(&head(17, None)), Ok(length));
        assert_eq!(judged(&head(17, Some(length / 512 - 1))), Ok(length));
        let sentence = |want: u64, by| {
            format!(
                "A is truncated: it has {length} bytes where its {by} promises {want}; copy or build it again"
            )
        };
        assert_eq!(
            judged(&head(18, None)),
            Err(sentence(length + 2048, "ISO 9660 header"))
        );
        assert_eq!(
            judged(&head(17, Some(length / 512))),
            Err(sentence(length + 512, "partition table"))
        );
    }

    #[test]
    fn other_files_are_refused() {
        assert_eq!(
            judged(b"text"),
            Err("A is not an ISO image: it is shorter than an ISO 9660 header".into())
        );
        assert_eq!(
            judged(&vec![0; HEAD]),
            Err("A is not an ISO image: it has no ISO 9660 volume descriptor".into())
        );
        let missing = whole(Path::new("/no/such.iso")).unwrap_err().to_string();
        assert!(
            missing.starts_with("cannot read the ISO /no/such.iso: No such file"),
            "{missing}"
        );
    }

    proptest! {
        #[test]
        fn any_head_is_judged(bytes in proptest::collection::vec(any::<u8>(), 1024), backup: u64) {
            let mut head = head(1, Some(backup));
            head[1024..2048].copy_from_slice(&bytes);
            prop_assert!(promised(&head).is_ok());
        }
    }
}
