//! Programs of the tools tree, as a virtual machine needs them.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::pipeline::sandbox::Sandbox;

/// A Debian tree with QEMU, OVMF and tesseract.
#[derive(Debug, Clone)]
pub struct ToolsTree {
    /// Where it is.
    pub root: PathBuf,
}

/// A host folder or file that a program may use, under the same path.
#[derive(Debug, Clone, Copy)]
pub enum Share<'a> {
    /// To read.
    Read(&'a Path),
    /// To read and write.
    Write(&'a Path),
}

impl ToolsTree {
    /// A command that runs `program` inside the tree, with the host's devices. It dies with the thread that
    /// starts it, and a Ctrl-C at the terminal does not reach it: whoever starts it ends it.
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
}
