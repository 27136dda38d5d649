//! What this host is and has.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use nix::sys::statvfs::statvfs;
use serde::Serialize;
use sigmavault_host::run::{Invocation, Run};

use crate::pipeline::emulation::Emulation;
use crate::pipeline::lock::Lock;
use crate::profile::Arch;

/// The keyring with which packages are checked.
pub const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// Stands in the user ids of Debian 13's keys.
const TRIXIE: &[u8] = b"(13/trixie)";

/// How a distribution installs packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Debian, Ubuntu and what is made from them.
    Debian,
    /// Fedora and what is made from it.
    Fedora,
    /// Arch and what is made from it.
    Arch,
    /// Another one.
    Other,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// How packages are installed.
    pub family: Family,
    /// Path of mmdebstrap.
    pub mmdebstrap: Option<String>,
    /// Path of bubblewrap's bwrap.
    pub bwrap: Option<String>,
    /// The keyring, when it is there.
    pub keyring: Option<String>,
    /// Whether it has the keys of Debian 13.
    pub trixie_keys: bool,
    /// Whether this is root.
    pub root: bool,
    /// Free space, an entry for each file system.
    pub space: Vec<Space>,
    /// Memory and swap in bytes.
    pub memory: Option<u64>,
    /// Whether namespaces and mounts can be made.
    pub sandbox: Sandbox,
    /// Whether there are loop devices.
    pub loops: bool,
    /// Hardware virtualisation.
    pub kvm: Kvm,
    /// How programs of arm64 run here, which is not an arm64 machine.
    pub emulation: Option<Emulation>,
    /// The lock of the source tree.
    pub lock: LockFile,
}

/// How old `image/image.lock` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockFile {
    /// There is no source tree here, or no lock that can be read in it.
    Absent,
    /// It does not say when it was written.
    Undated,
    /// Time since its oldest part was written.
    Age(Duration),
}

/// Free space of one file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Space {
    /// Folders of a build that are on it.
    pub places: Vec<PathBuf>,
    /// Free bytes.
    pub free: Option<u64>,
}

/// Whether bubblewrap works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sandbox {
    /// It does.
    Works,
    /// It does not.
    Fails {
        /// What it said.
        message: String,
        /// Whether this is a container.
        container: bool,
        /// Whether `AppArmor` restricts user namespaces.
        restricted: bool,
    },
    /// There is no bubblewrap.
    Untried,
}

/// Hardware virtualisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kvm {
    /// /dev/kvm opens.
    Opens,
    /// /dev/kvm is there and does not open.
    Denied,
    /// No /dev/kvm.
    Absent {
        /// The module for this CPU, when it can do it.
        cpu: Option<&'static str>,
    },
}

impl Facts {
    /// Looks at this host.
    pub fn gather(run: &dyn Run, cache: &Path, out: &Path, source: Option<&Path>) -> Self {
        let bwrap = in_path("bwrap");
        let keyring = fs::read(KEYRING).ok();
        Self {
            family: family(&fs::read_to_string("/etc/os-release").unwrap_or_default()),
            mmdebstrap: in_path("mmdebstrap"),
            sandbox: sandbox(run, bwrap.as_deref()),
            bwrap,
            trixie_keys: keyring.as_ref().is_some_and(|keys| has_trixie(keys)),
            keyring: keyring.map(|_| KEYRING.to_owned()),
            root: nix::unistd::geteuid().is_root(),
            space: spaces(&[cache, out]),
            memory: fs::read_to_string("/proc/meminfo")
                .ok()
                .and_then(|text| memory(&text)),
            loops: Path::new("/dev/loop-control").exists(),
            kvm: kvm(),
            emulation: Arch::Arm64.is_foreign().then(|| Emulation::of(Arch::Arm64)),
            lock: lock(source, SystemTime::now()),
        }
    }
}

/// How the distribution of this os-release installs packages.
pub fn family(os_release: &str) -> Family {
    let value = |name: &str| {
        let line = os_release
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_default().trim_matches(['"', '\'']).to_owned()
    };
    let names = format!("{} {}", value("ID"), value("ID_LIKE"));
    let known = names.split_whitespace().find_map(|name| match name {
        "debian" | "ubuntu" => Some(Family::Debian),
        "fedora" | "rhel" | "centos" => Some(Family::Fedora),
        "arch" => Some(Family::Arch),
        _ => None,
    });
    known.unwrap_or(Family::Other)
}

/// Whether a binary keyring names Debian 13's keys: user ids stand in it as they are.
pub fn has_trixie(keyring: &[u8]) -> bool {
    keyring.windows(TRIXIE.len()).any(|window| window == TRIXIE)
}

/// Memory and swap of a meminfo.
pub fn memory(meminfo: &str) -> Option<u64> {
    let kib = |name: &str| -> Option<u64> {
        let rest = meminfo
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        rest.trim().strip_suffix("kB")?.trim().parse().ok()
    };
    kib("MemTotal")?
        .checked_add(kib("SwapTotal").unwrap_or(0))?
        .checked_mul(1024)
}

fn in_path(program: &str) -> Option<String> {
    let path = std::env::var_os("PATH")?;
    // Users' PATH often lacks the folders of root's programs.
    let more = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(more)
        .map(|folder| folder.join(program))
        .find_map(|file| {
            let metadata = file.metadata().ok()?;
            let runs = metadata.is_file() && metadata.permissions().mode() & 0o111 != 0;
            runs.then(|| file.display().to_string())
        })
}

fn spaces(folders: &[&Path]) -> Vec<Space> {
    let mut found: Vec<(Option<u64>, Space)> = Vec::new();
    for folder in folders {
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
        // It may not exist yet: its nearest parent says on which file system it will be.
        let existing = folder
            .ancestors()
            .find(|parent| parent.exists())
            .unwrap_or(Path::new("/"));
        let device = existing.metadata().ok().map(|metadata| metadata.dev());
        if let Some((_, space)) = found
            .iter_mut()
            .find(|(known, _)| known.is_some() && *known == device)
        {
            space.places.push(folder);
            continue;
        }
        let free = statvfs(existing)
            .ok()
            .map(|stat| stat.blocks_available() * stat.fragment_size());
        found.push((
            device,
            Space {
                places: vec![folder],
                free,
            },
        ));
    }
    found.into_iter().map(|(_, space)| space).collect()
}

/// Tries what the build does: new namespaces and mounts in them.
fn sandbox(run: &dyn Run, bwrap: Option<&str>) -> Sandbox {
    let Some(bwrap) = bwrap else {
        return Sandbox::Untried;
    };
    let trial = Invocation::new(bwrap)
        .args([
            "--ro-bind",
            "/",
            "/",
            "--dev",
            "/dev",
            "--proc",
            "/proc",
            "--tmpfs",
            "/tmp",
        ])
        .args(["--unshare-pid", "--unshare-ipc", "--unshare-uts"])
        .args(["--unshare-net", "--unshare-user", "--cap-drop", "ALL", "true"]);
    let message = match run.run(&trial) {
        Ok(output) if output.status.success() => return Sandbox::Works,
        Ok(output) => output
            .complaint()
            .lines()
            .next_back()
            .unwrap_or("no reason given")
            .to_owned(),
        Err(error) => error.last_words(),
    };
    let container = ["/run/.containerenv", "/.dockerenv", "/run/systemd/container"];
    let restricted = fs::read_to_string("/proc/sys/kernel/apparmor_restrict_unprivileged_userns");
    Sandbox::Fails {
        message,
        container: container.iter().any(|mark| Path::new(mark).exists()),
        restricted: restricted.is_ok_and(|value| value.trim() == "1"),
    }
}

/// How old the lock of this source tree is.
pub fn lock(source: Option<&Path>, now: SystemTime) -> LockFile {
    let path = source.map(|source| source.join("image/image.lock"));
    let Some(lock) = path
        .filter(|path| path.exists())
        .and_then(|path| Lock::read(&path).ok())
    else {
        return LockFile::Absent;
    };
    match lock.written() {
        // A clock that is behind the lock's says nothing of its age.
        Some(written) => LockFile::Age(now.duration_since(written).unwrap_or_default()),
        None => LockFile::Undated,
    }
}

fn kvm() -> Kvm {
    let device = Path::new("/dev/kvm");
    if !device.exists() {
        let cpu = virtualisation(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default());
        return Kvm::Absent { cpu };
    }
    match fs::OpenOptions::new().read(true).write(true).open(device) {
        Ok(_) => Kvm::Opens,
        Err(_) => Kvm::Denied,
    }
}

/// The KVM module for the CPU of this cpuinfo.
pub fn virtualisation(cpuinfo: &str) -> Option<&'static str> {
    let flags = cpuinfo.lines().find_map(|line| line.strip_prefix("flags"))?;
    flags.split_whitespace().find_map(|flag| match flag {
        "vmx" => Some("kvm_intel"),
        "svm" => Some("kvm_amd"),
        _ => None,
    })
}
