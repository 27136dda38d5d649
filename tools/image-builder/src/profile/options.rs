//! Options of the `profiles` command.
#![allow(clippy::doc_markdown, reason = "these comments are the help text")]

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::values::{BootFirmware, Desktop};

/// `profiles`.
#[derive(Debug, Clone, Args)]
pub struct ProfilesArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: ProfilesAction,
}

/// What `profiles` does.
#[derive(Debug, Clone, Subcommand)]
pub enum ProfilesAction {
    /// List every profile
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show a profile with its parents merged in, and where each value was set
    Show {
        /// The profile
        name: String,
        /// Output format
        #[arg(long, value_enum, default_value_t = ShowFormat::Text)]
        format: ShowFormat,
        /// Same as --format json
        #[arg(long, conflicts_with_all = ["format", "toml"])]
        json: bool,
        /// Same as --format toml
        #[arg(long, conflicts_with = "format")]
        toml: bool,
    },
    /// Check one profile or all, and whether an image drives what a profile promises
    Check {
        /// The profile
        name: Option<String>,
        /// Root file system of an image, mounted or unpacked: compare its drivers and firmware with the profile, or with the
        /// one that the image was built from
        #[arg(long, value_name = "DIR")]
        image: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Say which profiles fit a machine, and why
    Match {
        /// What `sigmavault hardware --json` or `sigmavault-detector --json` printed on the machine; `-` is standard input
        /// [default: the report of this machine]
        hardware: Option<PathBuf>,
        /// Only profiles with this desktop
        #[arg(long, value_enum)]
        desktop: Option<Desktop>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write a new profile into the last folder of --profiles, or the source tree's; on a terminal it asks for what is not given
    New(NewArgs),
    /// Print the JSON schema of profiles, by which editors complete and check them
    Schema,
}

/// How `profiles show` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ShowFormat {
    /// A table with the origin of each value.
    Text,
    /// JSON.
    Json,
    /// A TOML file without parents.
    Toml,
}

/// `profiles new`.
#[derive(Debug, Clone, Default, Args)]
pub struct NewArgs {
    /// Its name, and that of its file
    pub name: Option<String>,
    /// What it is for, in one line
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// The profile that it adds to [default: common]
    #[arg(long, value_name = "NAME")]
    pub extends: Option<String>,
    /// Desktop of the live session [default: that of the base]
    #[arg(long, value_enum)]
    pub desktop: Option<Desktop>,
    /// Firmware that starts the ISO; may be repeated [default: that of the base]
    #[arg(long, value_enum)]
    pub boot: Vec<BootFirmware>,
    /// Debian package with firmware of devices; may be repeated
    #[arg(long, value_name = "PACKAGE")]
    pub firmware: Vec<String>,
    /// Device that the image must drive, like pci:8086:1533; may be repeated
    #[arg(long, value_name = "ID")]
    pub device: Vec<String>,
    /// Largest ISO in MiB [default: that of the base]
    #[arg(long, value_name = "MIB")]
    pub iso_mib: Option<u64>,
}
