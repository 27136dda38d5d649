//! Completions and manual pages, generated from the definition of the command line.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Command;
use clap_complete::Shell;

/// Why a page could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}; name a folder that exists and is writable", path.display())]
pub struct ManualError {
    path: PathBuf,
    source: io::Error,
}

/// Completions for a shell.
pub fn completions(command: &mut Command, shell: Shell) -> Vec<u8> {
    let mut text = Vec::new();
    clap_complete::generate(shell, command, "sigmavault", &mut text);
    text
}

/// Writes `sigmavault.8` and one page per subcommand, at any depth, that is not hidden.
pub fn manual(mut command: Command, folder: &Path) -> Result<(), ManualError> {
    command.build();
    pages(&command, folder)
}

fn pages(command: &Command, folder: &Path) -> Result<(), ManualError> {
    write(command.clone(), folder)?;
    command
        .get_subcommands()
        .filter(|subcommand| !subcommand.is_hide_set())
        .try_for_each(|subcommand| pages(subcommand, folder))
}

fn write(command: Command, folder: &Path) -> Result<(), ManualError> {
    // A subcommand's display name, such as "sigmavault-status", is set when the command is built.
    let name = command.get_display_name().unwrap_or(command.get_name());
    let path = folder.join(format!("{name}.8"));
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .section("8")
        .manual("SigmaVault NAS OS")
        .source(concat!("sigmavault ", env!("CARGO_PKG_VERSION")))
        .render(&mut page)
        .and_then(|()| fs::write(&path, page))
        .map_err(|source| ManualError { path, source })
}
