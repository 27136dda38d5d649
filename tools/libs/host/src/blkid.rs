//! blkid(8): signatures on a device, read from the device itself.

use crate::run::{Invocation, Output};

/// Reads the signatures of a device.
pub fn probe(device: &str) -> Invocation {
    Invocation::new("blkid").args(["-p", "-o", "export", device])
}

/// The exit code for signatures of several kinds.
const AMBIVALENT: i32 = 8;

/// What stands on a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probed {
    /// Nothing that is known, or it cannot be read.
    Nothing,
    /// Signatures of several kinds.
    Ambivalent,
    /// One kind of content, a partition table, or both.
    Found(Signature),
}

/// What one device holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signature {
    /// Kind of file system, or of membership.
    pub kind: Option<String>,
    /// Its label.
    pub label: Option<String>,
    /// Kind of partition table.
    pub table: Option<String>,
}

/// What [`probe`] found.
pub fn probed(output: &Output) -> Probed {
    match output.status.code() {
        Some(0) => Probed::Found(signature(&output.text())),
        Some(AMBIVALENT) => Probed::Ambivalent,
        _ => Probed::Nothing,
    }
}

/// Parses `NAME=value` lines, in which a backslash stands before special characters.
fn signature(export: &str) -> Signature {
    let value = |name: &str| {
        let line = export
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        let mut plain = String::new();
        let mut letters = line.chars();
        while let Some(letter) = letters.next() {
            plain.extend(if letter == '\\' {
                letters.next()
            } else {
                Some(letter)
            });
        }
        Some(plain.trim().to_owned()).filter(|text| !text.is_empty())
    };
    Signature {
        kind: value("TYPE"),
        label: value("LABEL"),
        table: value("PTTYPE"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn signatures() {
        let found = |kind: Option<&str>, label: Option<&str>, table: Option<&str>| {
            Probed::Found(Signature {
                kind: kind.map(str::to_owned),
                label: label.map(str::to_owned),
                table: table.map(str::to_owned),
            })
        };
        let ext4 = "DEVNAME=/dev/loop0\nLABEL=ke\\ ep\\\"x\nBLOCK_SIZE=1024\nTYPE=ext4\nUSAGE=filesystem\n";
        for (output, probed) in [
            (Output::success(ext4), found(Some("ext4"), Some("ke ep\"x"), None)),
            (
                Output::success("PTTYPE=gpt\nPTUUID=1\n"),
                found(None, None, Some("gpt")),
            ),
            (Output::success(""), found(None, None, None)),
            (Output::failure(8, ""), Probed::Ambivalent),
            (Output::failure(2, ""), Probed::Nothing),
        ] {
            assert_eq!(super::probed(&output), probed);
        }
        assert_eq!(probe("/dev/sda").quoted(), "blkid -p -o export /dev/sda");
    }

    proptest! {
        #[test]
        fn no_output_panics(text in "((TYPE|LABEL)=|\\\\|\\PC|\n){0,40}") {
            let _ = signature(&text);
        }
    }
}
