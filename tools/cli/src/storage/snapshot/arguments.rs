//! The command line of `sigmavault snapshot`.

use clap::{Args, Subcommand};

use crate::storage::options::{Consent, Look};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    pub(super) look: Look,
    #[command(subcommand)]
    pub(super) action: Action,
}

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// List snapshots
    List {
        /// Of this dataset; of all if it is left out
        dataset: Option<String>,
        /// Of what is below it too
        #[arg(short, long, requires = "dataset")]
        recursive: bool,
        /// Draw again on every change until Ctrl-C; with --json one document per line
        #[arg(long)]
        watch: bool,
    },
    #[command(flatten)]
    Change(Change),
}

/// What changes something.
#[derive(Debug, Subcommand)]
pub(super) enum Change {
    /// Make a snapshot
    #[command(
        after_help = "Examples:\n  sigmavault snapshot create tank/photos@before-sorting\n  sigmavault snapshot create -r \
                      tank@2026-12-01 --lock-days 30"
    )]
    Create {
        /// Its name: dataset, @, and what tells it from others
        #[arg(value_name = "DATASET@NAME", value_parser = snapshot)]
        snapshot: Snapshot,
        /// Of what is below too, all at the same time
        #[arg(short, long)]
        recursive: bool,
        /// Let nobody but the console destroy it for so many days
        #[arg(long, value_name = "DAYS", default_value_t = 0)]
        lock_days: u32,
        #[command(flatten)]
        consent: Consent,
    },
    /// Destroy snapshots
    Destroy {
        /// The snapshots
        #[arg(value_name = "DATASET@NAME", required = true, value_parser = snapshot)]
        snapshots: Vec<Snapshot>,
        #[command(flatten)]
        consent: Consent,
    },
    /// Keep a snapshot from being destroyed
    Hold(Hold),
    /// Take a hold away
    Release(Hold),
    /// Give a dataset back the contents of a snapshot; what came after it is lost
    Rollback {
        /// The snapshot
        #[arg(value_name = "DATASET@NAME", value_parser = snapshot)]
        snapshot: Snapshot,
        #[command(flatten)]
        consent: Consent,
    },
    /// Make a dataset of the contents of a snapshot
    Clone {
        /// The snapshot
        #[arg(value_name = "DATASET@NAME", value_parser = snapshot)]
        snapshot: Snapshot,
        /// The name of the dataset, the pool's first
        name: String,
        #[command(flatten)]
        consent: Consent,
    },
}

#[derive(Debug, Args)]
pub(super) struct Hold {
    /// The snapshot
    #[arg(value_name = "DATASET@NAME", value_parser = snapshot)]
    pub(super) snapshot: Snapshot,
    /// The name of the hold
    #[arg(value_name = "HOLD")]
    pub(super) tag: String,
    #[command(flatten)]
    pub(super) consent: Consent,
}

/// The name of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Snapshot {
    /// The dataset.
    pub(super) dataset: String,
    /// What stands behind the `@`.
    pub(super) tag: String,
}

impl Snapshot {
    pub(super) fn name(&self) -> String {
        format!("{}@{}", self.dataset, self.tag)
    }
}

fn snapshot(text: &str) -> Result<Snapshot, String> {
    let parts = text
        .split_once('@')
        .filter(|(dataset, tag)| !dataset.is_empty() && !tag.is_empty());
    let (dataset, tag) =
        parts.ok_or_else(|| format!("'{text}' is no snapshot, such as tank/photos@monday"))?;
    Ok(Snapshot {
        dataset: dataset.to_owned(),
        tag: tag.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_of_a_dataset() {
        let parsed = snapshot("tank/a b@-x").unwrap();
        assert_eq!((parsed.dataset.as_str(), parsed.tag.as_str()), ("tank/a b", "-x"));
        assert_eq!(parsed.name(), "tank/a b@-x");
        for text in ["", "tank", "@a", "tank@"] {
            assert_eq!(
                snapshot(text),
                Err(format!("'{text}' is no snapshot, such as tank/photos@monday"))
            );
        }
    }
}
