//! Answers that were left for a machine are an order for one installation: the medium may stay in its drive, and the
//! machine may start from it again.
//!
//! The installation leaves a [`Mark`] on the disk's EFI system partition, with the [`Fingerprint`] of its answers.
//! [`decide`] compares it with the answers of a later start.

use std::fmt::{self, Write as _};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::answers::{self, Answers};
use crate::machine::{Contents, Disk, Machine};

/// What tells answers from others: SHA-256 of their text without its passwords. The mark is not encrypted, and with a
/// fast hash over them whoever has the disk could try passwords quickly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// Of the text of an answer file.
    pub fn of(text: &str) -> Self {
        let mut hash = Sha256::new();
        for part in answers::without_secrets(text) {
            hash.update(part);
        }
        let mut digits = String::with_capacity(64);
        for byte in hash.finalize() {
            // Writing to a string does not fail.
            let _ = write!(digits, "{byte:02x}");
        }
        Self(digits)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an installation by answers leaves on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The answers.
    pub answers: Fingerprint,
    /// Root hash of the system that they installed.
    pub root_hash: String,
}

const ANSWERS: &str = "answers ";
const ROOT_HASH: &str = "root-hash ";

impl Mark {
    /// The text of its file.
    pub fn text(&self) -> String {
        format!("{ANSWERS}{}\n{ROOT_HASH}{}\n", self.answers, self.root_hash)
    }

    /// Reads the text of its file; nothing where it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let value = |key: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(key))?.trim_end();
            let hash = value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
            hash.then(|| value.to_ascii_lowercase())
        };
        Some(Self {
            answers: Fingerprint(value(ANSWERS)?),
            root_hash: value(ROOT_HASH)?,
        })
    }
}

/// How answers came to the installer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// They were left for the machine, which finds them at each start.
    Left,
    /// A person named them now.
    Named,
}

/// Answers as an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// How they came.
    pub given: Given,
    /// Which they are.
    pub answers: Fingerprint,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Install.
    Install,
    /// Nothing: these answers have installed the disk already.
    Done(Mark),
}

/// Decides by the mark on the disk.
pub fn decide(order: &Order, mark: Option<Mark>) -> Decision {
    match (order.given, mark) {
        (Given::Left, Some(mark)) if mark.answers == order.answers => Decision::Done(mark),
        (Given::Left | Given::Named, _) => Decision::Install,
    }
}

/// The disk that answers name, if a whole installation is on it and nothing uses it. Whatever else stands against the
/// answers is said by the plan.
pub fn installed<'a>(machine: &'a Machine, answers: &Answers) -> Option<&'a Disk> {
    let disk = answers.system.disk.choose(&machine.candidates()).ok()?;
    let whole = matches!(&disk.contents, Contents::SigmaVault(installed) if installed.complete);
    (whole && disk.in_use.is_none()).then_some(disk)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::Scenario;

    fn mark(text: &str) -> Mark {
        Mark {
            answers: Fingerprint::of(text),
            root_hash: "0a".repeat(32),
        }
    }

    #[test]
    fn answers_that_were_left_install_once() {
        let table = [
            (Given::Left, None, Decision::Install),
            (Given::Left, Some("a = 1"), Decision::Done(mark("a = 1"))),
            (Given::Left, Some("a = 1 # again"), Decision::Install),
            (Given::Named, None, Decision::Install),
            (Given::Named, Some("a = 1"), Decision::Install),
            (Given::Named, Some("a = 2"), Decision::Install),
        ];
        for (given, left, expected) in table {
            let order = Order {
                given,
                answers: Fingerprint::of("a = 1"),
            };
            assert_eq!(decide(&order, left.map(mark)), expected, "{given:?} {left:?}");
        }
    }

    #[test]
    fn a_mark_is_read_back() {
        let mark = mark("a = 1");
        assert_eq!(Mark::parse(&mark.text()), Some(mark.clone()));
        assert_eq!(
            Mark::parse(&mark.text().replace('\n', "\r\n")),
            Some(mark.clone())
        );
        let whole = mark.text();
        for end in 0..whole.len() - 1 {
            assert_eq!(Mark::parse(&whole[..end]), None, "{end}");
        }
        assert_eq!(Mark::parse(&whole.replace("answers ", "answers x")), None);
    }

    #[test]
    fn passwords_do_not_count() {
        let with = |password: &str| format!("# nas\n[user]\nname = 'ada'\npassword = '{password}' # mine\n");
        assert_eq!(
            Fingerprint::of(&with("correct horse")),
            Fingerprint::of(&with("x"))
        );
        assert_ne!(
            Fingerprint::of(&with("x")),
            Fingerprint::of(&with("x").replace("ada", "eve"))
        );
        assert_ne!(
            Fingerprint::of(&with("x")),
            Fingerprint::of(&with("x").replace("nas", "again"))
        );
        // SHA-256 of the text between the passwords, as sha256sum prints it.
        assert_eq!(
            Fingerprint::of("a = 1\n").to_string(),
            "cb78bd8a17f7b751fe0d4663366dcbc257204033ef7ddd64b1f2969573b5b2e2"
        );
    }

    #[test]
    fn the_disk_must_hold_a_whole_installation() {
        let answers = answers::parse("[system]\ndisk.serial = 'S5GXNX0R401382F'\n").unwrap();
        let name =
            |scenario: Scenario| installed(&scenario.machine(), &answers).map(|disk| disk.name.clone());
        assert_eq!(name(Scenario::Empty), None);
        assert_eq!(name(Scenario::HalfDone), None);
        assert_eq!(name(Scenario::Reinstall).as_deref(), Some("nvme0n1"));
        let other = answers::parse("[system]\ndisk.bus = 'sata'\n").unwrap();
        assert_eq!(installed(&Scenario::Reinstall.machine(), &other), None);
    }
}
