//! The command line of `sigmavault dataset`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use nix::unistd::{Group, User};
use sigmavault_types::storage::Owner;

use crate::storage::options::{Consent, Key, Look, property};
use crate::storage::size::{limit, size};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    pub(super) look: Look,
    #[command(subcommand)]
    pub(super) action: Action,
}

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    #[command(flatten)]
    View(View),
    #[command(flatten)]
    Change(Change),
}

/// What only shows something.
#[derive(Debug, Subcommand)]
pub(super) enum View {
    /// List datasets
    List {
        /// Only this one and what is below it
        dataset: Option<String>,
    },
    /// Show a dataset: space, mount point, key, properties
    Show {
        /// The dataset
        dataset: String,
    },
}

/// What changes something.
#[derive(Debug, Subcommand)]
pub(super) enum Change {
    /// Create a file system, or a volume with --volume
    #[command(
        after_help = "Examples:\n  sigmavault dataset create tank/photos\n  sigmavault dataset create tank/vm --volume 100G --sparse\n  \
                      sigmavault dataset create tank/private --encrypt passphrase -o quota=50G"
    )]
    Create {
        /// Its name, the pool's first
        name: String,
        /// Create a volume of this size, such as 100G; binary units
        #[arg(long, value_name = "SIZE", value_parser = size)]
        volume: Option<u64>,
        /// Take the space of the volume only as it is written
        #[arg(long, requires = "volume")]
        sparse: bool,
        /// Encrypt it
        #[arg(long, value_enum, value_name = "KEY")]
        encrypt: Option<Key>,
        /// Read the passphrase from this file, or from standard input for -
        #[arg(long, value_name = "FILE", requires = "encrypt")]
        key_file: Option<PathBuf>,
        /// Set a property, such as compression=zstd; can be repeated
        #[arg(short = 'o', value_name = "PROPERTY=VALUE", value_parser = property)]
        options: Vec<(String, String)>,
        #[command(flatten)]
        consent: Consent,
    },
    /// Give a dataset another name in its pool
    Rename {
        /// The dataset
        dataset: String,
        /// Its new name, the pool's first
        to: String,
        #[command(flatten)]
        consent: Consent,
    },
    /// Destroy a dataset, what is below it and all snapshots of these
    Destroy(OfDataset),
    /// Set properties, such as compression=zstd or quota=10G
    #[command(
        after_help = "Examples:\n  sigmavault dataset set tank/photos compression=zstd recordsize=1M\n  sigmavault dataset set tank/home \
                      quota=none\n  sigmavault dataset set tank/vm volsize=200G"
    )]
    Set {
        /// The dataset
        dataset: String,
        /// What is set
        #[arg(value_name = "PROPERTY=VALUE", required = true, value_parser = property)]
        properties: Vec<(String, String)>,
        #[command(flatten)]
        consent: Consent,
    },
    /// Take the value of a property from further up again
    Inherit {
        /// The dataset
        dataset: String,
        /// The property
        property: String,
        #[command(flatten)]
        consent: Consent,
    },
    /// Limit what the files of a user or a group take
    #[command(
        after_help = "Examples:\n  sigmavault dataset quota tank/home user:alice 50G\n  sigmavault dataset quota tank/home group:1000 none"
    )]
    Quota {
        /// The file system
        dataset: String,
        /// Whose files count: user:NAME, user:ID, group:NAME or group:ID
        #[arg(value_name = "OWNER", value_parser = owner)]
        owner: Owner,
        /// The limit, such as 50G, or none
        #[arg(value_name = "SIZE", value_parser = limit)]
        bytes: u64,
        #[command(flatten)]
        consent: Consent,
    },
    /// Load the key of a dataset and mount what it opens
    Unlock {
        /// The dataset
        dataset: String,
        /// Read the passphrase from this file, or from standard input for -
        #[arg(long, value_name = "FILE")]
        key_file: Option<PathBuf>,
        #[command(flatten)]
        consent: Consent,
    },
    /// Unmount what the key of a dataset opens, and unload it
    Lock(OfDataset),
    /// Set another key; what is there is not encrypted anew
    #[command(name = "change-key")]
    Rekey {
        /// The dataset
        dataset: String,
        /// Where the new key comes from
        #[arg(value_enum)]
        key: Key,
        /// Read the new passphrase from this file, or from standard input for -
        #[arg(long, value_name = "FILE")]
        key_file: Option<PathBuf>,
        #[command(flatten)]
        consent: Consent,
    },
    /// Make a clone independent, and what it was cloned from a clone of it
    Promote(OfDataset),
}

#[derive(Debug, Args)]
pub(super) struct OfDataset {
    /// The dataset
    pub(super) dataset: String,
    #[command(flatten)]
    pub(super) consent: Consent,
}

/// A user or a group, by name or number.
fn owner(text: &str) -> Result<Owner, String> {
    let form = || format!("'{text}' is no owner: write user:NAME, user:ID, group:NAME or group:ID");
    let (kind, name) = text.split_once(':').ok_or_else(form)?;
    let number = name
        .parse::<u32>()
        .ok()
        .filter(|_| name.bytes().all(|byte| byte.is_ascii_digit()));
    match (kind, number) {
        ("user", Some(id)) => Ok(Owner::User(id)),
        ("group", Some(id)) => Ok(Owner::Group(id)),
        ("user", None) => match User::from_name(name) {
            Ok(Some(user)) => Ok(Owner::User(user.uid.as_raw())),
            _ => Err(format!("there is no user '{name}'; see: getent passwd")),
        },
        ("group", None) => match Group::from_name(name) {
            Ok(Some(group)) => Ok(Owner::Group(group.gid.as_raw())),
            _ => Err(format!("there is no group '{name}'; see: getent group")),
        },
        _ => Err(form()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners() {
        assert_eq!(owner("user:1000"), Ok(Owner::User(1000)));
        assert_eq!(owner("group:0"), Ok(Owner::Group(0)));
        assert_eq!(owner("user:root"), Ok(Owner::User(0)));
        assert_eq!(owner("group:root"), Ok(Owner::Group(0)));
        for text in ["", "alice", "owner:1"] {
            assert_eq!(
                owner(text),
                Err(format!(
                    "'{text}' is no owner: write user:NAME, user:ID, group:NAME or group:ID"
                ))
            );
        }
        assert_eq!(
            owner("user:+1"),
            Err("there is no user '+1'; see: getent passwd".to_owned())
        );
    }
}
