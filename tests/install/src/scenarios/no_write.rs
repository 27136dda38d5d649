//! Nothing is written before the system disk is confirmed: not with answers that lack it, not on the screens.

use crate::answers::Answers;
use crate::bench::{Bench, digests};
use crate::boot::shows;
use crate::error::Error;
use crate::rig::SYSTEM;
use crate::scenarios::keys;

/// Plays it.
pub fn run(bench: &mut Bench<'_>) -> Result<(), Error> {
    let machine = bench.installed_machine()?;
    let unconfirmed = Answers::erase(SYSTEM).unconfirmed();
    bench.refused("answers", &machine.rig(), &unconfirmed, "confirm is missing")?;
    let mut wrong = Answers::erase(SYSTEM);
    wrong.system.confirm = Some("SV-OTHER".to_owned());
    bench.refused(
        "another disk's name",
        &machine.rig(),
        &wrong,
        "confirm is \"SV-OTHER\"",
    )?;

    let (_, rig) = keys::machine(bench)?;
    let before = digests(&rig)?;
    let mut boot = bench.boot("keyboard", &rig.clone().iso(&bench.lab.iso))?;
    keys::to_summary(bench, &mut boot)?;
    bench.unwritten("summary", &mut boot)?;
    boot.type_text("sv-system")?;
    boot.press(&["ret"])?;
    let shown = boot.wait_for_screen("Nothing was done", keys::SCREEN_LIMIT)?;
    let answer = "That is not";
    bench.check(
        "a name that is not quite right",
        shows(&shown, answer),
        shown,
        answer,
    );
    bench.unwritten("after that", &mut boot)?;
    boot.cut();
    bench.same("keyboard: disks", digests(&rig)?, before);
    Ok(())
}
