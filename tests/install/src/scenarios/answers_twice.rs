//! A machine that restarts into the medium with the answers that have installed it: its disk is not written again.

use sigmavault_vm::Halt;

use crate::answers::{Action, Answers};
use crate::bench::{Bench, TARGET_LIMIT, digests, installed};
use crate::disk::SYSTEM;
use crate::error::Error;
use crate::installer::Verdict;
use crate::scenarios::checks;

/// Runs the scenario.
pub fn run(bench: &mut Bench<'_>) -> Result<(), Error> {
    let machine = bench.empty_machine()?;
    let answers = Answers::erase(SYSTEM).then(Action::Reboot);
    let (report, mut boot) = bench.install("install", &machine.rig(), &answers)?;
    let first = installed(report)?;
    boot.wait_for_end(Halt::Reset, TARGET_LIMIT)?;

    let before = digests(&machine.rig())?;
    let name = "from the medium again";
    let (report, mut boot) = bench.install(name, &machine.rig(), &answers)?;
    bench.equal(
        format!("{name}: result"),
        &report.result,
        &Verdict::AlreadyInstalled,
    );
    bench.same(
        format!("{name}: serial number"),
        report.serial.unwrap_or_default(),
        SYSTEM,
    );
    bench.equal(format!("{name}: root hash"), &report.root_hash, &first.root_hash);
    let stays = boot.run("systemctl is-system-running --wait; systemctl list-jobs | grep -c reboot")?;
    bench.check(
        format!("{name}: it does not restart"),
        stays.output.ends_with('0'),
        stays.output,
        "no job that restarts it",
    );
    // The screens on the first console come after the messages, and would cover them.
    boot.wait_for_screen("Installation by answers", TARGET_LIMIT)?;
    bench.unwritten(name, &mut boot)?;
    boot.cut();
    bench.same(format!("{name}: disks"), digests(&machine.rig())?, before);

    let mut boot = bench.start("from the disk", &machine.rig())?;
    checks::healthy(bench, &mut boot)?;
    checks::identity(bench, &mut boot)?;
    Ok(boot.power_off()?)
}
