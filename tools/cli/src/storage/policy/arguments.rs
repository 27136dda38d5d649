//! The command line of `sigmavault policy`.

use clap::{Args, Subcommand};
use sigmavault_types::storage::Schedule;

use crate::storage::options::{Consent, Look};
use crate::storage::schedule::schedule;

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
    /// List policies of snapshots
    List,
    /// Show a policy
    Show {
        /// The policy
        policy: String,
    },
}

/// What changes something.
#[derive(Debug, Subcommand)]
pub(super) enum Change {
    /// Create a policy, or change what is named of one
    ///
    /// A policy makes snapshots on a schedule, and destroys those of its own that it no longer keeps. A schedule is hour[@MINUTE],
    /// day[@HOUR:MINUTE], week[:DAY][@HOUR] or month[:DAY][@HOUR], by the time zone of the machine. Of each of the last so many
    /// hours, days, weeks, months and years that have a snapshot, the newest one is kept.
    #[command(
        after_help = "Examples:\n  sigmavault policy set daily --datasets tank/home,tank/photos --recursive --every day@3:15 --daily 14 \
                      --weekly 8\n  sigmavault policy set daily --lock-days 7\n  sigmavault policy set daily --pause"
    )]
    Set(Box<Set>),
    /// Remove a policy; its snapshots stay
    Remove(OfPolicy),
    /// Make the snapshots of a policy now, and destroy those that it no longer keeps
    Run(OfPolicy),
}

#[allow(
    clippy::struct_excessive_bools,
    reason = "each is an option of the command line"
)]
#[derive(Debug, Args)]
pub(super) struct Set {
    /// Its name: letters, digits, - and _
    pub(super) policy: String,
    /// The datasets that it is for, separated by commas
    #[arg(long, value_name = "DATASET", value_delimiter = ',')]
    pub(super) datasets: Option<Vec<String>>,
    /// Include what is below them
    #[arg(long)]
    pub(super) recursive: bool,
    /// Leave out what is below them
    #[arg(long, conflicts_with = "recursive")]
    pub(super) not_recursive: bool,
    /// Datasets below them that are left out, separated by commas
    #[arg(long, value_name = "DATASET", value_delimiter = ',')]
    pub(super) except: Option<Vec<String>>,
    /// When snapshots are made, such as day@3:15
    #[arg(long, value_name = "SCHEDULE", value_parser = schedule)]
    pub(super) every: Option<Schedule>,
    /// Hours of which a snapshot is kept
    #[arg(long, value_name = "NUMBER")]
    pub(super) hourly: Option<u32>,
    /// Days of which a snapshot is kept
    #[arg(long, value_name = "NUMBER")]
    pub(super) daily: Option<u32>,
    /// Weeks of which a snapshot is kept
    #[arg(long, value_name = "NUMBER")]
    pub(super) weekly: Option<u32>,
    /// Months of which a snapshot is kept
    #[arg(long, value_name = "NUMBER")]
    pub(super) monthly: Option<u32>,
    /// Years of which a snapshot is kept
    #[arg(long, value_name = "NUMBER")]
    pub(super) yearly: Option<u32>,
    /// Let nobody but the console destroy its snapshots for so many days
    #[arg(long, value_name = "DAYS")]
    pub(super) lock_days: Option<u32>,
    /// Make no snapshots until it is resumed
    #[arg(long)]
    pub(super) pause: bool,
    /// Make snapshots again
    #[arg(long, conflicts_with = "pause")]
    pub(super) resume: bool,
    #[command(flatten)]
    pub(super) consent: Consent,
}

#[derive(Debug, Args)]
pub(super) struct OfPolicy {
    /// The policy
    pub(super) policy: String,
    #[command(flatten)]
    pub(super) consent: Consent,
}
