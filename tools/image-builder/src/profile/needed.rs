//! What no profile may take out of an image: the files and packages without which it does not start or cannot be checked.

use super::glob;

/// Files and folders that stay. A pattern that matches one of them, or a folder that one of them is in, is refused.
const FILES: &[&str] = &[
    // the programs that start everything else, and what those are loaded by
    "/usr/bin/bash",
    "/usr/bin/sh",
    "/usr/bin/mount",
    "/usr/sbin/init",
    "/usr/lib/systemd/systemd",
    "/usr/lib/systemd/systemd-udevd",
    "/usr/lib/systemd/system/sysinit.target",
    "/usr/lib/systemd/system-generators/systemd-veritysetup-generator",
    "/usr/lib/udev/rules.d/99-systemd.rules",
    "/usr/lib/tmpfiles.d/etc.conf",
    "/usr/lib/x86_64-linux-gnu/libc.so.6",
    "/usr/lib/aarch64-linux-gnu/libc.so.6",
    "/usr/lib64/ld-linux-x86-64.so.2",
    "/usr/lib/ld-linux-aarch64.so.1",
    // the kernel's part
    "/usr/lib/modules/VERSION/kernel/MODULE",
    "/usr/lib/modules/VERSION/modules.dep.bin",
    "/usr/lib/firmware/FILE",
    // who and what the system is
    "/usr/lib/os-release",
    "/usr/lib/sigmavault/image.json",
    "/usr/lib/sigmavault/repart.d/10-esp.conf",
    "/usr/bin/sigmavault",
    "/usr/share/dbus-1/system.conf",
    "/etc/group",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/os-release",
    "/etc/pam.d/login",
    "/etc/passwd",
    "/etc/shadow",
    "/etc/sudoers",
    "/etc/ssl/certs/ca-certificates.crt",
    // where other file systems are mounted, and names that programs have always had
    "/bin",
    "/boot",
    "/dev",
    "/efi",
    "/home",
    "/lib",
    "/lib64",
    "/media",
    "/mnt",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/srv",
    "/sys",
    "/tmp",
    // what the list of packages is read from
    "/var/lib/dpkg/status",
];

/// Packages that stay.
pub const PACKAGES: &[&str] = &[
    "base-files",
    "base-passwd",
    "bash",
    "coreutils",
    "dash",
    "dbus",
    "dpkg",
    "kmod",
    "libc6",
    "login",
    "mount",
    "passwd",
    "sudo",
    "systemd",
    "systemd-sysv",
    "udev",
    "util-linux",
];

/// The file or folder of the system that `rm -r` of this pattern would take away.
pub fn lost(pattern: &str) -> Option<&'static str> {
    let wanted = parts(pattern).collect::<Vec<_>>();
    FILES.iter().copied().find(|file| {
        let mut file = parts(file);
        // Every part of the pattern matches: the pattern names this file, or a folder above it.
        wanted
            .iter()
            .all(|part| file.next().is_some_and(|name| glob::matches(part, name)))
    })
}

/// Whether an image cannot do without this package.
pub fn is_needed(package: &str) -> bool {
    PACKAGES.contains(&package)
}

fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_needs_is_found_below_a_pattern() {
        for (pattern, expected) in [
            ("/usr", Some("/usr/bin/bash")),
            ("/us?", Some("/usr/bin/bash")),
            ("/usr/*", Some("/usr/bin/bash")),
            ("/*/lib", Some("/usr/lib/systemd/systemd")),
            ("/etc", Some("/etc/group")),
            ("/etc/pass*", Some("/etc/passwd")),
            (
                "/usr/lib/modules/*/kernel",
                Some("/usr/lib/modules/VERSION/kernel/MODULE"),
            ),
            ("/usr/lib/firmware/*", Some("/usr/lib/firmware/FILE")),
            ("/var/lib/dpkg/status", Some("/var/lib/dpkg/status")),
            ("/usr/share/doc/*", None),
            ("/etc/cron.*", None),
            ("/usr/bin/bash/x", None),
            ("/usr/lib/firmware/*/x", None),
        ] {
            assert_eq!(lost(pattern), expected, "{pattern}");
        }
    }
}
