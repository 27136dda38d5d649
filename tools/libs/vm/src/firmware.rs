//! The firmware of a machine: OVMF or AAVMF from the tools tree, with variables of its own for each machine, or `SeaBIOS`.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::Serialize;

use crate::board::Board;
use crate::error::Error;

/// Firmware of a virtual machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Firmware {
    /// OVMF, or AAVMF on ARM64
    Uefi,
    /// `SeaBIOS`
    Bios,
}

impl Firmware {
    /// Name on command lines and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uefi => "uefi",
            Self::Bios => "bios",
        }
    }
}

impl fmt::Display for Firmware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// UEFI firmware in two parts, as QEMU takes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirmwareFiles {
    /// Code, the same for every machine: a path inside the tools tree.
    pub code: PathBuf,
    /// Variables, written by the machine.
    pub vars: PathBuf,
}

impl FirmwareFiles {
    /// Copies the variables of the tools tree's firmware for this board into `work`.
    pub fn prepare(board: Board, tools_root: &Path, work: &Path) -> Result<Self, Error> {
        let vars = work.join("vars.fd");
        let (files, from) = Self::with(board, tools_root, vars)?;
        fs::copy(&from, &files.vars).map_err(Error::io("copy", &from))?;
        Ok(files)
    }

    /// Uses the variables that an earlier boot of the machine left in `vars`; copies fresh ones there for the first boot.
    pub fn kept(board: Board, tools_root: &Path, vars: &Path) -> Result<Self, Error> {
        let (files, from) = Self::with(board, tools_root, vars.to_owned())?;
        if !vars.exists() {
            fs::copy(&from, vars).map_err(Error::io("copy", &from))?;
        }
        Ok(files)
    }

    /// With these variables, and the fresh ones to copy there.
    fn with(board: Board, tools_root: &Path, vars: PathBuf) -> Result<(Self, PathBuf), Error> {
        let (inside, fresh) = board.firmware().ok_or(Error::NoUefi { board })?;
        let code = tools_root.join(inside);
        if !code.is_file() {
            return Err(Error::NoFirmware { path: code });
        }
        let files = Self {
            code: Path::new("/").join(inside),
            vars,
        };
        Ok((files, tools_root.join(fresh)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for firmware in Firmware::value_variants() {
            let name = firmware.to_possible_value().unwrap();
            assert_eq!(firmware.to_string(), name.get_name());
        }
    }

    #[test]
    fn variables_are_a_private_copy() {
        let tree = tempfile::tempdir().unwrap();
        let work = tempfile::tempdir().unwrap();
        let (code, variables) = Board::Q35.firmware().unwrap();
        fs::create_dir_all(tree.path().join("usr/share/OVMF")).unwrap();
        fs::write(tree.path().join(code), "code").unwrap();
        fs::write(tree.path().join(variables), "vars").unwrap();
        let files = FirmwareFiles::prepare(Board::Q35, tree.path(), work.path()).unwrap();
        assert_eq!(files.code, Path::new("/usr/share/OVMF/OVMF_CODE_4M.fd"));
        assert_eq!(fs::read_to_string(&files.vars).unwrap(), "vars");
        fs::write(&files.vars, "written").unwrap();
        assert_eq!(fs::read_to_string(tree.path().join(variables)).unwrap(), "vars");
        assert_eq!(
            FirmwareFiles::kept(Board::Q35, tree.path(), &files.vars).unwrap(),
            files
        );
        assert_eq!(fs::read_to_string(&files.vars).unwrap(), "written");
        let first = work.path().join("first.fd");
        FirmwareFiles::kept(Board::Q35, tree.path(), &first).unwrap();
        assert_eq!(fs::read_to_string(&first).unwrap(), "vars");
    }

    #[test]
    fn a_tree_without_the_firmware_is_named() {
        let tree = tempfile::tempdir().unwrap();
        let error = FirmwareFiles::prepare(Board::RaspberryPi4, tree.path(), tree.path()).unwrap_err();
        assert!(matches!(error, Error::NoUefi { .. }), "{error}");
        let error = FirmwareFiles::prepare(Board::Virt, tree.path(), tree.path()).unwrap_err();
        assert!(error.to_string().contains("AAVMF_CODE.fd"), "{error}");
    }
}
