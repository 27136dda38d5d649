//! Nothing is written before the system disk is confirmed, by answers or on the screens.

use sigmavault_vm::ocr::shows;

use crate::answers::Answers;
use crate::bench::{Bench, digests};
use crate::disk::SYSTEM;
use crate::error::Error;
use crate::scenarios::keyboard;

/// Runs the scenario.
pub fn run(bench: &mut Bench<'_>) -> Result<(), Error> {
    let machine = bench.installed_machine()?;
    let unconfirmed = Answers::erase(SYSTEM).unconfirmed();
    bench.refused("answers", &machine.rig(), &unconfirmed, "confirm is missing")?;
    let mut wrong = Answers::erase(SYSTEM);
    wrong.system.confirm = Some("SV-OTHER".to_owned());
    bench.refused(
        "another disk's serial number",
        &machine.rig(),
        &wrong,
        "confirm is \"SV-OTHER\"",
    )?;

    let (_, rig) = keyboard::machine(bench)?;
    let before = digests(&rig)?;
    let mut boot = bench.boot("keyboard", &rig.clone().iso(&bench.lab.iso))?;
    keyboard::to_summary(bench, &mut boot)?;
    bench.unwritten("summary", &mut boot)?;
    boot.type_text("sv-system")?;
    boot.press(&["ret"])?;
    let shown = boot.wait_for_screen("Nothing was done", keyboard::SCREEN_LIMIT)?;
    let answer = "That is not";
    bench.check(
        "a serial number in the wrong case",
        shows(&shown, answer),
        shown,
        answer,
    );
    bench.unwritten("after the wrong serial number", &mut boot)?;
    boot.cut();
    bench.same("keyboard: disks", digests(&rig)?, before);
    Ok(())
}
