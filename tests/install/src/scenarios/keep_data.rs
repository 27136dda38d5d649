//! A new installation over an old one keeps settings, users and files.

use sigmavault_types::slots::{BootInfo, Slot};
use sigmavault_vm::Boot;

use crate::answers::Answers;
use crate::bench::Bench;
use crate::disk::SYSTEM;
use crate::error::Error;
use crate::esp::{self, Counter};
use crate::scenarios::checks;

/// Prints everything that must be as before.
const KEPT: &str = "cat /etc/machine-id /etc/hostname /etc/mark /var/lib/mark /home/ada/mark
    getent shadow ada eve; getent passwd eve; id -Gn ada eve; cat /home/eve/mark";

/// Creates users and files, and returns what describes them.
pub fn leave_marks(bench: &mut Bench<'_>, boot: &mut Boot<'_>) -> Result<String, Error> {
    checks::writable_state(bench, boot)?;
    let made = boot
        .run("useradd -m eve && runuser -u eve -- sh -c 'echo kept >/home/eve/mark' && sync && echo made")?;
    bench.same("second user created", made.text(), "made");
    Ok(boot.run(KEPT)?.text())
}

/// Checks that they are there.
pub fn find_marks(bench: &mut Bench<'_>, boot: &mut Boot<'_>, marks: &str) -> Result<(), Error> {
    let kept = boot.run(KEPT)?.text();
    bench.same("users, settings and files", kept, marks);
    Ok(())
}

/// Runs the scenario.
pub fn run(bench: &mut Bench<'_>) -> Result<(), Error> {
    let machine = bench.installed_machine()?;
    let mut boot = bench.start("before", &machine.rig())?;
    let marks = leave_marks(bench, &mut boot)?;
    boot.power_off()?;

    // Damage that the new installation repairs.
    let root = machine.partition("root-a")?;
    machine.system.flip(root.offset + root.bytes / 8)?;
    bench.install_and_power_off("install anew", &machine.rig(), &Answers::keep_data(SYSTEM))?;
    let entries = bench.boot_entries(&machine)?;
    let counters = (esp::counter(&entries, Slot::A), esp::counter(&entries, Slot::B));
    let fresh = Some(Counter::TriesLeft(3));
    bench.check(
        "boot entries",
        counters == (fresh, fresh),
        entries.join(" "),
        "three tries for each slot",
    );

    let mut boot = bench.start("after", &machine.rig())?;
    checks::healthy(bench, &mut boot)?;
    let running: BootInfo = checks::json(&mut boot, "cat /run/sigmavault/boot.json")?;
    checks::verified_root(bench, &mut boot, running.slot)?;
    find_marks(bench, &mut boot, &marks)?;
    checks::login(bench, &mut boot)?;
    Ok(boot.power_off()?)
}
