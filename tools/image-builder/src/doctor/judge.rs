//! What the facts of a host mean for a build.

use indicatif::BinaryBytes;
use serde::Serialize;

use super::facts::{self, Facts, Family, Kvm, LockFile, Sandbox, Space};
use crate::invocation;
use crate::pipeline::emulation::Emulation;

/// Free space a cold build of the default profile needs, cache and results together.
pub const DISK_BYTES: u64 = 30 << 30;
/// Memory a build needs. A machine with 4 GiB reports less: the kernel keeps some.
pub const MEMORY_BYTES: u64 = 4 << 30;
const MEMORY_REPORTED: u64 = MEMORY_BYTES / 10 * 9;

/// From this age on, packages of a lock are likely to be gone: an archive keeps the newest version of each only.
const LOCK_DAYS: u64 = 7;

/// Where Debian keeps the package that brings the keys of Debian 13.
const KEYRING_DEB: &str =
    "https://deb.debian.org/debian/pool/main/d/debian-archive-keyring/debian-archive-keyring_2025.1_all.deb";

/// One thing a build needs or can use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What it is.
    pub name: &'static str,
    /// Whether a build fails without it.
    pub required: bool,
    /// Whether it is there.
    pub good: bool,
    /// What was found.
    pub found: String,
    /// The command that fixes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// What the facts mean for a build.
pub fn judge(facts: &Facts) -> Vec<Check> {
    let family = facts.family;
    let mut checks = vec![
        program("mmdebstrap", facts.mmdebstrap.as_deref(), family, "mmdebstrap"),
        program("bubblewrap", facts.bwrap.as_deref(), family, "bubblewrap"),
        keyring(facts),
        root(facts),
    ];
    checks.extend(space(&facts.space));
    checks.extend([memory(facts), sandbox(facts), loops(facts), kvm(facts)]);
    checks.extend(facts.emulation.map(|emulation| arm64(emulation, family)));
    checks.extend(lock(facts.lock));
    if !facts.root {
        checks.iter_mut().for_each(add_sudo);
    }
    checks
}

fn good(name: &'static str, required: bool, found: impl Into<String>) -> Check {
    Check {
        name,
        required,
        good: true,
        found: found.into(),
        fix: None,
    }
}

fn bad(name: &'static str, required: bool, found: impl Into<String>, fix: impl Into<String>) -> Check {
    Check {
        name,
        required,
        good: false,
        found: found.into(),
        fix: Some(fix.into()),
    }
}

/// Commands that change the system are run by root.
fn add_sudo(check: &mut Check) {
    const CHANGES: [&str; 12] = [
        "apt-get",
        "chmod",
        "dnf",
        "dpkg",
        "fallocate",
        "mkswap",
        "modprobe",
        "mount",
        "pacman",
        "swapon",
        "sysctl",
        "usermod",
    ];
    let as_root = |command: &str| {
        let changes = command
            .split(' ')
            .next()
            .is_some_and(|word| CHANGES.contains(&word));
        if changes {
            format!("sudo {command}")
        } else {
            command.to_owned()
        }
    };
    if let Some(fix) = &mut check.fix {
        *fix = fix.split(" && ").map(as_root).collect::<Vec<_>>().join(" && ");
    }
}

fn install(family: Family, package: &str) -> String {
    match family {
        Family::Debian => format!("apt-get update && apt-get install -y {package}"),
        Family::Fedora => format!("dnf install -y {package}"),
        Family::Arch => format!("pacman -S --needed --noconfirm {package}"),
        Family::Other => format!("install the package {package} with this system's package manager"),
    }
}

fn program(name: &'static str, at: Option<&str>, family: Family, package: &str) -> Check {
    match at {
        Some(path) => good(name, true, path),
        None => bad(name, true, "not found in PATH", install(family, package)),
    }
}

fn keyring(facts: &Facts) -> Check {
    let name = "keyring";
    let package = if facts.family == Family::Fedora {
        "debian-keyring"
    } else {
        "debian-archive-keyring"
    };
    match (&facts.keyring, facts.trixie_keys) {
        (None, _) => bad(
            name,
            true,
            format!("no {}", facts::KEYRING),
            install(facts.family, package),
        ),
        (Some(path), true) => good(name, true, format!("{path} has the keys of Debian 13")),
        (Some(path), false) => {
            let found = format!("{path} is older than Debian 13 and lacks its keys");
            let fix = match facts.family {
                // Releases before 2025 do not have a newer one in their own archive.
                Family::Debian => {
                    format!("curl -fLo /tmp/keyring.deb {KEYRING_DEB} && dpkg -i /tmp/keyring.deb")
                }
                Family::Fedora => "dnf upgrade -y debian-keyring".to_owned(),
                Family::Arch => "pacman -Syu --noconfirm debian-archive-keyring".to_owned(),
                Family::Other => format!("unpack {KEYRING_DEB} and copy usr/share/keyrings to /usr/share"),
            };
            bad(name, true, found, fix)
        }
    }
}

fn root(facts: &Facts) -> Check {
    if facts.root {
        good("root", true, "running as root")
    } else {
        bad(
            "root",
            true,
            "not running as root, but a build creates files of root and mounts file systems",
            format!("sudo {} doctor", invocation::name()),
        )
    }
}

/// One check for each file system; a build needs the room once.
fn space(spaces: &[Space]) -> Vec<Check> {
    let check = |space: &Space| {
        let places = space
            .places
            .iter()
            .map(|place| place.display().to_string())
            .collect::<Vec<_>>()
            .join(" and ");
        let Some(free) = space.free else {
            let shown = space
                .places
                .iter()
                .map(|place| format!("'{}'", place.display()))
                .collect::<Vec<_>>()
                .join(" ");
            return bad(
                "disk",
                true,
                format!("cannot tell the free space of {places}"),
                format!("df -h {shown}"),
            );
        };
        let found = format!("{} free for {places}", BinaryBytes(free));
        if free >= DISK_BYTES {
            good("disk", true, found)
        } else {
            let fix = format!(
                "name folders on a larger disk (`df -h` shows them): {} build --cache DIR --out DIR; {} are needed",
                invocation::name(),
                BinaryBytes(DISK_BYTES)
            );
            bad("disk", true, found, fix)
        }
    };
    spaces.iter().map(check).collect()
}

fn memory(facts: &Facts) -> Check {
    let Some(bytes) = facts.memory else {
        return bad(
            "memory",
            true,
            "cannot read /proc/meminfo",
            "mount -t proc proc /proc",
        );
    };
    let found = format!("{} with swap", BinaryBytes(bytes));
    if bytes >= MEMORY_REPORTED {
        return good("memory", true, found);
    }
    let fix = "fallocate -l 4G /swapfile && chmod 600 /swapfile && mkswap /swapfile && swapon /swapfile";
    bad(
        "memory",
        true,
        format!("{found}, {} are needed", BinaryBytes(MEMORY_BYTES)),
        fix,
    )
}

fn sandbox(facts: &Facts) -> Check {
    let name = "sandbox";
    match &facts.sandbox {
        Sandbox::Works => good(name, true, "bubblewrap makes namespaces and mounts"),
        Sandbox::Untried => bad(
            name,
            true,
            "not tried without bubblewrap",
            install(facts.family, "bubblewrap"),
        ),
        Sandbox::Fails {
            message,
            container,
            restricted,
        } => {
            let fix = if *container {
                "start this container with the right to mount: podman run --privileged (or docker run --privileged)"
            } else if *restricted {
                "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
            } else {
                "sysctl -w user.max_user_namespaces=15000 user.max_mnt_namespaces=15000"
            };
            bad(
                name,
                true,
                format!("bubblewrap cannot make namespaces or mounts: {message}"),
                fix,
            )
        }
    }
}

fn loops(facts: &Facts) -> Check {
    if facts.loops {
        good("loop", false, "/dev/loop-control is there")
    } else {
        bad(
            "loop",
            false,
            "no loop devices; only the tests of `flash` use them",
            "modprobe loop",
        )
    }
}

fn kvm(facts: &Facts) -> Check {
    let name = "kvm";
    match &facts.kvm {
        Kvm::Opens => good(
            name,
            false,
            "/dev/kvm opens; `smoke` tries to boot with it, and uses TCG if that fails",
        ),
        Kvm::Denied => bad(
            name,
            false,
            "/dev/kvm is there but may not be opened; `smoke` uses TCG, which is slower",
            "usermod -aG kvm \"$USER\" (then log in again)",
        ),
        Kvm::Absent { cpu: Some(module) } => bad(
            name,
            false,
            "no /dev/kvm; `smoke` uses TCG, which is slower",
            format!("modprobe {module} (when that fails, switch virtualisation on in the firmware)"),
        ),
        Kvm::Absent { cpu: None } => Check {
            name,
            required: false,
            good: false,
            found: "this CPU offers no virtualisation; `smoke` uses TCG, which is slower".to_owned(),
            fix: None,
        },
    }
}

/// Whether images for arm64 can be built on another machine.
fn arm64(emulation: Emulation, family: Family) -> Check {
    let name = "arm64";
    match emulation {
        Emulation::Private => good(
            name,
            false,
            "the kernel emulates programs of arm64 inside a build",
        ),
        Emulation::Machine => good(name, false, "programs of arm64 are emulated on this machine"),
        Emulation::Absent => bad(
            name,
            false,
            "nothing runs programs of arm64; only `build --arch arm64` needs that, and Linux 6.7 or later brings it",
            match family {
                Family::Debian => install(family, "qemu-user-binfmt"),
                Family::Arch => install(family, "qemu-user-static-binfmt"),
                Family::Fedora | Family::Other => install(family, "qemu-user-static"),
            },
        ),
    }
}

fn lock(lock: LockFile) -> Option<Check> {
    let name = "lock";
    let renew = format!("{} lock --update", invocation::name());
    match lock {
        LockFile::Absent => None,
        LockFile::Undated => Some(bad(
            name,
            false,
            "image/image.lock does not say when it was written",
            renew,
        )),
        LockFile::Age(age) => {
            let days = age.as_secs() / 86_400;
            let unit = if days == 1 { "day" } else { "days" };
            let found = format!("image/image.lock is {days} {unit} old");
            Some(if days < LOCK_DAYS {
                good(name, false, found)
            } else {
                let gone = "the archive may no longer have its packages, which `build --locked` needs";
                bad(name, false, format!("{found}; {gone}"), renew)
            })
        }
    }
}
