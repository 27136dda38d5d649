//! What an ISO was compared with.

use serde::Serialize;

use super::signature::Signature;

/// What an ISO was compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Checked {
    /// SHA-256 of the whole file.
    pub sha256: String,
    /// What `SHA256SUMS` says of it.
    pub sums: Sums,
    /// Whether that is signed.
    pub signature: Signature,
    /// Whether every block of the root file system has the hash that the kernel image expects.
    pub root_verified: bool,
}

/// What `SHA256SUMS` beside an ISO says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sums {
    /// The same.
    Match,
    /// Something else.
    Differ,
    /// Nothing: it lists other files only.
    NotListed,
    /// There is no such file.
    NoFile,
}

impl Checked {
    /// What the SHA-256 was compared with.
    pub fn sums_text(&self) -> &'static str {
        match self.sums {
            Sums::Match => "as SHA256SUMS says",
            Sums::Differ => "SHA256SUMS says another",
            Sums::NotListed => "SHA256SUMS beside it does not list it",
            Sums::NoFile => "no SHA256SUMS beside it to compare with",
        }
    }

    /// What the root file system was compared with.
    pub fn root_text(&self) -> &'static str {
        if self.root_verified {
            "every block has the hash that the kernel image expects"
        } else {
            "NOT what the kernel image expects"
        }
    }
}
