//! Commands that work on this machine itself.

use std::path::PathBuf;

use clap::Args;
use sigmavault_facts::Files;

/// Options of a command that reads and changes this machine.
#[derive(Debug, Args)]
pub struct LocalOptions {
    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Work below this folder
    #[arg(long, value_name = "DIR", default_value = "/", hide = true, global = true)]
    pub root: PathBuf,
}

/// Refuses anybody but root, on the machine itself.
pub fn needs_root(files: &Files, why: &str) -> anyhow::Result<()> {
    if files.is_this_machine() && !nix::unistd::Uid::effective().is_root() {
        anyhow::bail!("{why}; try: sudo sigmavault ...");
    }
    Ok(())
}
