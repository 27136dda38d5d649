//! What the user may ask for: one struct that is the command line and its documentation.

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Parser};
use sigmavault_image_builder::smoke::Accel;

use crate::scenario::{ALL, SHORT, Scenario};

/// Installs SigmaVault in virtual machines and boots what was installed.
#[derive(Debug, Clone, Parser)]
#[command(name = "sigmavault-install-tests", version)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
#[command(group = ArgGroup::new("which").required(true).args(["scenarios", "list", "short", "all"]))]
pub struct Options {
    /// Scenarios to run, in this order
    pub scenarios: Vec<String>,
    /// List the scenarios and run none
    #[arg(long)]
    pub list: bool,
    /// Run the one scenario that every change has to pass
    #[arg(long)]
    pub short: bool,
    /// Run all scenarios
    #[arg(long)]
    pub all: bool,
    /// ISO of profile vm-test [default: out/sigmavault-vm-test-amd64.iso in the source tree]
    #[arg(long)]
    pub iso: Option<PathBuf>,
    /// Folder for logs, screenshots and reports, one below it for each scenario [default: out/install-tests in the
    /// source tree]
    #[arg(long, value_name = "DIR")]
    pub artifacts: Option<PathBuf>,
    /// Folder for disk images; what was installed is found there again by a later run with the same ISO [default: one
    /// that is removed at the end]
    #[arg(long, value_name = "DIR")]
    pub work: Option<PathBuf>,
    /// Root of the source tree, which names the tools tree [default: found above the current folder]
    #[arg(long, value_name = "DIR")]
    pub source: Option<PathBuf>,
    /// How the processor is virtualised; `auto` takes KVM when the image really boots under it
    #[arg(long, value_enum, default_value_t = Accel::Auto)]
    pub accel: Accel,
    /// How often `power-cuts` cuts the power, half of it while data is kept
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub cuts: u32,
    /// Seed of what is random [default: taken from the clock, and printed]
    #[arg(long)]
    pub seed: Option<u64>,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
}

/// A name that no scenario has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no scenario \"{0}\"\n  try: --list shows them")]
pub struct UnknownScenario(String);

impl Options {
    /// The ISO, where the source tree is known.
    pub fn iso(&self, source: &Path) -> PathBuf {
        let usual = || source.join("out/sigmavault-vm-test-amd64.iso");
        self.iso.clone().unwrap_or_else(usual)
    }

    /// Folder for artifacts, where the source tree is known.
    pub fn artifacts(&self, source: &Path) -> PathBuf {
        let usual = || source.join("out/install-tests");
        self.artifacts.clone().unwrap_or_else(usual)
    }

    /// The scenarios that were asked for.
    pub fn selected(&self) -> Result<Vec<&'static Scenario>, UnknownScenario> {
        if self.all {
            return Ok(ALL.iter().collect());
        }
        let short = [SHORT.to_owned()];
        let names: &[String] = if self.short { &short } else { &self.scenarios };
        names
            .iter()
            .map(|name| {
                ALL.iter()
                    .find(|scenario| scenario.name == name)
                    .ok_or_else(|| UnknownScenario(name.clone()))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, clap::Error> {
        Options::try_parse_from(
            ["sigmavault-install-tests"]
                .into_iter()
                .chain(line.split_whitespace()),
        )
    }

    fn names(line: &str) -> Result<Vec<&'static str>, UnknownScenario> {
        let selected = parse(line).unwrap().selected()?;
        Ok(selected.into_iter().map(|scenario| scenario.name).collect())
    }

    #[test]
    fn selections() {
        assert_eq!(names("--short"), Ok(vec!["unattended"]));
        assert_eq!(names("--all").unwrap().len(), ALL.len());
        assert_eq!(
            names("unattended unattended"),
            Ok(vec!["unattended", "unattended"])
        );
        assert_eq!(
            names("unattended nothing"),
            Err(UnknownScenario("nothing".into()))
        );
    }

    #[test]
    fn wrong_usage() {
        for line in [
            "",
            "--short --all",
            "luks --all",
            "--short --cuts 0",
            "--short --accel xen",
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn defaults() {
        let options = parse("--short").unwrap();
        assert_eq!(
            options.iso(Path::new("/s")),
            Path::new("/s/out/sigmavault-vm-test-amd64.iso")
        );
        assert_eq!(
            options.artifacts(Path::new("/s")),
            Path::new("/s/out/install-tests")
        );
        assert_eq!(
            (options.cuts, options.seed, options.accel),
            (4, None, Accel::Auto)
        );
    }
}
