//! Programs of the tools tree, run in it: bubblewrap makes the tree their root for the time they run.
//!
//! Nothing of it outlives its user: mounts are in the sandbox's own namespace, processes in its own
//! process namespace, and both end with it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A command to be run in the tools tree.
#[derive(Debug, Clone)]
pub struct Sandbox {
    root: PathBuf,
    writable_root: bool,
    binds: Vec<(&'static str, PathBuf, PathBuf)>,
    env: Vec<(OsString, OsString)>,
    network: bool,
    devices: bool,
    rights: Rights,
    chdir: Option<PathBuf>,
}

/// What the command may do to what it sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rights {
    /// Whatever the caller may.
    Callers,
    /// Nothing that takes a capability.
    None,
}

impl Sandbox {
    /// In this tree, read-only, without network and devices.
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            writable_root: false,
            binds: Vec::new(),
            env: Vec::new(),
            network: false,
            devices: false,
            rights: Rights::Callers,
            chdir: None,
        }
    }

    /// The tree itself may be changed.
    #[must_use]
    pub fn writable(mut self) -> Self {
        self.writable_root = true;
        self
    }

    /// `host` appears as `inside`, read-only.
    #[must_use]
    pub fn show(mut self, host: &Path, inside: impl Into<PathBuf>) -> Self {
        self.binds.push(("--ro-bind", host.to_owned(), inside.into()));
        self
    }

    /// `host` appears as `inside` and may be written.
    #[must_use]
    pub fn give(mut self, host: &Path, inside: impl Into<PathBuf>) -> Self {
        self.binds.push(("--bind", host.to_owned(), inside.into()));
        self
    }

    /// The host's network, name resolution, certificates and proxy settings.
    #[must_use]
    pub fn network(mut self) -> Self {
        self.network = true;
        self
    }

    /// The host's devices.
    #[must_use]
    pub fn devices(mut self) -> Self {
        self.devices = true;
        self
    }

    /// In a user namespace of its own, and without capabilities: for programs that others wrote and that only compute.
    #[must_use]
    pub fn confined(mut self) -> Self {
        self.rights = Rights::None;
        self
    }

    /// An environment variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env
            .push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// The folder to start in.
    #[must_use]
    pub fn chdir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.chdir = Some(folder.into());
        self
    }

    /// The command that runs `program` with `args` there.
    pub fn command<I, S>(&self, program: &str, args: I) -> Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let mut bwrap = Command::new("bwrap");
        bwrap.args([
            "--die-with-parent",
            "--new-session",
            "--unshare-pid",
            "--unshare-ipc",
            "--unshare-uts",
        ]);
        if !self.network {
            bwrap.arg("--unshare-net");
        }
        if self.rights == Rights::None {
            bwrap.args(["--unshare-user", "--cap-drop", "ALL"]);
        }
        if self.writable_root {
            bwrap.arg("--bind").arg(&self.root).arg("/");
        } else {
            self.show_root(&mut bwrap);
        }
        bwrap.args(if self.devices {
            ["--dev-bind", "/dev", "/dev"].as_slice()
        } else {
            &["--dev", "/dev"]
        });
        bwrap.args([
            "--proc", "/proc", "--perms", "1777", "--tmpfs", "/tmp", "--perms", "1777", "--tmpfs", "/var/tmp",
        ]);
        bwrap.args([
            "--tmpfs",
            "/run",
            "--clearenv",
            "--setenv",
            "PATH",
            "/usr/sbin:/usr/bin:/sbin:/bin",
        ]);
        bwrap.args([
            "--setenv", "HOME", "/tmp", "--setenv", "LANG", "C.UTF-8", "--setenv", "LC_ALL", "C.UTF-8",
        ]);
        bwrap.args(["--setenv", "TERM", "dumb"]);
        if self.network {
            network_settings(&mut bwrap);
        }
        for (kind, host, inside) in &self.binds {
            bwrap.arg(kind).arg(host).arg(inside);
        }
        for (name, value) in &self.env {
            bwrap.arg("--setenv").arg(name).arg(value);
        }
        bwrap
            .arg("--chdir")
            .arg(self.chdir.as_deref().unwrap_or(Path::new("/")));
        bwrap.arg("--").arg(program).args(args);
        bwrap
    }

    /// The tree's folders, one by one, over an empty root: mount points for everything else can be made there,
    /// and not in a tree that is read-only as a whole.
    fn show_root(&self, bwrap: &mut Command) {
        for name in ["usr", "etc", "var"] {
            bwrap
                .arg("--ro-bind")
                .arg(self.root.join(name))
                .arg(Path::new("/").join(name));
        }
        for name in ["bin", "sbin", "lib", "lib64"] {
            bwrap.args(["--symlink", &format!("usr/{name}"), &format!("/{name}")]);
        }
    }

    /// The command that runs a shell script there.
    pub fn script(&self, script: &str) -> Command {
        self.command("sh", ["-euc", script])
    }
}

/// Name resolution, trusted certificates and proxies as the host has them.
fn network_settings(bwrap: &mut Command) {
    for file in ["/etc/resolv.conf", "/etc/hosts", "/etc/ssl/certs"] {
        bwrap.args(["--ro-bind-try", file, file]);
    }
    for name in [
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "ALL_PROXY",
    ] {
        if let Some(value) = std::env::var_os(name) {
            bwrap.arg("--setenv").arg(name).arg(value);
        }
    }
    bwrap.args([
        "--setenv",
        "CARGO_HTTP_CAINFO",
        "/etc/ssl/certs/ca-certificates.crt",
    ]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(command: &Command) -> Vec<String> {
        command
            .get_args()
            .map(|arg| arg.to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn without_network_unless_asked_for() {
        let closed = words(&Sandbox::new(Path::new("/t")).command("true", [""; 0]));
        assert!(closed.contains(&"--unshare-net".to_owned()));
        let open = words(&Sandbox::new(Path::new("/t")).network().command("true", [""; 0]));
        assert!(!open.contains(&"--unshare-net".to_owned()));
    }

    #[test]
    fn confined_means_a_user_namespace_without_capabilities() {
        let open = words(&Sandbox::new(Path::new("/t")).command("true", [""; 0])).join(" ");
        assert!(!open.contains("--unshare-user"), "{open}");
        let confined = words(&Sandbox::new(Path::new("/t")).confined().command("true", [""; 0])).join(" ");
        assert!(
            confined.contains("--unshare-net --unshare-user --cap-drop ALL "),
            "{confined}"
        );
    }

    #[test]
    fn binds_and_program_come_in_order() {
        let command = Sandbox::new(Path::new("/t"))
            .show(Path::new("/home/a"), "/src")
            .give(Path::new("/home/b"), "/out")
            .env("A", "b")
            .chdir("/src")
            .command("cargo", ["build"]);
        let words = words(&command).join(" ");
        assert!(
            words.ends_with(
                "--ro-bind /home/a /src --bind /home/b /out --setenv A b --chdir /src -- cargo build"
            ),
            "{words}"
        );
    }
}
