//! The command line: one struct that is also its documentation.

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Parser};
use sigmavault_vm::Accel;

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
    /// Run the one scenario that every change must pass
    #[arg(long)]
    pub short: bool,
    /// Run all scenarios
    #[arg(long)]
    pub all: bool,
    /// ISO of profile vm-test [default: out/sigmavault-vm-test-amd64.iso in the source tree]
    #[arg(long)]
    pub iso: Option<PathBuf>,
    /// Folder for logs, screenshots and reports, with a subfolder for each scenario [default: out/install-tests in the
    /// source tree]
    #[arg(long, value_name = "DIR")]
    pub artifacts: Option<PathBuf>,
    /// Folder for disk images; a later run with the same ISO reuses the installed disk there [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    pub work: Option<PathBuf>,
    /// Root of the source tree, which names the tools tree [default: found above the current folder]
    #[arg(long, value_name = "DIR")]
    pub source: Option<PathBuf>,
    /// How the processor is virtualised; `auto` takes KVM when the image really boots under it
    #[arg(long, value_enum, default_value_t = Accel::Auto)]
    pub accel: Accel,
    /// How often `power-cuts`, `kept-cuts` and `switch-cuts` cut the power
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub cuts: u32,
    /// Seed of the random numbers [default: taken from the clock, and printed]
    #[arg(long)]
    pub seed: Option<u64>,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
}

impl Options {
    /// The ISO: the one asked for, or the usual one of the source tree.
    pub fn iso(&self, source: &Path) -> PathBuf {
        let usual = || source.join("out/sigmavault-vm-test-amd64.iso");
        self.iso.clone().unwrap_or_else(usual)
    }

    /// Folder for artifacts: the one asked for, or the usual one of the source tree.
    pub fn artifacts(&self, source: &Path) -> PathBuf {
        let usual = || source.join("out/install-tests");
        self.artifacts.clone().unwrap_or_else(usual)
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
            (20, None, Accel::Auto)
        );
    }
}
