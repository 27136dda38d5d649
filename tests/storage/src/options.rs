//! The command line: one struct that is also its documentation.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Names of what can be recorded.
const PARTS: [&str; 9] = [
    "classes", "kinds", "damage", "change", "import", "datasets", "keys", "refusals", "lost",
];

/// Runs ZFS in virtual machines.
#[derive(Debug, Clone, Parser)]
#[command(name = "sigmavault-storage-tests", version)]
pub struct Options {
    /// Root of the source tree, which names the tools tree [default: found above the current folder]
    #[arg(long, value_name = "DIR")]
    pub source: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Record what zpool, zfs and zdb print
    Record(Record),
    /// Run scenarios: what administrators do, by the storage service, on real pools
    Run(Run),
    /// List the scenarios
    List,
    /// Cut the power during changes: the pool imports, and each change is done or not done
    Cuts(Cuts),
}

/// How often the power is cut.
#[derive(Debug, Clone, clap::Args)]
pub struct Cuts {
    /// Where; the disk images of the cuts go there too.
    #[command(flatten)]
    pub place: Place,
    /// Number of cuts
    #[arg(long, default_value_t = 30)]
    pub cuts: usize,
    /// Seed of the random numbers that say where, and what the disk's cache loses
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Where the machine comes from, and where what it writes is kept.
#[derive(Debug, Clone, clap::Args)]
pub struct Place {
    /// ISO of profile vm-test [default: out/sigmavault-vm-test-amd64.iso in the source tree]
    #[arg(long)]
    pub iso: Option<PathBuf>,
    /// Folder for logs and disk images [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    pub work: Option<PathBuf>,
}

/// Which scenarios.
#[derive(Debug, Clone, clap::Args)]
pub struct Run {
    /// Where.
    #[command(flatten)]
    pub place: Place,
    /// The short form, for every change of the source: at most 5 minutes
    #[arg(long, conflicts_with = "scenarios")]
    pub short: bool,
    /// Run this script in the machine, after what stands before each scenario, and print what it says
    #[arg(long, value_name = "FILE", conflicts_with_all = ["short", "scenarios"])]
    pub script: Option<PathBuf>,
    /// Only these [default: all]
    #[arg(value_name = "SCENARIO")]
    pub scenarios: Vec<String>,
}

/// What to record, and where.
#[derive(Debug, Clone, clap::Args)]
pub struct Record {
    /// Where.
    #[command(flatten)]
    pub place: Place,
    /// Folder for the recordings
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Record only these parts; the first makes the partitions that the others use [default: all]
    #[arg(long = "part", value_name = "PART", value_parser = PARTS)]
    pub parts: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines() {
        let parse = |line: &str| Options::try_parse_from(line.split_whitespace());
        match parse("storage-tests record --out here --part keys")
            .unwrap()
            .command
        {
            Command::Record(record) => {
                assert_eq!((record.parts, record.place.iso), (vec!["keys".to_owned()], None));
            }
            other => panic!("{other:?}"),
        }
        for line in [
            "storage-tests",
            "storage-tests record",
            "storage-tests record --out here --part lunch",
            "storage-tests run --short mirror",
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
