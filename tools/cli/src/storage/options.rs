//! Options that the commands on storage share.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use sigmavault_types::storage::{Encryption, KeySource};

use super::size::size;

/// Where to look, and how to print.
#[derive(Debug, Args)]
pub struct Look {
    /// Print JSON
    #[arg(long, global = true, display_order = 200)]
    pub json: bool,
    /// Work on the simulated machine in this file instead of this machine; no rights are needed
    #[arg(long, value_name = "FILE", global = true, display_order = 201)]
    pub simulate: Option<PathBuf>,
}

/// How a change is approved.
#[derive(Debug, Args)]
pub struct Consent {
    /// Only show the plan: what would be done, touched and lost
    #[arg(long, conflicts_with_all = ["yes", "confirm"])]
    pub dry_run: bool,
    /// Do not ask, unless something is destroyed (R4)
    #[arg(long)]
    pub yes: bool,
    /// Approve that something is destroyed (R4), without a question: the name that the plan says
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub confirm: Option<String>,
}

/// Where a key comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Key {
    /// A passphrase of 8 to 512 bytes, typed at each start
    Passphrase,
    /// A random key that this machine keeps, so that it opens at each start
    Stored,
}

impl Key {
    pub const fn source(self) -> KeySource {
        match self {
            Self::Passphrase => KeySource::Passphrase,
            Self::Stored => KeySource::Stored,
        }
    }

    pub const fn encryption(self) -> Encryption {
        Encryption { key: self.source() }
    }
}

/// A property and its value, such as `compression=zstd`. Values that are bytes take binary units.
pub fn property(text: &str) -> Result<(String, String), String> {
    /// Properties whose values are bytes.
    const BYTES: [&str; 6] = [
        "quota",
        "recordsize",
        "refquota",
        "refreservation",
        "reservation",
        "volsize",
    ];
    let (name, value) = text
        .split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or_else(|| format!("'{text}' is no property with a value, such as compression=zstd"))?;
    let value = if BYTES.contains(&name) && value != "none" {
        size(value)?.to_string()
    } else {
        value.to_owned()
    };
    Ok((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties() {
        let pair = |name: &str, value: &str| Ok((name.to_owned(), value.to_owned()));
        for (text, expected) in [
            ("compression=zstd", pair("compression", "zstd")),
            ("quota=10G", pair("quota", "10737418240")),
            ("quota=none", pair("quota", "none")),
            ("recordsize=1M", pair("recordsize", "1048576")),
            ("com.example:note=a=b", pair("com.example:note", "a=b")),
            ("com.example:note=", pair("com.example:note", "")),
        ] {
            assert_eq!(property(text), expected, "{text}");
        }
        for text in ["", "quota", "=1"] {
            assert_eq!(
                property(text),
                Err(format!(
                    "'{text}' is no property with a value, such as compression=zstd"
                ))
            );
        }
        assert!(property("quota=much").is_err());
    }
}
