//! Passphrases: typed without being shown, or read from a file. They are never arguments, which every process can read.

use std::fs::File;
use std::io::{self, BufRead, IsTerminal as _, Read, Write as _};
use std::path::{Path, PathBuf};

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use sigmavault_storage_core::Secret;
use sigmavault_types::storage::{Encryption, KeySource, Request};

/// Bytes of a passphrase (zfsprops(7), `keyformat`).
const SHORTEST: usize = 8;
const LONGEST: usize = 512;

/// Why there is no passphrase.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Nobody can type it.
    #[error(
        "nobody is there to type the passphrase: name a file that holds it, --key-file FILE, or --key-file - for standard input"
    )]
    NobodyThere,
    /// The file cannot be read.
    #[error("cannot read the passphrase from {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The terminal failed.
    #[error("cannot read the passphrase: {0}")]
    Terminal(#[from] io::Error),
    /// Ctrl-C.
    #[error("no passphrase was typed")]
    Cancelled,
    /// The second one differs.
    #[error("the passphrases differ: try again")]
    Differ,
    /// It is too short or too long.
    #[error("a passphrase has {SHORTEST} to {LONGEST} bytes, and this one has {0}")]
    Length(usize),
    /// A line break is in it.
    #[error("the passphrase has more than one line: ZFS takes one")]
    Lines,
    /// It is not wanted.
    #[error("this takes no passphrase: the key of {0} is kept by this machine; leave --key-file out")]
    NotWanted(String),
}

/// A passphrase that a change takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// It is set: it is typed twice.
    New,
    /// It opens what is there.
    Known,
}

/// The passphrase that a change takes, if any.
pub fn wanted(request: &Request) -> Option<Wanted> {
    match request {
        Request::PoolCreate { encryption, .. } | Request::DatasetCreate { encryption, .. } => {
            let typed = |one: &Encryption| one.key == KeySource::Passphrase;
            encryption.as_ref().filter(|one| typed(one)).map(|_| Wanted::New)
        }
        Request::DatasetRekey { key, .. } => (*key == KeySource::Passphrase).then_some(Wanted::New),
        Request::DatasetUnlock { key, .. } => (*key == KeySource::Passphrase).then_some(Wanted::Known),
        _ => None,
    }
}

/// The passphrase, from a file, from standard input for `-`, or typed.
pub fn read(wanted: Wanted, file: Option<&Path>) -> Result<Secret, SecretError> {
    let passphrase = match file {
        Some(path) => from_file(path)?,
        None if !io::stdin().is_terminal() => return Err(SecretError::NobodyThere),
        None => {
            let once = typed("Passphrase: ")?;
            if wanted == Wanted::New {
                check(&once)?;
                if typed("The same again: ")? != once {
                    return Err(SecretError::Differ);
                }
            }
            once
        }
    };
    check(&passphrase)?;
    Ok(Secret(passphrase))
}

fn check(passphrase: &[u8]) -> Result<(), SecretError> {
    if passphrase.contains(&b'\n') {
        return Err(SecretError::Lines);
    }
    if (SHORTEST..=LONGEST).contains(&passphrase.len()) {
        Ok(())
    } else {
        Err(SecretError::Length(passphrase.len()))
    }
}

/// What is in a file, without the line break at its end.
fn from_file(path: &Path) -> Result<Vec<u8>, SecretError> {
    let source: io::Result<Box<dyn Read>> = if path == Path::new("-") {
        Ok(Box::new(io::stdin()))
    } else {
        File::open(path).map(|file| Box::new(file) as Box<dyn Read>)
    };
    let mut bytes = Vec::new();
    // One more than fits, with the line break: what is longer is refused, not cut.
    let most = LONGEST as u64 + 2;
    source
        .and_then(|source| source.take(most).read_to_end(&mut bytes))
        .map_err(|source| SecretError::File {
            path: path.to_owned(),
            source,
        })?;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    Ok(bytes)
}

/// The terminal as it was, when this is dropped.
struct Silence(Termios);

impl Silence {
    /// Shows nothing that is typed, and hands over each character, Ctrl-C too: otherwise it would leave the terminal silent.
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent
            .local_flags
            .remove(LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG);
        tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &silent)?;
        Ok(Self(before))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &self.0);
    }
}

fn typed(question: &str) -> Result<Vec<u8>, SecretError> {
    let silence = Silence::begin()?;
    let mut out = io::stderr();
    write!(out, "{question}")?;
    out.flush()?;
    let line = line(&mut io::stdin().lock());
    drop(silence);
    writeln!(out)?;
    line
}

/// A line of what is typed on a terminal that hands over each character.
fn line(input: &mut dyn BufRead) -> Result<Vec<u8>, SecretError> {
    let mut line = Vec::new();
    for byte in input.bytes() {
        match byte? {
            // Ctrl-C, and Ctrl-\.
            3 | 28 => return Err(SecretError::Cancelled),
            // Ctrl-D ends a line, and an empty one ends everything.
            4 if line.is_empty() => return Err(SecretError::Cancelled),
            b'\n' | b'\r' | 4 => return Ok(line),
            // Ctrl-U.
            21 => line.clear(),
            // Backspace takes a whole character.
            8 | 127 => while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {},
            byte => line.push(byte),
        }
    }
    Err(SecretError::Cancelled)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_line_can_be_corrected() {
        for (typed, expected) in [
            ("correct horse\n", Some("correct horse")),
            ("wrong\u{15}right\r", Some("right")),
            ("aä\u{7f}b\u{8}c\n", Some("ac")),
            ("\u{7f}\u{7f}a\n", Some("a")),
            ("a\u{4}", Some("a")),
            ("\u{4}", None),
            ("secret\u{3}\n", None),
            ("no end", None),
        ] {
            let line = line(&mut typed.as_bytes()).ok();
            assert_eq!(line.as_deref(), expected.map(str::as_bytes), "{typed:?}");
        }
    }

    #[test]
    fn files_hold_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        for (text, expected) in [
            ("correct horse\n".to_owned(), Ok("correct horse")),
            ("correct horse".to_owned(), Ok("correct horse")),
            (
                "short\n".to_owned(),
                Err("a passphrase has 8 to 512 bytes, and this one has 5"),
            ),
            (
                "a".repeat(600),
                Err("a passphrase has 8 to 512 bytes, and this one has 514"),
            ),
            (
                "correct\nhorse\n".to_owned(),
                Err("the passphrase has more than one line: ZFS takes one"),
            ),
        ] {
            fs::write(&path, &text).unwrap();
            let read = read(Wanted::New, Some(&path)).map_err(|error| error.to_string());
            let expected = expected
                .map(|key| Secret(key.as_bytes().to_vec()))
                .map_err(str::to_owned);
            assert_eq!(read, expected, "{text:?}");
        }
        fs::write(&path, "a".repeat(512) + "\n").unwrap();
        assert!(read(Wanted::Known, Some(&path)).is_ok());
    }
}
