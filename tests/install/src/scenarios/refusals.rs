//! Unsuitable machines and answers: each is refused with its reason, and no disk is written.

use sigmavault_vm::{Bus, GIB, Image, Memory, Rig, Share};

use crate::answers::{Answers, Selector};
use crate::bench::Bench;
use crate::disk::SYSTEM;
use crate::error::Error;

/// Size of a disk that nothing fits on.
const TOO_SMALL: u64 = 2 * GIB;

/// Runs the scenario.
pub fn run(bench: &mut Bench<'_>) -> Result<(), Error> {
    let answers = Answers::erase(SYSTEM);

    let machine = bench.empty_machine()?;
    let little = Rig {
        memory: Memory::gib(1),
        ..machine.rig()
    };
    bench.refused("1 GiB of memory", &little, &answers, "memory")?;

    let small = bench.blank(TOO_SMALL)?;
    let rig = Rig::new(bench.path("small.vars")).boot_drive(&small, SYSTEM);
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

/// Puts a foreign file system on a disk.
fn make_foreign(bench: &Bench<'_>, image: &Image) -> Result<(), Error> {
    let arguments = ["-n".as_ref(), "PHOTOS".as_ref(), image.path.as_os_str()];
    bench
        .lab
        .tools
        .read("mkfs.vfat", &[Share::Write(&image.path)], &arguments)?;
    Ok(())
}
