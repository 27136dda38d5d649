//! The signature of `SHA256SUMS`, which `build --sign-key` writes beside it (OpenSSH's PROTOCOL.sshsig).

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use sigmavault_host::run::{Run, RunError};
use sigmavault_host::ssh_keygen;

use super::flaw::Flaw;

/// What a signature is for: `ssh-keygen` uses this name for files.
pub const NAMESPACE: &str = "file";

/// Where the signature of a file is.
pub fn beside(file: &Path) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(".sig");
    name.into()
}

/// What is known of the signature of `SHA256SUMS`. Keys are named by kind and fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signature {
    /// There is none.
    None,
    /// It is by a key that is trusted.
    Trusted {
        /// The key.
        key: String,
    },
    /// It fits the file, and nothing says whether its key is the right one.
    AnyKey {
        /// The key.
        key: String,
    },
    /// There is one, and it was not checked.
    Unchecked {
        /// Why.
        reason: String,
    },
    /// There is one, and it is wrong.
    Wrong,
}

impl Signature {
    /// What is known, for a person.
    pub fn text(&self) -> String {
        match self {
            Self::None => "none".to_owned(),
            Self::Trusted { key } => format!("SHA256SUMS is signed by {key}, as --verify-key says"),
            Self::AnyKey { key } => {
                format!("SHA256SUMS is signed by {key}: whose key that is was NOT checked (--verify-key)")
            }
            Self::Unchecked { reason } => format!("SHA256SUMS is signed, and that was NOT checked: {reason}"),
            Self::Wrong => "WRONG".to_owned(),
        }
    }
}

/// Checks the signature beside a list with this text, by the keys in a file when one is given. With keys, nothing but a
/// signature by one of them is good.
pub fn check(
    run: &dyn Run,
    list: &Path,
    text: &str,
    keys: Option<&Path>,
) -> io::Result<Result<Signature, Flaw>> {
    let signature = beside(list);
    if !signature.try_exists()? {
        return Ok(match keys {
            Some(keys) => Err(Flaw::Unsigned {
                keys: keys.to_owned(),
            }),
            None => Ok(Signature::None),
        });
    }
    let Some(keys) = keys else {
        return Ok(
            match run.text(&ssh_keygen::check_signature(NAMESPACE, &signature, text)) {
                Ok(said) => Ok(Signature::AnyKey { key: signer(&said) }),
                Err(RunError::Start { source, .. }) => Ok(Signature::Unchecked {
                    reason: format!("ssh-keygen does not run here ({source})"),
                }),
                Err(error) => Err(Flaw::Signature {
                    said: error.last_words(),
                }),
            },
        );
    };
    let signers = signers(&fs::read_to_string(keys)?)?;
    let ask = ssh_keygen::verify(NAMESPACE, SIGNER, signers.path(), &signature, text);
    Ok(match run.text(&ask) {
        Ok(said) => Ok(Signature::Trusted { key: signer(&said) }),
        Err(RunError::Start { source, .. }) => Err(Flaw::NoVerifier(source.to_string())),
        Err(error) => Err(Flaw::OtherKey {
            keys: keys.to_owned(),
            said: error.last_words(),
        }),
    })
}

/// Under which name the trusted keys are listed.
const SIGNER: &str = "release";

/// Public keys, one a line, as a list of who may sign (`allowed_signers`, ssh-keygen(1)).
fn signers(keys: &str) -> io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::NamedTempFile::new()?;
    let lines = keys.lines().map(str::trim);
    for key in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        writeln!(file, "{SIGNER} namespaces=\"{NAMESPACE}\" {key}")?;
    }
    file.flush()?;
    Ok(file)
}

/// The key in `Good "file" signature with ED25519 key SHA256:...`.
fn signer(said: &str) -> String {
    let line = said.lines().find(|line| line.starts_with("Good "));
    let key = line.and_then(|line| Some(line.rsplit_once(" with ")?.1));
    key.unwrap_or("a key that ssh-keygen does not name").to_owned()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use sigmavault_host::run::{Local, Output, Scripted};

    use super::*;

    #[test]
    fn the_key_is_named() {
        // Printed by OpenSSH 10.0p2.
        for said in [
            "Good \"file\" signature with ED25519 key SHA256:oJ2u\n",
            "Good \"file\" signature for release with ED25519 key SHA256:oJ2u\n",
        ] {
            assert_eq!(signer(said), "ED25519 key SHA256:oJ2u");
        }
        assert_eq!(signer("Fine"), "a key that ssh-keygen does not name");
    }

    #[test]
    fn keys_become_a_list_of_signers() {
        let file = signers("# ours\n\nssh-ed25519 AAAA release@example\r\nssh-rsa BBBB\n").unwrap();
        assert_eq!(
            fs::read_to_string(file.path()).unwrap(),
            "release namespaces=\"file\" ssh-ed25519 AAAA release@example\nrelease namespaces=\"file\" ssh-rsa BBBB\n"
        );
    }

    /// A folder with two keys, and `SHA256SUMS` signed by the first; nothing where there is no ssh-keygen.
    fn signed() -> Option<tempfile::TempDir> {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let ssh_keygen = |arguments: &[&str], file: &Path| {
            let status = Command::new("ssh-keygen").args(arguments).arg(file).status();
            status.is_ok_and(|status| status.success())
        };
        for key in ["ours", "other"] {
            if !ssh_keygen(&["-q", "-t", "ed25519", "-N", "", "-f"], &path(key)) {
                println!("skipped: no ssh-keygen");
                return None;
            }
        }
        fs::write(path("SHA256SUMS"), "00  a.iso\n").unwrap();
        let key = path("ours").display().to_string();
        let sign = ["-Y", "sign", "-q", "-n", NAMESPACE, "-f", &key];
        assert!(ssh_keygen(&sign, &path("SHA256SUMS")));
        Some(folder)
    }

    #[test]
    fn only_a_signature_by_the_key_is_good() {
        let Some(folder) = signed() else { return };
        let path = |name: &str| folder.path().join(name);
        let list = path("SHA256SUMS");
        let check = |text: &str, key: Option<&str>| {
            let key = key.map(path);
            check(&Local, &list, text, key.as_deref()).unwrap()
        };
        let text = "00  a.iso\n";
        let fingerprint = |signature| match signature {
            Ok(Signature::Trusted { key } | Signature::AnyKey { key }) => key,
            other => panic!("{other:?}"),
        };
        let ours = fingerprint(check(text, Some("ours.pub")));
        assert!(ours.starts_with("ED25519 key SHA256:"), "{ours}");
        assert_eq!(fingerprint(check(text, None)), ours);
        let flaw = |text, key| check(text, key).unwrap_err().to_string();
        let other = flaw(text, Some("other.pub"));
        assert!(other.contains("no signature by a key in "), "{other}");
        for key in [None, Some("ours.pub")] {
            let changed = flaw("01  a.iso\n", key);
            assert!(
                changed.contains("Could not verify") || changed.contains("incorrect signature"),
                "{changed}"
            );
        }
        fs::remove_file(path("SHA256SUMS.sig")).unwrap();
        assert!(matches!(check(text, None), Ok(Signature::None)));
        assert!(flaw(text, Some("ours.pub")).contains("there is no signature"));
    }

    #[test]
    fn without_a_program_it_is_said_to_be_unchecked() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("SHA256SUMS");
        fs::write(beside(&list), "").unwrap();
        let key = folder.path().join("key.pub");
        fs::write(&key, "ssh-ed25519 AAAA\n").unwrap();
        let none = Absent;
        let unchecked = check(&none, &list, "", None).unwrap().unwrap();
        assert!(
            unchecked
                .text()
                .contains("NOT checked: ssh-keygen does not run here"),
            "{unchecked:?}"
        );
        let flaw = check(&none, &list, "", Some(&key)).unwrap().unwrap_err();
        assert!(matches!(flaw, Flaw::NoVerifier(_)), "{flaw}");
        let bad = Scripted(|_: &sigmavault_host::run::Invocation| {
            Output::failure(255, "Could not verify signature.\n")
        });
        assert!(check(&bad, &list, "", None).unwrap().is_err());
    }

    /// A machine without programs.
    #[derive(Debug)]
    struct Absent;

    impl Run for Absent {
        fn run(&self, invocation: &sigmavault_host::run::Invocation) -> Result<Output, RunError> {
            Err(RunError::Start {
                invocation: Box::new(invocation.clone()),
                source: io::ErrorKind::NotFound.into(),
            })
        }
    }
}
