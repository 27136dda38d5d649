//! The command line.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{ArgGroup, Parser};
use clap_complete::Shell;
use sigmavault_installer::demo::Scenario;

/// Put SigmaVault NAS OS from its live medium onto a disk
///
/// Without options it asks on screens of at least 80 columns and 24 lines, shows the plan, and begins when the serial
/// number of the system disk was typed. With answers it asks nothing, prints what it does line by line, and at the end
/// one line `sigmavault-installer-report: ` with a JSON object. It installs only when the machine was started from the
/// medium.
#[derive(Debug, Parser)]
#[command(
    name = "sigmavault-installer",
    version,
    group = ArgGroup::new("way").args(["answers", "unattended", "check_answers", "plain", "print_schema"]),
    group = ArgGroup::new("facts").args(["dry_run", "check_answers"])
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub struct Arguments {
    /// Install as an answer file says, without questions
    #[arg(long, value_name = "FILE")]
    pub answers: Option<PathBuf>,
    /// Install without questions when answers were left on the kernel command line, as a system credential, on a file
    /// system labelled SVANSWERS or on the medium; without any, do nothing
    #[arg(long)]
    pub unattended: bool,
    /// Say what is wrong with an answer file; on a machine started from the medium also what it would do there
    #[arg(long, value_name = "FILE")]
    pub check_answers: Option<PathBuf>,
    /// Show the plan of --answers and write nothing
    #[arg(long, requires = "answers")]
    pub dry_run: bool,
    /// Print plan and mistakes as JSON
    #[arg(long, requires = "facts")]
    pub json: bool,
    /// Ask line by line, without screens
    #[arg(long)]
    pub plain: bool,
    /// Show everything on a machine that does not exist, and write nothing; `list` names the scenarios
    #[arg(long, value_name = "SCENARIO", num_args = 0..=1, default_missing_value = "empty", conflicts_with = "unattended")]
    pub demo: Option<Demonstration>,
    /// Milliseconds that an installation of the demonstration takes
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
