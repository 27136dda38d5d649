//! Records what zpool, zfs and zdb print: boots the ISO with empty disks, runs the scripts of this folder in it, each
//! after `prelude.sh`, and fetches the files that they leave.
//!
//! A recorded command leaves `NAME.json` or `NAME.txt` with what it printed, `NAME.stderr` with what it complained of,
//! and a line in `index.tsv`: name, exit status, milliseconds, command.

mod fetch;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use sigmavault_image_builder::cli::default_cache;
use sigmavault_image_builder::pipeline::stages::tools;
use sigmavault_image_builder::smoke::TestImage;
use sigmavault_vm::{Accelerator, Boot, Bus, GIB, Image, Logs, Rig, Session, ToolsTree, interrupt_flag};

use crate::error::Error;
use crate::options::Record;

/// What each part is run after.
const PRELUDE: &str = include_str!("prelude.sh");
/// The parts, in the order in which they run.
const PARTS: [(&str, &str); 9] = [
    ("classes", include_str!("classes.sh")),
    ("kinds", include_str!("kinds.sh")),
    ("damage", include_str!("damage.sh")),
    ("change", include_str!("change.sh")),
    ("import", include_str!("import.sh")),
    ("datasets", include_str!("datasets.sh")),
    ("keys", include_str!("keys.sh")),
    ("refusals", include_str!("refusals.sh")),
    ("lost", include_str!("lost.sh")),
];
/// Disks of the machine, 1 GiB each.
const DISKS: usize = 12;
/// Waits until little is left to start. A disk that is partitioned meanwhile may be found too late, and ZFS then gives up.
const SETTLED: &str = "timeout 20 systemctl is-system-running --wait; udevadm settle";
/// Longest the machine may take to start.
const START_LIMIT: Duration = Duration::from_mins(10);
/// Longest one part may take.
const PART_LIMIT: Duration = Duration::from_mins(15);
/// Longest all may take.
const LIMIT: Duration = Duration::from_hours(2);

/// Records the parts that were asked for; all when none was. `tree` is the root of the source tree.
pub fn run(asked: &Record, tree: &Path) -> Result<(), Error> {
    let iso = asked.iso.clone();
    let image = TestImage::open(&iso.unwrap_or_else(|| tree.join("out/sigmavault-vm-test-amd64.iso")))?;
    let tools = ToolsTree {
        root: tools::existing(tree, &default_cache(), image.arch)?,
    };
    let temporary = folder_in(&std::env::temp_dir())?;
    let work = asked.work.as_deref().unwrap_or(temporary.path());
    fs::create_dir_all(work).map_err(Error::io("create", work))?;
    let work = fs::canonicalize(work).map_err(Error::io("open", work))?;
    let mut rig = Rig::new(work.join("vars.fd")).iso(&image.iso);
    for number in 1..=DISKS {
        let disk = Image::create(work.join(format!("disk-{number:02}.raw")), GIB)?;
        rig = rig.drive(&disk, &format!("SV-DISK-{number:02}"), Bus::Virtio);
    }
    let sockets = folder_in(&std::env::temp_dir())?;
    let interrupted = interrupt_flag().map_err(Error::io("listen for signals in", Path::new(".")))?;
    let logs = Logs::new(&work);
    let accelerator = Accelerator::Tcg;
    let machine = rig.machine(image.board(), accelerator, &tools, sockets.path(), logs.clone())?;
    let session = Session::start(&machine, &tools, &interrupted)?;
    let deadline = Instant::now() + LIMIT;
    let mut boot = Boot::new(session, &tools, deadline, sockets.path().to_owned(), logs).patient();
    boot.wait_for_system(START_LIMIT)?;
    boot.run(SETTLED)?;
    eprintln!("== started after {} s", boot.elapsed().as_secs());
    parts(&mut boot, asked)
}

fn parts(boot: &mut Boot<'_>, asked: &Record) -> Result<(), Error> {
    let wanted = |name: &str| asked.parts.is_empty() || asked.parts.iter().any(|part| part == name);
    for (part, script) in PARTS.into_iter().filter(|(name, _)| wanted(name)) {
        let answer = boot.run_for(&format!("{PRELUDE}\n{script}"), PART_LIMIT)?;
        eprintln!("== {part}: {} s", answer.took.as_secs());
        if !answer.output.is_empty() {
            eprintln!("{}", answer.output);
        }
        if matches!(answer.status, 124 | 137) {
            eprintln!("{part} took too long: what follows is not recorded");
        }
        fetch::recordings(boot, &asked.out)?;
    }
    Ok(())
}

/// A folder that is gone after the run. The path of a socket has at most 107 bytes, and this one is short.
fn folder_in(parent: &Path) -> Result<tempfile::TempDir, Error> {
    tempfile::Builder::new()
        .prefix("sv-")
        .tempdir_in(parent)
        .map_err(Error::io("create a folder in", parent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn the_parts_are_bash() {
        for (part, script) in PARTS {
            let status = Command::new("bash")
                .args(["-n", "-c", &format!("{PRELUDE}\n{script}")])
                .status()
                .unwrap();
            assert_eq!(status.code(), Some(0), "{part}");
        }
    }
}
