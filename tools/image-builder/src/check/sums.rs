//! `SHA256SUMS`, as sha256sum(1) writes and reads it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Name of the file with the checksums.
pub const NAME: &str = "SHA256SUMS";

/// What a list of checksums says of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listed {
    /// This.
    As(Entry),
    /// Nothing.
    NotListed,
    /// There is no list.
    NoFile,
}

/// What a list says of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its SHA-256.
    pub sum: String,
    /// The list.
    pub list: PathBuf,
    /// The text of the list.
    pub text: String,
}

/// What the list beside a file says of it. A link is looked up by its own name first, then by that of its target.
pub fn beside(file: &Path) -> io::Result<Listed> {
    let mut found = Listed::NoFile;
    for file in [file.to_owned(), file.canonicalize()?] {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let list = file.with_file_name(NAME);
        match fs::read_to_string(&list) {
            Ok(text) => match sum(&text, &name) {
                Some(sum) => return Ok(Listed::As(Entry { sum, list, text })),
                None => found = Listed::NotListed,
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// The SHA-256 of the file with this name: the word before two blanks, or a blank and a star, and its name.
fn sum(text: &str, name: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (sum, rest) = line.split_once(' ')?;
        let listed = rest.strip_prefix([' ', '*'])?;
        let listed = listed.strip_prefix("./").unwrap_or(listed).trim_end();
        let is_sum = sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_hexdigit());
        (listed == name && is_sum).then(|| sum.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_in_the_list() {
        let (a, b) = ("0a".repeat(32), "0b".repeat(32));
        let text = format!("{a}  a.iso\r\n{b} *./b.iso\nxx  c.iso\n# text\n");
        assert_eq!(sum(&text, "a.iso"), Some(a));
        assert_eq!(sum(&text, "b.iso"), Some(b));
        for name in ["c.iso", "iso", "d.iso", ""] {
            assert_eq!(sum(&text, name), None, "{name}");
        }
    }

    #[test]
    fn a_link_is_looked_up_by_both_names() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("a.iso"), folder.path().join("latest.iso"));
        fs::write(&file, "x").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(beside(&link).unwrap(), Listed::NoFile);
        let list = folder.path().join(NAME);
        fs::write(&list, "").unwrap();
        assert_eq!(beside(&link).unwrap(), Listed::NotListed);
        let text = format!("{}  a.iso\n", "0a".repeat(32));
        fs::write(&list, &text).unwrap();
        let sum = "0a".repeat(32);
        let list = folder.path().canonicalize().unwrap().join(NAME);
        assert_eq!(beside(&link).unwrap(), Listed::As(Entry { sum, list, text }));
    }
}
