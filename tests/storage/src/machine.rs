//! The machine that everything here runs in: the image of profile vm-test, live, with empty disks.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use sigmavault_image_builder::cli::default_cache;
use sigmavault_image_builder::pipeline::stages::tools;
use sigmavault_image_builder::smoke::TestImage;
use sigmavault_vm::{Accelerator, Boot, Bus, GIB, Image, Logs, Rig, Session, ToolsTree, interrupt_flag};

use crate::error::Error;
use crate::options::Place;

/// Waits until little is left to start. A disk that is partitioned meanwhile may be found too late, and ZFS then gives up.
const SETTLED: &str = "timeout 20 systemctl is-system-running --wait; udevadm settle";
/// Longest the machine may take to start.
const START_LIMIT: Duration = Duration::from_mins(10);
/// Longest everything may take.
const LIMIT: Duration = Duration::from_hours(2);

/// Starts the machine with so many disks of 1 GiB, `SV-DISK-01` and on, and does something in it. `tree` is the root of the source tree.
pub fn with(
    place: &Place,
    tree: &Path,
    disks: usize,
    work: impl FnOnce(&mut Boot<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    with_rig(place, tree, disks, |rig, _| Ok(rig), |boot, _| work(boot))
}

/// The same with a rig that is changed before; both are told the folder of the disk images.
pub fn with_rig(
    place: &Place,
    tree: &Path,
    disks: usize,
    change: impl FnOnce(Rig, &Path) -> Result<Rig, Error>,
    work: impl FnOnce(&mut Boot<'_>, &Path) -> Result<(), Error>,
) -> Result<(), Error> {
    let iso = place.iso.clone();
    let image = TestImage::open(&iso.unwrap_or_else(|| tree.join("out/sigmavault-vm-test-amd64.iso")))?;
    let tools = ToolsTree {
        root: tools::existing(tree, &default_cache(), image.arch)?,
    };
    let temporary = folder_in(&std::env::temp_dir())?;
    let folder = place.work.as_deref().unwrap_or(temporary.path());
    fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    let folder = fs::canonicalize(folder).map_err(Error::io("open", folder))?;
    let mut rig = Rig::new(folder.join("vars.fd")).iso(&image.iso);
    for number in 1..=disks {
        let disk = Image::create(folder.join(format!("disk-{number:02}.raw")), GIB)?;
        rig = rig.drive(&disk, &format!("SV-DISK-{number:02}"), Bus::Virtio);
    }
    let rig = change(rig, &folder)?;
    let sockets = folder_in(&std::env::temp_dir())?;
    let interrupted = interrupt_flag().map_err(Error::io("listen for signals in", Path::new(".")))?;
    let logs = Logs::new(&folder);
    let accelerator = Accelerator::Tcg;
    let machine = rig.machine(image.board(), accelerator, &tools, sockets.path(), logs.clone())?;
    let session = Session::start(&machine, &tools, &interrupted)?;
    let deadline = Instant::now() + LIMIT;
    let mut boot = Boot::new(session, &tools, deadline, sockets.path().to_owned(), logs).patient();
    boot.wait_for_system(START_LIMIT)?;
    boot.run(SETTLED)?;
    eprintln!("== started after {} s", boot.elapsed().as_secs());
    work(&mut boot, &folder)
}

/// A folder that is gone after the run. The path of a socket has at most 107 bytes, and this one is short.
fn folder_in(parent: &Path) -> Result<tempfile::TempDir, Error> {
    tempfile::Builder::new()
        .prefix("sv-")
        .tempdir_in(parent)
        .map_err(Error::io("create a folder in", parent))
}
