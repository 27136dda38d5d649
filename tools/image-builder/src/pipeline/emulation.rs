//! Programs of another architecture, run while an image is made: the kernel hands them to QEMU's user emulation
//! (`binfmt_misc`, Documentation/admin-guide/binfmt-misc.rst), and that in a user namespace alone, so that the host stays as
//! it is.
//!
//! A command is run through this program again, as `sigmavault-image emulated ARCH INTERPRETER PROGRAM ARGS`. That makes a user
//! namespace in which every number stands for itself, registers the emulator there, and becomes the program.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::context::Context;
use super::error::EnvironmentError;
use super::stages::tools::Tools;
use super::stages::zfs::release;
use crate::profile::Arch;

/// User and group numbers of the namespace: each stands for itself, so that files have the owners that they are given.
const NUMBERS: &str = "0 0 65536";
/// Where the kernel's list of interpreters is mounted.
const LIST: &str = "/proc/sys/fs/binfmt_misc";

/// How programs of another architecture can be run on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emulation {
    /// The kernel keeps a list of interpreters for each user namespace (Linux 6.7).
    Private,
    /// The machine's own list has an emulator.
    Machine,
    /// The kernel is older, and the machine's list has none.
    Absent,
}

impl Emulation {
    /// What this machine has for an architecture.
    pub fn of(arch: Arch) -> Self {
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let list = Path::new(LIST);
        let files = list.read_dir().into_iter().flatten().flatten();
        let entries = files.filter_map(|file| fs::read_to_string(file.path()).ok());
        Self::from(&kernel, &entries.collect::<Vec<_>>(), arch)
    }

    fn from(kernel: &str, entries: &[String], arch: Arch) -> Self {
        if release(kernel) >= (6, 7) {
            return Self::Private;
        }
        // The emulator must be open already (F): it is not in the trees that it is wanted for.
        let processor = emulator(arch).trim_start_matches("qemu-");
        let here = |entry: &String| {
            entry.starts_with("enabled")
                && entry
                    .lines()
                    .any(|line| line.starts_with("interpreter ") && line.contains(processor))
                && entry
                    .lines()
                    .any(|line| line.starts_with("flags: ") && line.contains('F'))
        };
        if entries.iter().any(here) {
            Self::Machine
        } else {
            Self::Absent
        }
    }
}

/// The command, for a tree of the image's architecture: as it is where the builder has the same, else through the emulator.
pub fn run_for(context: &Context, tools: &Tools, command: Command) -> Result<Command, EnvironmentError> {
    if !context.arch.is_foreign() {
        return Ok(command);
    }
    match Emulation::of(context.arch) {
        Emulation::Private => {}
        Emulation::Machine => return Ok(command),
        Emulation::Absent => return Err(EnvironmentError::NoEmulation { arch: context.arch }),
    }
    // Not its path: another build may have put a newer program there.
    let mut outer = Command::new("/proc/self/exe");
    outer
        .args(["emulated", context.arch.name()])
        .arg(tools.root.join("usr/bin").join(emulator(context.arch)))
        .arg(command.get_program())
        .args(command.get_args());
    Ok(outer)
}

/// The name of QEMU's user emulation.
const fn emulator(arch: Arch) -> &'static str {
    match arch {
        Arch::Amd64 => "qemu-x86_64",
        Arch::Arm64 => "qemu-aarch64",
    }
}

/// How the kernel knows programs of an architecture, and what it does with them: `F` opens the emulator now, so that it is found from
/// any root; `O` hands it the open program, and `C` keeps set-user-ID.
fn registration(arch: Arch, interpreter: &Path) -> Vec<u8> {
    // ELF, 64 bits, little-endian, version 1; the ABI may be any; executables and shared objects; the machine.
    let machine = arch.elf_machine();
    let magic = format!(
        "\\x7fELF\\x02\\x01\\x01{}\\x02\\x00\\x{:02x}\\x{:02x}",
        "\\x00".repeat(9),
        machine & 0xff,
        machine >> 8
    );
    let mask = format!(
        "{}\\x00{}\\xfe{}",
        "\\xff".repeat(7),
        "\\xff".repeat(8),
        "\\xff".repeat(3)
    );
    let mut line = format!(":sigmavault:M::{magic}:{mask}:").into_bytes();
    line.extend(interpreter.as_os_str().as_encoded_bytes());
    line.extend(b":OCF");
    line
}

/// `emulated`: becomes `program`, with the emulator registered for it and all that it starts. Returns only what failed.
pub fn become_program(
    arch: Arch,
    interpreter: &Path,
    program: &OsStr,
    args: &[OsString],
) -> EnvironmentError {
    match enter(arch, interpreter) {
        Ok(()) => EnvironmentError::NotStarted {
            program: program.to_owned(),
            reason: Command::new(program).args(args).exec(),
        },
        Err(error) => error,
    }
}

fn enter(arch: Arch, interpreter: &Path) -> Result<(), EnvironmentError> {
    let failed = |what| move |reason| EnvironmentError::Emulation { what, reason };
    // The numbers are set by a process outside of the namespace, once that is there.
    let me = std::process::id();
    let mut helper = Command::new("sh")
        .args([
            "-euc",
            "echo ready; read -r _; echo \"$2\" >/proc/$1/uid_map; echo \"$2\" >/proc/$1/gid_map",
            "sh",
        ])
        .args([&me.to_string(), NUMBERS])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed("start a shell"))?;
    let mut ready = [0];
    let waited = helper.stdout.as_mut().map(|out| out.read_exact(&mut ready));
    waited.transpose().map_err(failed("start a shell"))?;
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)
        .map_err(|errno| failed("make a user namespace")(errno.into()))?;
    if let Some(mut input) = helper.stdin.take() {
        input
            .write_all(b"\n")
            .map_err(failed("set the numbers of a user namespace"))?;
    }
    let status = helper
        .wait()
        .map_err(failed("set the numbers of a user namespace"))?;
    if !status.success() {
        return Err(failed("set the numbers of a user namespace")(
            std::io::Error::other(status.to_string()),
        ));
    }
    mount(
        Some("binfmt_misc"),
        LIST,
        Some("binfmt_misc"),
        MsFlags::empty(),
        None::<&str>,
    )
    .map_err(|errno| failed("mount binfmt_misc in a user namespace")(errno.into()))?;
    fs::write(Path::new(LIST).join("register"), registration(arch, interpreter))
        .map_err(failed("register the emulator"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_machine_has() {
        let entry = "enabled\ninterpreter /usr/libexec/qemu-binfmt/aarch64-binfmt-P\nflags: POCF\n";
        let other = "enabled\ninterpreter /usr/bin/qemu-aarch64\nflags: OCF\n";
        let unopened = "enabled\ninterpreter /usr/bin/qemu-aarch64\nflags: OC\n";
        let off = "disabled\ninterpreter /usr/bin/qemu-aarch64\nflags: OCF\n";
        for (release, entry, expected) in [
            ("6.7.0-rc1", "", Emulation::Private),
            ("6.18.44-fc", other, Emulation::Private),
            ("10.0", "", Emulation::Private),
            ("6.1.0-44-amd64", "", Emulation::Absent),
            ("6.1.0-44-amd64", entry, Emulation::Machine),
            ("6.1.0-44-amd64", other, Emulation::Machine),
            ("6.1.0-44-amd64", unopened, Emulation::Absent),
            ("6.1.0-44-amd64", off, Emulation::Absent),
            ("", "", Emulation::Absent),
        ] {
            let found = Emulation::from(release, &[entry.to_owned()], Arch::Arm64);
            assert_eq!(found, expected, "{release} {entry}");
        }
    }

    #[test]
    fn the_kernel_is_told_what_an_arm64_program_is() {
        let line =
            String::from_utf8(registration(Arch::Arm64, Path::new("/t/usr/bin/qemu-aarch64"))).unwrap();
        let zeros = r"\x00".repeat(9);
        let (ones, more) = (r"\xff".repeat(7), r"\xff".repeat(8));
        assert_eq!(
            line,
            format!(
                r":sigmavault:M::\x7fELF\x02\x01\x01{zeros}\x02\x00\xb7\x00:{ones}\x00{more}\xfe\xff\xff\xff:/t/usr/bin/qemu-aarch64:OCF"
            )
        );
        // 20 bytes each: up to and with e_machine.
        let fields = line.split(':').collect::<Vec<_>>();
        assert_eq!(fields[4].replace("ELF", r"\x45\x4c\x46").len(), 20 * 4);
        assert_eq!(fields[5].len(), 20 * 4);
    }
}
