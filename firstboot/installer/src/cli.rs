//! The command line.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{ArgGroup, Parser};
use clap_complete::Shell;
use sigmavault_installer::demo::Scenario;

/// Install SigmaVault NAS OS from its live medium onto a disk, or set up a Raspberry Pi's disk with its image
///
/// Without options it asks on screens of at least 80 columns and 24 lines, shows the plan, and begins once the serial
/// number of the system disk is typed. With answers it asks nothing and prints what it does line by line; the last line
/// is `sigmavault-installer-report: ` with a JSON object. It installs only on a machine that was started from the
/// medium.
///
/// On a Raspberry Pi the image is written to the card or disk itself, and the first start is a live session from there. In
/// it the installer adds what the image lacks (a second slot, the state partition), writes the settings and restarts. The
/// disk is known and loses nothing, so that no disk is chosen and no serial number is typed; answers leave [system] out.
/// After a power cut the next start is a first start again.
#[derive(Debug, Parser)]
#[command(
    name = "sigmavault-installer",
    version,
    group = ArgGroup::new("way").args(["answers", "unattended", "check_answers", "plain", "print_schema", "print_machine"]),
    group = ArgGroup::new("facts").args(["dry_run", "check_answers"])
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub struct Arguments {
    /// Install by an answer file, without questions
    #[arg(long, value_name = "FILE")]
    pub answers: Option<PathBuf>,
    /// Install without questions if there are answers on the kernel command line, in a system credential, on a file
    /// system labelled SVANSWERS or on the medium (on a Raspberry Pi: on the disk's first partition); otherwise do nothing
    #[arg(long)]
    pub unattended: bool,
    /// Check an answer file; on a machine started from the medium, also against this machine, and list what would be
    /// done, action by action
    #[arg(long, value_name = "FILE")]
    pub check_answers: Option<PathBuf>,
    /// Check answers against the machine in this file, written by --print-machine on another one
    #[arg(
        long,
        value_name = "FILE",
        requires = "check_answers",
        conflicts_with = "demo"
    )]
    pub machine: Option<PathBuf>,
    /// Print what is known of this machine as JSON, for --machine
    #[arg(long)]
    pub print_machine: bool,
    /// Show the plan of --answers and every action, and write nothing
    #[arg(long, requires = "answers")]
    pub dry_run: bool,
    /// Print plan, actions and errors as JSON
    #[arg(long, requires = "facts")]
    pub json: bool,
    /// Ask line by line, without screens
    #[arg(long)]
    pub plain: bool,
    /// Demonstrate the installer on a simulated machine and write nothing; `list` names the scenarios
    #[arg(long, value_name = "SCENARIO", num_args = 0..=1, default_missing_value = "empty", conflicts_with = "unattended")]
    pub demo: Option<Demonstration>,
    /// Duration of a demonstrated installation in milliseconds
    #[arg(
        long,
        value_name = "NUMBER",
        hide = true,
        default_value_t = 15_000,
        requires = "demo"
    )]
    pub demo_milliseconds: u32,
    /// Print the JSON Schema of answer files
    #[arg(long)]
    pub print_schema: bool,
    /// Print shell completions
    #[arg(long, value_name = "SHELL", hide = true, exclusive = true)]
    pub completions: Option<Shell>,
    /// Write the manual page into a folder
    #[arg(long, value_name = "DIR", hide = true, exclusive = true)]
    pub man: Option<PathBuf>,
}

/// What is demonstrated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demonstration {
    /// The names of the scenarios.
    List,
    /// One of them.
    Scenario(Scenario),
}

impl FromStr for Demonstration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "list" {
            return Ok(Self::List);
        }
        text.parse().map(Self::Scenario)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_demonstration_needs_no_name() {
        let demo = |line: &[&str]| Arguments::try_parse_from(line).map(|arguments| arguments.demo);
        assert_eq!(
            demo(&["x", "--demo", "--plain"]).ok(),
            Some(Some(Demonstration::Scenario(Scenario::Empty)))
        );
        assert_eq!(
            demo(&["x", "--demo", "bios"]).ok(),
            Some(Some(Demonstration::Scenario(Scenario::Bios)))
        );
        assert!(demo(&["x", "--demo", "moon"]).is_err());
    }
}
