//! A new installation over an old one keeps settings, users and files.

use crate::answers::Answers;
use crate::bench::Bench;
use crate::boot::Boot;
use crate::error::Error;
use crate::esp::{self, Counter};
use crate::rig::SYSTEM;
use crate::scenarios::looks;

/// Everything that has to be as before.
const KEPT: &str = "cat /etc/machine-id /etc/hostname /etc/mark /var/lib/mark /home/ada/mark
    getent shadow ada eve; getent passwd eve; id -Gn ada eve; cat /home/eve/mark";

/// Leaves users and files behind, and says what they are.
pub fn leave_marks(bench: &mut Bench<'_>, boot: &mut Boot<'_>) -> Result<String, Error> {
    looks::writable_state(bench, boot)?;
    let made = boot
        .run("useradd -m eve && runuser -u eve -- sh -c 'echo kept >/home/eve/mark' && sync && echo made")?;
    bench.same("second user made", made.text(), "made");
    Ok(boot.run(KEPT)?.text())
}

/// Checks that they are there.
pub fn find_marks(bench: &mut Bench<'_>, boot: &mut Boot<'_>, marks: &str) -> Result<(), Error> {
    let kept = boot.run(KEPT)?.text();
    bench.same("users, settings and files", kept, marks);
    Ok(())
}

/// Plays it.
pub fn run(bench: &mut Bench<'_>) -> Result<(), Error> {
    let machine = bench.installed_machine()?;
    let mut boot = bench.start("before", &machine.rig())?;
    let marks = leave_marks(bench, &mut boot)?;
    boot.power_off()?;

    // Something for the new system to repair.
    let root = machine.system.partition("root-a")?;
    machine.system.flip(root.offset + root.bytes / 8)?;
    bench.install_and_power_off("install anew", &machine.rig(), &Answers::keep_data(SYSTEM))?;
    let entries = esp::entries(
        &bench.lab.tools,
        &machine.system,
        machine.system.partition("esp")?,
    )?;
    let counters = (esp::counter(&entries, 'a'), esp::counter(&entries, 'b'));
    let fresh = Some(Counter::TriesLeft(3));
    bench.check(
        "boot entries",
        counters == (fresh, fresh),
        entries.join(" "),
        "three tries for each slot",
    );

    let mut boot = bench.start("after", &machine.rig())?;
    looks::healthy(bench, &mut boot)?;
    let running = boot
        .run("sed -n 's/.*\"slot\":\"\\([ab]\\)\".*/\\1/p' /run/sigmavault/boot.json")?
        .output;
    looks::verified_root(bench, &mut boot, running.chars().next().unwrap_or('a'))?;
    find_marks(bench, &mut boot, &marks)?;
    looks::login(bench, &mut boot)?;
    boot.power_off()
}
