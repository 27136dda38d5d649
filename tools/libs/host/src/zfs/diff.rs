//! What has changed since a snapshot: zfs-diff(8).

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use super::command::zfs;
use crate::run::Invocation;

/// Compares a snapshot with a later one, or with the file system as it is. The file system is mounted meanwhile.
pub fn diff(snapshot: &str, with: Option<&str>) -> Invocation {
    zfs("diff").args(["-H", "-F", "-t", "--", snapshot]).args(with)
}

/// What has happened to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// Its contents or metadata are others.
    Modified,
    /// It has another name.
    Renamed(PathBuf),
}

/// A file that has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What has happened.
    pub what: What,
    /// Its path, below where the file system is mounted now; the old one of a file that was renamed.
    pub path: PathBuf,
    /// Its kind, as ZFS marks it: `F` file, `/` folder, `@` link, `B`, `C` devices, `|` pipe, `=` socket, `>` door, `P` port.
    pub kind: char,
    /// When its metadata changed last, in Unix seconds; nanoseconds behind.
    pub changed: (u64, u32),
}

/// What [`diff`] printed. Lines that are not understood are left out.
pub fn parse(text: &str) -> Vec<Change> {
    text.lines().filter_map(change).collect()
}

fn change(line: &str) -> Option<Change> {
    let mut words = line.split('\t');
    let (seconds, nanoseconds) = words.next()?.split_once('.')?;
    let mark = words.next()?;
    let kind = words.next()?.chars().next()?;
    let path = unescape(words.next()?);
    let what = match (mark, words.next()) {
        ("+", _) => What::Added,
        ("-", _) => What::Removed,
        ("M", _) => What::Modified,
        ("R", Some(to)) => What::Renamed(unescape(to)),
        _ => return None,
    };
    Some(Change {
        what,
        path,
        kind,
        changed: (seconds.parse().ok()?, nanoseconds.parse().ok()?),
    })
}

/// A path as ZFS prints it: a backslash, a 0 and three octal digits stand for a byte that is a space, a backslash, a control
/// character, or not ASCII.
fn unescape(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let byte = after
            .get(..4)
            .filter(|digits| *first == b'\\' && digits[0] == b'0')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match byte {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[4..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}
