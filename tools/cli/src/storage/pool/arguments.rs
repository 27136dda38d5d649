//! The command line of `sigmavault pool`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use sigmavault_types::storage::{VdevClass, WantedLayout};

use crate::storage::options::{Consent, Key, Look, property};
use crate::storage::schedule::{Due, schedule_or_never};

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
    /// List pools, imported ones and those that could be
    List {
        /// Draw again on every change until Ctrl-C; with --json one document per line
        #[arg(long)]
        watch: bool,
    },
    /// Show a pool: its vdevs and disks, their errors, the scrub, damaged files, how many disks may fail
    Show {
        /// The pool: name or GUID
        pool: String,
        /// Draw again on every change until Ctrl-C; with --json one document per line
        #[arg(long)]
        watch: bool,
    },
    /// List disks and what they are used for
    Disks,
}

/// What changes something.
#[allow(clippy::doc_markdown, reason = "these comments are the help text")]
#[derive(Debug, Subcommand)]
pub(super) enum Change {
    /// Create a pool
    ///
    /// Without --layout the layout that suits the disks is taken. A disk is named by its id, its name in the kernel (sda), or a path
    /// below /dev. Disks that hold something are taken only with --erase.
    #[command(
        after_help = "Examples:\n  sigmavault pool create tank sda sdb\n  sigmavault pool create tank sda sdb sdc sdd sde sdf --layout \
                      raidz2\n  sigmavault pool create tank sda sdb --encrypt stored -o compression=zstd\n  sigmavault pool create tank \
                      sda sdb --erase sdb --dry-run"
    )]
    Create {
        /// Its name
        name: String,
        /// Its disks
        #[arg(value_name = "DISK", required = true)]
        disks: Vec<String>,
        /// How the disks are arranged
        #[arg(long, value_enum)]
        layout: Option<Layout>,
        /// Accept that one failed disk loses everything
        #[arg(long)]
        accept_no_redundancy: bool,
        /// Erase what is on this disk; can be repeated
        #[arg(long, value_name = "DISK")]
        erase: Vec<String>,
        /// Encrypt the pool
        #[arg(long, value_enum, value_name = "KEY")]
        encrypt: Option<Key>,
        /// Read the passphrase from this file, or from standard input for -
        #[arg(long, value_name = "FILE", requires = "encrypt")]
        key_file: Option<PathBuf>,
        /// Set a property of its first dataset, such as compression=zstd; can be repeated
        #[arg(short = 'o', value_name = "PROPERTY=VALUE", value_parser = property)]
        options: Vec<(String, String)>,
        #[command(flatten)]
        consent: Consent,
    },
    /// Import a pool that is attached
    Import {
        /// The pool: name or GUID
        pool: String,
        /// Give it another name
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Write nothing to it
        #[arg(long)]
        read_only: bool,
        /// Take it from another machine that did not export it and does not run any more
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        consent: Consent,
    },
    /// Export a pool, so that its disks can be taken away
    Export(OfPool),
    /// Destroy a pool and everything in it
    Destroy(OfPool),
    /// Add a group of disks to a pool
    #[command(
        after_help = "Examples:\n  sigmavault pool add tank sdc sdd\n  sigmavault pool add tank sde --class spare\n  sigmavault pool add \
                      tank nvme0n1 nvme1n1 --class special"
    )]
    Add {
        /// The pool: name or GUID
        pool: String,
        /// The disks
        #[arg(value_name = "DISK", required = true)]
        disks: Vec<String>,
        /// What they are for
        #[arg(long, value_enum, default_value_t = Class::Data)]
        class: Class,
        /// How the disks are arranged; as the pool's other groups if it is left out
        #[arg(long, value_enum)]
        layout: Option<Layout>,
        /// Accept that one failed disk loses everything
        #[arg(long)]
        accept_no_redundancy: bool,
        /// Erase what is on this disk; can be repeated
        #[arg(long, value_name = "DISK")]
        erase: Vec<String>,
        #[command(flatten)]
        consent: Consent,
    },
    /// Remove a spare, cache or log, or a mirror or single disk of data, whose data moves to the others
    Remove {
        /// The pool: name or GUID
        pool: String,
        /// What is removed: a name from `sigmavault pool show`, a GUID or a disk
        vdev: String,
        #[command(flatten)]
        consent: Consent,
    },
    /// Make a raidz one disk wider
    Expand {
        /// The pool: name or GUID
        pool: String,
        /// The raidz: a name from `sigmavault pool show` or a GUID
        vdev: String,
        /// The disk that it gets
        disk: String,
        /// Erase what is on the disk
        #[arg(long)]
        erase: bool,
        #[command(flatten)]
        consent: Consent,
    },
    /// Make a disk into a mirror, or a mirror one disk wider
    Attach {
        /// The pool: name or GUID
        pool: String,
        /// The disk or mirror that gets another copy
        to: String,
        /// The disk that is attached
        disk: String,
        /// Erase what is on the disk
        #[arg(long)]
        erase: bool,
        #[command(flatten)]
        consent: Consent,
    },
    /// Take a disk out of a mirror
    Detach(OfDevice),
    /// Put a disk in the place of another one
    Replace {
        /// The pool: name or GUID
        pool: String,
        /// What is replaced: a name from `sigmavault pool show`, a GUID or a disk
        device: String,
        /// The disk that takes its place
        disk: String,
        /// Erase what is on the disk
        #[arg(long)]
        erase: bool,
        #[command(flatten)]
        consent: Consent,
    },
    /// Take a disk out of use for a while
    Offline(OfDevice),
    /// Take a disk back into use
    Online(OfDevice),
    /// Forget errors, and let a suspended pool go on
    Clear(OfPool),
    /// Read and verify everything; a paused scrub is continued
    Scrub {
        /// The pool: name or GUID
        pool: String,
        /// Pause the scrub
        #[arg(long, group = "what")]
        pause: bool,
        /// Stop the scrub
        #[arg(long, group = "what")]
        stop: bool,
        /// Verify what is known to be damaged again
        #[arg(long, group = "what")]
        errors: bool,
        #[command(flatten)]
        consent: Consent,
    },
    /// Tell solid-state disks which blocks are free
    Trim {
        /// The pool: name or GUID
        pool: String,
        /// Stop the trim
        #[arg(long)]
        stop: bool,
        #[command(flatten)]
        consent: Consent,
    },
    /// Enable the features of this system; older systems cannot import the pool any more
    Upgrade(OfPool),
    /// Set properties of a pool, such as autotrim=on
    Set {
        /// The pool: name or GUID
        pool: String,
        /// What is set
        #[arg(value_name = "PROPERTY=VALUE", required = true, value_parser = property)]
        properties: Vec<(String, String)>,
        #[command(flatten)]
        consent: Consent,
    },
    /// Set when a pool is scrubbed and trimmed
    ///
    /// A schedule is hour[@MINUTE], day[@HOUR:MINUTE], week[:DAY][@HOUR], month[:DAY][@HOUR] or never, by the time zone of the
    /// machine. What is not named stays as it is.
    #[command(
        after_help = "Examples:\n  sigmavault pool schedule tank --scrub monthly --trim week:sunday@3\n  sigmavault pool schedule \
                      tank --trim never"
    )]
    Schedule {
        /// The pool: name or GUID
        pool: String,
        /// When it is scrubbed
        #[arg(long, value_name = "SCHEDULE", value_parser = schedule_or_never, required_unless_present = "trim")]
        scrub: Option<Due>,
        /// When its disks are trimmed
        #[arg(long, value_name = "SCHEDULE", value_parser = schedule_or_never)]
        trim: Option<Due>,
        #[command(flatten)]
        consent: Consent,
    },
}

#[derive(Debug, Args)]
pub(super) struct OfPool {
    /// The pool: name or GUID
    pub(super) pool: String,
    #[command(flatten)]
    pub(super) consent: Consent,
}

#[derive(Debug, Args)]
pub(super) struct OfDevice {
    /// The pool: name or GUID
    pub(super) pool: String,
    /// The disk: a name from `sigmavault pool show`, a GUID or a disk
    pub(super) device: String,
    #[command(flatten)]
    pub(super) consent: Consent,
}

/// How disks are arranged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Layout {
    /// One disk: errors are found, not corrected
    Single,
    /// Every disk holds the same data
    Mirror,
    /// Pairs of mirrored disks, striped
    Mirrors,
    /// One disk may fail
    Raidz1,
    /// Two disks may fail
    Raidz2,
    /// Three disks may fail
    Raidz3,
    /// Parity and spare space on every disk: two disks of a group may fail
    Draid,
    /// No redundancy: one failed disk takes everything with it
    Stripe,
}

impl Layout {
    pub(super) const fn wanted(self) -> WantedLayout {
        match self {
            Self::Single => WantedLayout::Single,
            Self::Mirror => WantedLayout::Mirror,
            Self::Mirrors => WantedLayout::Mirrors,
            Self::Raidz1 => WantedLayout::Raidz1,
            Self::Raidz2 => WantedLayout::Raidz2,
            Self::Raidz3 => WantedLayout::Raidz3,
            Self::Draid => WantedLayout::Draid,
            Self::Stripe => WantedLayout::Stripe,
        }
    }
}

/// What disks are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Class {
    /// Data
    Data,
    /// Metadata and small blocks; losing it loses the pool
    Special,
    /// Tables of deduplication; losing it loses the pool
    Dedup,
    /// The intent log of synchronous writes
    Log,
    /// Copies of what is read often
    Cache,
    /// Waits to replace a disk that fails
    Spare,
}

impl Class {
    pub(super) const fn of_vdev(self) -> VdevClass {
        match self {
            Self::Data => VdevClass::Data,
            Self::Special => VdevClass::Special,
            Self::Dedup => VdevClass::Dedup,
            Self::Log => VdevClass::Log,
            Self::Cache => VdevClass::Cache,
            Self::Spare => VdevClass::Spare,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layout_has_the_name_that_it_has_on_the_wire() {
        let here: Vec<(String, WantedLayout)> = Layout::value_variants()
            .iter()
            .filter_map(|layout| Some((layout.to_possible_value()?.get_name().to_owned(), layout.wanted())))
            .collect();
        let wire: Vec<(String, WantedLayout)> = WantedLayout::ALL
            .iter()
            .map(|layout| (layout.name().to_owned(), *layout))
            .collect();
        assert_eq!(here, wire);
    }
}
