//! Checks on the finished root tree, before it is sealed: small named functions, each saying what is wrong.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::tools::Tools;
use crate::drivers::proof::Promise;
use crate::drivers::tree::{ASK, KernelTree, wanted};
use crate::pipeline::context::Context;
use crate::pipeline::error::{InputError, Problem};
use crate::pipeline::run::Runner;
use crate::pipeline::sandbox::inside;
use crate::profile::Arch;

/// What a check looks at.
#[derive(Debug)]
struct Tree<'a> {
    root: &'a Path,
    /// The processors that it is for.
    arch: Arch,
    /// `image/checks`.
    golden: PathBuf,
}

/// A check: returns faults, each naming a path, or an error if the tree cannot be read.
type Check = fn(&Tree) -> Result<Vec<String>, Problem>;

/// Checks that look at the tree alone.
const CHECKS: &[(&str, Check)] = &[
    ("no identity", no_identity),
    ("no passwords", no_passwords),
    ("no compiler, headers or package sources", nothing_of_the_making),
    ("set-id programs", set_id_programs),
    ("enabled units", enabled_units),
    ("state", state),
    ("no program for other processors", foreign_programs),
];

/// Runs all of them; an error names every fault.
pub fn run(
    context: &Context,
    tools: &Tools,
    runner: &Runner,
    root: &Path,
    kernel: &str,
) -> Result<(), Problem> {
    let tree = Tree {
        root,
        arch: context.arch,
        golden: context.image_path("checks"),
    };
    let mut faults = Vec::new();
    for (name, check) in CHECKS {
        let found = check(&tree)?;
        runner.note(&format!("check: {name}: {} faults", found.len()));
        faults.extend(found.into_iter().map(|fault| format!("{name}: {fault}")));
    }
    faults.extend(drivers(context, tools, runner, root, kernel)?);
    if faults.is_empty() {
        return Ok(());
    }
    for fault in &faults {
        runner.note(&format!("fault: {fault}"));
    }
    Err(InputError::TreeFaults(faults).into())
}

/// No machine-id, host id, host key or random seed: every machine makes its own.
fn no_identity(tree: &Tree) -> Result<Vec<String>, Problem> {
    let mut faults = Vec::new();
    let id = tree.root.join("etc/machine-id");
    if fs::read(&id).map_err(Problem::io("read", &id))? != b"" {
        faults.push("etc/machine-id is not empty".to_owned());
    }
    for (folder, prefix) in [
        ("etc", "hostid"),
        ("etc/nvme", "host"),
        ("etc/ssh", "ssh_host_"),
        ("var/lib/systemd", "random-seed"),
        ("etc/ssl/private", ""),
        ("etc/wireguard", ""),
    ] {
        for name in names(&tree.root.join(folder))? {
            if name.starts_with(prefix) {
                faults.push(format!("{folder}/{name} must not be in an image"));
            }
        }
    }
    Ok(faults)
}

/// Every account is locked.
fn no_passwords(tree: &Tree) -> Result<Vec<String>, Problem> {
    let path = tree.root.join("etc/shadow");
    let text = fs::read_to_string(&path).map_err(Problem::io("read", &path))?;
    Ok(unlocked(&text)
        .into_iter()
        .map(|name| format!("account {name} has a password or needs none"))
        .collect())
}

/// Accounts of a shadow file (shadow(5)) that can log in.
fn unlocked(shadow: &str) -> Vec<&str> {
    let accounts = shadow.lines().filter_map(|line| {
        let mut fields = line.split(':');
        Some((fields.next()?, fields.next().unwrap_or_default()))
    });
    accounts
        .filter(|(_, hash)| !hash.starts_with(['!', '*']))
        .map(|(name, _)| name)
        .collect()
}

/// No tools or leftovers of making the image.
fn nothing_of_the_making(tree: &Tree) -> Result<Vec<String>, Problem> {
    let mut faults = Vec::new();
    for path in [
        "usr/bin/gcc",
        "usr/bin/cc",
        "usr/bin/cpp",
        "usr/bin/ld",
        "usr/bin/rustc",
        "usr/sbin/dkms",
        "usr/sbin/policy-rc.d",
        "usr/share/man/man3",
    ] {
        if tree.root.join(path).symlink_metadata().is_ok() {
            faults.push(path.to_owned());
        }
    }
    for folder in [
        "usr/src",
        "usr/include",
        "etc/apt/sources.list.d",
        "boot",
        "var/lib/apt",
        "var/cache",
        "var/log",
        "var/tmp",
        "tmp",
    ] {
        for name in names(&tree.root.join(folder))? {
            faults.push(format!("{folder}/{name}"));
        }
    }
    Ok(faults)
}

/// Only programs of the golden list have a set-user-ID or set-group-ID bit.
fn set_id_programs(tree: &Tree) -> Result<Vec<String>, Problem> {
    let allowed = list(&tree.golden.join("set-id.txt"))?;
    let mut found = Vec::new();
    walk(tree.root, &mut |path, about| {
        let mode = about.permissions().mode();
        if about.is_file() && mode & 0o6000 != 0 {
            let inside = path.strip_prefix(tree.root).unwrap_or(path).display();
            found.push(format!(
                "/{inside} {:04o} {}:{}",
                mode & 0o7777,
                about.uid(),
                about.gid()
            ));
        }
    })?;
    // Group numbers depend on the order of installation: what counts is the program, its mode and its owner.
    let without_group = |line: &str| {
        line.rsplit_once(':')
            .map_or_else(|| line.to_owned(), |(rest, _)| rest.to_owned())
    };
    Ok(found
        .into_iter()
        .filter(|line| !allowed.contains(&without_group(line)))
        .map(|line| format!("{line} is not in image/checks/set-id.txt"))
        .collect())
}

/// Only units that a preset names start automatically.
fn enabled_units(tree: &Tree) -> Result<Vec<String>, Problem> {
    let presets = tree.root.join("usr/lib/systemd/system-preset");
    let mut enabled = BTreeSet::new();
    for name in names(&presets)? {
        let path = presets.join(name);
        let text = fs::read_to_string(&path).map_err(Problem::io("read", &path))?;
        enabled.extend(
            text.lines()
                .filter_map(|line| Some(line.strip_prefix("enable ")?.trim().to_owned())),
        );
    }
    let system = tree.root.join("etc/systemd/system");
    let mut faults = Vec::new();
    for folder in names(&system)? {
        if !matches!(folder.rsplit_once('.'), Some((_, "wants" | "requires"))) {
            continue;
        }
        for unit in names(&system.join(&folder))? {
            if !named(&enabled, &unit) && !brought_along(tree, &enabled, &unit) {
                faults.push(format!("{folder}/{unit}: no preset enables it"));
            }
        }
    }
    Ok(faults)
}

/// Whether a preset names the unit or its template.
fn named(enabled: &BTreeSet<String>, unit: &str) -> bool {
    let template = unit.split_once('@').map(|(name, rest)| {
        let kind = rest.rsplit_once('.').map_or("", |(_, kind)| kind);
        format!("{name}@.{kind}")
    });
    enabled.contains(unit) || template.is_some_and(|template| enabled.contains(&template))
}

/// Whether an enabled unit names it in `Also=`.
fn brought_along(tree: &Tree, enabled: &BTreeSet<String>, unit: &str) -> bool {
    for name in enabled {
        let path = tree.root.join("usr/lib/systemd/system").join(name);
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        let also = text.lines().filter_map(|line| line.strip_prefix("Also="));
        if also.flat_map(str::split_whitespace).any(|also| also == unit) {
            return true;
        }
    }
    false
}

/// /var starts nearly empty: it holds only what packages need there.
fn state(tree: &Tree) -> Result<Vec<String>, Problem> {
    let allowed = list(&tree.golden.join("state.txt"))?;
    let mut faults = Vec::new();
    for name in names(&tree.root.join("var"))? {
        let folder = tree.root.join("var").join(&name);
        if folder.is_symlink() || name == "lib" || name == ".updated" {
            continue;
        }
        walk(&folder, &mut |path, about| {
            if about.is_file() {
                faults.push(format!(
                    "/{}",
                    path.strip_prefix(tree.root).unwrap_or(path).display()
                ));
            }
        })?;
    }
    for name in names(&tree.root.join("var/lib"))? {
        let line = format!("/var/lib/{name}");
        let mut files = 0;
        walk(&tree.root.join("var/lib").join(&name), &mut |_, about| {
            files += usize::from(!about.is_dir());
        })?;
        if files > 0 && !allowed.contains(&line) {
            faults.push(format!(
                "{line}: {files} files, and it is not in image/checks/state.txt"
            ));
        }
    }
    Ok(faults)
}

/// Every driver and every device that the profile promises is there, with firmware where that exists in Debian.
fn drivers(
    context: &Context,
    tools: &Tools,
    runner: &Runner,
    root: &Path,
    kernel: &str,
) -> Result<Vec<String>, Problem> {
    let tree = KernelTree::open(root, kernel)?;
    let promise = Promise::of(&context.profile);
    let concerned = Vec::from_iter(tree.concerned(&promise)).join(" ");
    let sandbox = context
        .sandbox(&tools.root)
        .show(root, inside::TREE)
        .env("TREE", inside::TREE)
        .env("KERNEL", kernel)
        .env("DRIVERS", concerned);
    let answer = runner.read(&mut sandbox.script(ASK))?;
    let lacks = tree.lacks(&promise, &wanted(&answer));
    runner.note(&format!(
        "check: {} drivers and {} devices: {} faults",
        promise.modules.len(),
        promise.ids.len(),
        lacks.len()
    ));
    Ok(lacks.iter().map(|lack| format!("drivers: {lack}")).collect())
}

/// Programs and libraries are for the image's processors. Firmware is for those of devices.
fn foreign_programs(tree: &Tree) -> Result<Vec<String>, Problem> {
    let firmware = tree.root.join("usr/lib/firmware");
    let mut files = Vec::new();
    walk(tree.root, &mut |path, about| {
        if about.is_file() && about.len() >= ELF_HEAD as u64 && !path.starts_with(&firmware) {
            files.push(path.to_owned());
        }
    })?;
    let mut faults = Vec::new();
    for path in files {
        let mut head = [0; ELF_HEAD];
        let read = fs::File::open(&path).and_then(|mut file| file.read_exact(&mut head));
        read.map_err(Problem::io("read", &path))?;
        if let Some(machine) = elf_machine(&head).filter(|machine| *machine != tree.arch.elf_machine()) {
            let inside = path.strip_prefix(tree.root).unwrap_or(&path).display();
            faults.push(format!("/{inside} is for ELF machine {machine}"));
        }
    }
    Ok(faults)
}

/// Bytes of an ELF file up to and with `e_machine`.
const ELF_HEAD: usize = 20;

/// `e_machine` of an ELF file; `None` for any other file.
fn elf_machine(head: &[u8; ELF_HEAD]) -> Option<u16> {
    let number = [head[18], head[19]];
    let number = if head[5] == 2 {
        u16::from_be_bytes(number)
    } else {
        u16::from_le_bytes(number)
    };
    head.starts_with(b"\x7fELF").then_some(number)
}

/// Lines of a golden list, without comments.
fn list(path: &Path) -> Result<BTreeSet<String>, Problem> {
    let text = fs::read_to_string(path).map_err(Problem::io("read", path))?;
    Ok(text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect())
}

/// Names in a folder, sorted; none when there is no such folder.
fn names(folder: &Path) -> Result<Vec<String>, Problem> {
    let entries = match folder.read_dir() {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Problem::io("list", folder)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(
            entry
                .map_err(Problem::io("list", folder))?
                .file_name()
                .to_string_lossy()
                .into_owned(),
        );
    }
    names.sort();
    Ok(names)
}

/// Visits a path and all below it, links not followed.
fn walk(path: &Path, visit: &mut dyn FnMut(&Path, &fs::Metadata)) -> Result<(), Problem> {
    let about = path.symlink_metadata().map_err(Problem::io("read", path))?;
    visit(path, &about);
    if about.is_dir() {
        for name in names(path)? {
            walk(&path.join(name), visit)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_locked_accounts_pass() {
        let shadow = "root:*:20000::::::\nlive:!:1\ndaemon:!*:1\nopen::1\nhash:$y$j9T$x:1\n";
        assert_eq!(unlocked(shadow), ["open", "hash"]);
    }

    #[test]
    fn a_unit_is_named_by_itself_or_its_template() {
        let enabled = BTreeSet::from(["getty@.service".to_owned(), "a.timer".to_owned()]);
        for (unit, expected) in [
            ("getty@tty1.service", true),
            ("a.timer", true),
            ("a.service", false),
            ("b@x.timer", false),
        ] {
            assert_eq!(named(&enabled, unit), expected, "{unit}");
        }
    }

    /// A tree that passes every check, for tests that break it in one place.
    fn tree() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let (root, golden) = (folder.path().join("root"), folder.path().join("golden"));
        for path in [
            "etc/ssh",
            "etc/systemd/system",
            "usr/lib/systemd/system-preset",
            "usr/bin",
            "var/lib",
            "var/log",
        ] {
            fs::create_dir_all(root.join(path)).unwrap();
        }
        fs::create_dir_all(&golden).unwrap();
        fs::write(root.join("etc/machine-id"), "").unwrap();
        fs::write(root.join("etc/shadow"), "root:*:1\n").unwrap();
        fs::write(golden.join("set-id.txt"), "/usr/bin/sudo 4755 0\n").unwrap();
        fs::write(golden.join("state.txt"), "/var/lib/dpkg\n").unwrap();
        (folder, root, golden)
    }

    fn faults(root: &Path, golden: &Path) -> Vec<String> {
        let tree = Tree {
            root,
            arch: Arch::Amd64,
            golden: golden.to_owned(),
        };
        CHECKS
            .iter()
            .flat_map(|(_, check)| check(&tree).unwrap())
            .collect()
    }

    #[test]
    fn each_fault_is_found() {
        let (_keep, root, golden) = tree();
        assert_eq!(faults(&root, &golden), [""; 0]);
        let spoil: &[(&str, &str, &str)] = &[
            ("etc/hostid", "x", "etc/hostid must not be in an image"),
            (
                "etc/machine-id",
                "b08dfa6083e7567a1921a715000001fb",
                "etc/machine-id is not empty",
            ),
            (
                "etc/ssh/ssh_host_rsa_key",
                "x",
                "etc/ssh/ssh_host_rsa_key must not be in an image",
            ),
            (
                "etc/shadow",
                "root::1\n",
                "account root has a password or needs none",
            ),
            ("usr/bin/gcc", "x", "usr/bin/gcc"),
            ("var/log/x", "x", "var/log/x"),
            (
                "var/lib/odd/file",
                "x",
                "/var/lib/odd: 1 files, and it is not in image/checks/state.txt",
            ),
            (
                "etc/systemd/system/multi-user.target.wants/ssh.service",
                "x",
                "multi-user.target.wants/ssh.service: no preset enables it",
            ),
        ];
        for (path, content, expected) in spoil {
            let (_keep, root, golden) = tree();
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
            let found = faults(&root, &golden);
            assert!(
                found.iter().any(|fault| fault == expected),
                "{expected}: {found:?}"
            );
        }
        let (_keep, root, golden) = tree();
        let mut head = *b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\xb7\0";
        fs::write(root.join("usr/bin/arm"), head).unwrap();
        fs::create_dir_all(root.join("usr/lib/firmware")).unwrap();
        fs::write(root.join("usr/lib/firmware/device"), head).unwrap();
        head[18] = 62;
        fs::write(root.join("usr/bin/own"), head).unwrap();
        assert_eq!(faults(&root, &golden), ["/usr/bin/arm is for ELF machine 183"]);
        fs::remove_file(root.join("usr/bin/arm")).unwrap();
        let program = root.join("usr/bin/tool");
        fs::write(&program, "x").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).unwrap();
        let about = program.metadata().unwrap();
        let expected = format!(
            "/usr/bin/tool 4755 {}:{} is not in image/checks/set-id.txt",
            about.uid(),
            about.gid()
        );
        assert_eq!(faults(&root, &golden), [expected]);
    }
}
