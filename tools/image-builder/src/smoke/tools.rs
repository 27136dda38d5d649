//! Programs of the tools tree, run by bubblewrap with that tree as their root.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A Debian tree with QEMU, OVMF, tesseract and xorriso.
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
    /// A command that runs `program` inside the tree. It dies with the thread that starts it, and a Ctrl-C
    /// at the terminal does not reach it: whoever starts it ends it.
    pub fn command(&self, program: &str, shares: &[Share<'_>]) -> io::Result<Command> {
        let mut command = Command::new("bwrap");
        command.args(["--die-with-parent", "--unshare-pid", "--unshare-ipc"]);
        // Not the tree's root itself: mount points for the shares cannot be made in what is read-only.
        let mut entries: Vec<_> = fs::read_dir(&self.root)?.collect::<io::Result<_>>()?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let inside = Path::new("/").join(entry.file_name());
            if entry.file_type()?.is_symlink() {
                command
                    .arg("--symlink")
                    .arg(fs::read_link(entry.path())?)
                    .arg(inside);
            } else if entry.file_name() == "usr" || entry.file_name() == "etc" {
                command.arg("--ro-bind").arg(entry.path()).arg(inside);
            }
        }
        command.args([
            "--dev-bind",
            "/dev",
            "/dev",
            "--proc",
            "/proc",
            "--tmpfs",
            "/tmp",
            "--tmpfs",
            "/run",
        ]);
        for share in shares {
            let (option, path): (&str, &OsStr) = match share {
                Share::Read(path) => ("--ro-bind", path.as_os_str()),
                Share::Write(path) => ("--bind", path.as_os_str()),
            };
            command.arg(option).arg(path).arg(path);
        }
        command.args([
            "--chdir",
            "/",
            "--setenv",
            "PATH",
            "/usr/bin:/usr/sbin",
            "--setenv",
            "LC_ALL",
            "C.UTF-8",
        ]);
        command.arg("--").arg(program).process_group(0);
        Ok(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_the_root_and_shares_keep_their_paths() {
        let tree = tempfile::tempdir().unwrap();
        for folder in ["usr", "dev", "root"] {
            fs::create_dir(tree.path().join(folder)).unwrap();
        }
        std::os::unix::fs::symlink("usr/bin", tree.path().join("bin")).unwrap();
        let shares = [Share::Read(Path::new("/a.iso")), Share::Write(Path::new("/work"))];
        let tools = ToolsTree {
            root: tree.path().to_owned(),
        };
        let command = tools.command("qemu", &shares).unwrap();
        let line = command
            .get_args()
            .map(|argument| argument.to_string_lossy())
            .collect::<Vec<_>>()
            .join(" ");
        let usr = tree.path().join("usr");
        assert_eq!(
            line,
            format!(
                "--die-with-parent --unshare-pid --unshare-ipc --symlink usr/bin /bin --ro-bind {} /usr \
                 --dev-bind /dev /dev --proc /proc --tmpfs /tmp --tmpfs /run --ro-bind /a.iso /a.iso \
                 --bind /work /work --chdir / --setenv PATH /usr/bin:/usr/sbin --setenv LC_ALL C.UTF-8 -- qemu",
                usr.display()
            )
        );
    }
}
