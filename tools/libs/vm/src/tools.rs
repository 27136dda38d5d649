//! Programs of the tools tree that virtual machines need.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;
use crate::sandbox::Sandbox;

/// A Debian tree with QEMU, OVMF, tesseract, mtools and swtpm.
#[derive(Debug, Clone)]
pub struct ToolsTree {
    /// Where it is.
    pub root: PathBuf,
}

/// A host folder or file that a program may use, under the same path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share<'a> {
    /// To read.
    Read(&'a Path),
    /// To read and write.
    Write(&'a Path),
}

impl<'a> Share<'a> {
    /// The folder or file.
    pub const fn path(self) -> &'a Path {
        match self {
            Self::Read(path) | Self::Write(path) => path,
        }
    }
}

impl ToolsTree {
    /// A command that runs `program` inside the tree, with the host's devices. It dies with the thread that
    /// starts it, and a Ctrl-C at the terminal does not reach it: its caller ends it.
    pub fn command(&self, program: &str, shares: &[Share<'_>]) -> Command {
        let mut sandbox = Sandbox::new(&self.root).devices();
        for share in shares {
            sandbox = match share {
                Share::Read(path) => sandbox.show(path, *path),
                Share::Write(path) => sandbox.give(path, *path),
            };
        }
        let mut command = sandbox.command(program, [""; 0]);
        command.process_group(0);
        command
    }

    /// Runs `program` inside the tree to its end and returns what it printed.
    pub fn read(
        &self,
        program: &'static str,
        shares: &[Share<'_>],
        arguments: &[&OsStr],
    ) -> Result<String, Error> {
        let mut command = self.command(program, shares);
        command.args(arguments);
        read(program, command)
    }
}

/// Runs a command to its end and returns what it printed; `program` is its name in messages.
pub(crate) fn read(program: &'static str, mut command: Command) -> Result<String, Error> {
    let started = Path::new(command.get_program()).to_owned();
    let output = command.output().map_err(Error::io("run", &started))?;
    if !output.status.success() {
        return Err(Error::Tool {
            program,
            status: output.status,
            said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bash(script: &str) -> Result<String, Error> {
        let mut command = Command::new("bash");
        command.args(["-c", script]);
        read("bash", command)
    }

    #[test]
    fn what_a_program_prints_or_why_it_failed() {
        assert_eq!(bash("echo said; echo aside >&2").unwrap(), "said\n");
        assert_eq!(
            bash("echo why >&2; exit 3").unwrap_err().to_string(),
            "bash failed (exit status: 3): why"
        );
    }

    #[test]
    fn shares_keep_their_paths() {
        let tree = ToolsTree { root: "/t".into() };
        let shares = [Share::Read(Path::new("/a")), Share::Write(Path::new("/b"))];
        let words: Vec<String> = tree
            .command("mdir", &shares)
            .get_args()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let words = words.join(" ");
        assert!(
            words.ends_with("--ro-bind /a /a --bind /b /b --chdir / -- mdir"),
            "{words}"
        );
    }
}
