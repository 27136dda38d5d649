//! Machines and answers that cannot be installed: each is refused with its reason, and no disk is written.

use std::path::Path;
use std::process::Command;

use sigmavault_image_builder::smoke::{Bus, Memory, Share};

use crate::answers::{Answers, Selector};
use crate::bench::Bench;
use crate::disk::{GIB, Image};
use crate::error::Error;
use crate::rig::{Rig, SYSTEM};

/// Size of a disk that nothing fits on.
const TOO_SMALL: u64 = 2 * GIB;

/// Plays it.
pub fn run(bench: &mut Bench<'_>) -> Result<(), Error> {
    let answers = Answers::erase(SYSTEM);

    let machine = bench.empty_machine()?;
    let little = Rig {
        memory: Memory::gib(1),
        ..machine.rig()
    };
    bench.refused("1 GiB of memory", &little, &answers, "memory")?;

    let small = bench.blank(TOO_SMALL)?;
    let rig = Rig::new(bench.path("small.vars")).system(&small);
    bench.refused("a disk of 2 GiB", &rig, &answers, "the system needs")?;

    let machine = bench.empty_machine()?;
    let rig = machine.rig().drive(&bench.blank(GIB)?, "SV-OTHER", Bus::Virtio);
    let mut ambiguous = answers.clone();
    ambiguous.system.disk = Selector::Bus("virtio".to_owned());
    bench.refused("two disks that match", &rig, &ambiguous, "2 disks match")?;

    let machine = bench.empty_machine()?;
    make_foreign(bench, &machine.system)?;
    let unconfirmed = answers.clone().unconfirmed();
    bench.refused("foreign data", &machine.rig(), &unconfirmed, "confirm is missing")?;

    let machine = bench.empty_machine()?;
    let bios = Rig {
        uefi_variables: None,
        ..machine.rig()
    };
    bench.refused("BIOS", &bios, &answers, "BIOS")
}

/// Puts somebody's file system on a disk.
fn make_foreign(bench: &Bench<'_>, image: &Image) -> Result<(), Error> {
    let mut mkfs: Command = bench.lab.tools.command("mkfs.vfat", &[Share::Write(&image.path)]);
    let output = mkfs
        .args(["-n", "PHOTOS"])
        .arg(&image.path)
        .output()
        .map_err(Error::io("run", Path::new("bwrap")))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::Tool {
        program: "mkfs.vfat",
        said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}
