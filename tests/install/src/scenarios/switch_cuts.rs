//! The power is cut while `sigmavault slots switch` runs: the machine always starts, from the old slot or the new one.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use sigmavault_types::slots::Slot;
use sigmavault_vm::{Boot, Image, Replay, WriteLog};

use crate::bench::{Bench, Installed};
use crate::cuts::{self, Judged, Sound, Stratum, Tally, choose, is_tried};
use crate::disk::SYSTEM;
use crate::error::Error;
use crate::scenarios::checks;
use sigmavault_vm::Random;

/// Longest the running slot may take to count as good.
const GOOD_LIMIT: Duration = Duration::from_mins(3);

/// A switch, and where it stands in the log.
#[derive(Debug)]
struct Step {
    /// For people.
    name: &'static str,
    /// Which slot starts first before and after it.
    slots: [Slot; 2],
    /// The length of the log at its start, when the command had ended, and when all was flushed.
    log: [u64; 3],
}

/// Runs the scenario.
pub fn run(bench: &mut Bench<'_>) -> Result<(), Error> {
    cuts::run(bench, cut_off)
}

/// Records switches and cuts them off.
fn cut_off(bench: &mut Bench<'_>, random: &mut Random) -> Result<Tally, Error> {
    let machine = bench.installed_machine()?;
    let sound = Sound::of(bench, &machine.system)?;
    let base = machine.system.copy_to(bench.path("switch-base.raw"))?;
    let log = bench.empty_file("switch.log")?;
    let mut boot = bench.start("switches, recorded", &machine.rig().logged(SYSTEM, &log))?;
    let steps = record(bench, &mut boot, &log)?;
    boot.power_off()?;
    let log = WriteLog::open(&log).map_err(sigmavault_vm::Error::from)?;
    judge(bench, &sound, &log, &steps, base, random)
}

/// Switches to slot B and back, and to slot B again when that has no tries left.
fn record(bench: &mut Bench<'_>, boot: &mut Boot<'_>, log: &Path) -> Result<Vec<Step>, Error> {
    let good = boot.run_for(
        "until ls /boot/loader/entries/sigmavault-a.conf; do sleep 1; done 2>/dev/null",
        GOOD_LIMIT,
    )?;
    bench.contains("slot A counts as good", good.text(), "sigmavault-a.conf");
    let steps = [
        ("switch to B", [Slot::A, Slot::B], "true"),
        ("switch to A", [Slot::B, Slot::A], "true"),
        (
            "switch to B, which was bad",
            [Slot::A, Slot::B],
            "cd /boot/loader/entries && mv sigmavault-b*.conf sigmavault-b+0-3.conf",
        ),
    ];
    steps
        .into_iter()
        .map(|(name, slots, prepare)| -> Result<Step, Error> {
            let prepared = boot.run(&format!("{prepare} && sync && sleep 2 && sync && echo ready"))?;
            bench.same(format!("{name}: prepared"), prepared.text(), "ready");
            let begin = length(log)?;
            let switched = boot.run(&format!("sigmavault slots switch {}", slots[1].name()))?;
            let ended = length(log)?;
            bench.contains(name, switched.text(), "starts from the next start on");
            boot.run("sync")?;
            let log = [begin, ended, length(log)?];
            Ok(Step { name, slots, log })
        })
        .collect()
}

fn length(log: &Path) -> Result<u64, Error> {
    let metadata = fs::metadata(log).map_err(Error::io("look at", log))?;
    Ok(metadata.len())
}

/// Cuts each switch off and looks at what is left.
fn judge(
    bench: &mut Bench<'_>,
    sound: &Sound,
    log: &WriteLog,
    steps: &[Step],
    base: Image,
    random: &mut Random,
) -> Result<Tally, Error> {
    let mut tally = Tally::new("slots switch");
    let esp = sound.place("esp").range();
    let strata = [
        Stratum::small("EFI system partition", sound.place("esp"), 9),
        Stratum::small("state", sound.place("state"), 1),
    ];
    let mut replay = Replay::new(log, base)?;
    let mut lines = String::new();
    // What is wrong with an EFI system partition is so in every disk that has it.
    let mut seen: BTreeMap<String, Judged> = BTreeMap::new();
    let mut later: Vec<(String, Image, Slot)> = Vec::new();
    let count = u32::try_from(steps.len()).unwrap_or(1);
    for (number, step) in (0..count).zip(steps) {
        let [begin, ended, end] = step.log.map(|length| log.entries_in(length));
        let share = bench.lab.cuts * (number + 1) / count - bench.lab.cuts * number / count;
        for chosen in choose(log, begin..end, &strata, share, random) {
            let index = tally.cuts;
            let state = replay.cut(&chosen.cut)?;
            // The state partition goes on changing by itself; what the switch does is on the other one.
            let digest = state.digest(esp.clone())?;
            let new = tally.count(&digest);
            let image = bench.path(&format!("switched-{index}.raw"));
            let mut judged = match seen.get(&digest) {
                Some(judged) => judged.clone(),
                None => {
                    let image = state.make(&image)?;
                    sound.judge(&bench.lab.tools, &image, &bench.path("esp.raw"))?
                }
            };
            seen.insert(digest, judged.clone());
            let done = chosen.cut.entries >= ended;
            judged.faults.extend(wrong_slot(step, done, judged.starts()));
            judged.faults.extend(lost_slot(&judged));
            let name = format!("{}, cut {} ({})", step.name, index + 1, chosen.stratum);
            let line = format!(
                "{name}: {}{}",
                if new { "" } else { "seen before; " },
                judged.shown_after(&chosen.cut)
            );
            bench.say(&line);
            let _ = writeln!(lines, "{line}");
            for fault in &judged.faults {
                tally.fault(&name, fault);
            }
            match judged.starts() {
                Some(slot) if judged.faults.is_empty() => {
                    tally.starts += 1;
                    if is_tried(index, bench.lab.cuts) {
                        later.push((name, state.make(&image)?, slot));
                        continue;
                    }
                }
                _ => {}
            }
            if image.exists() {
                fs::remove_file(&image).map_err(Error::io("remove", &image))?;
            }
        }
    }
    bench.keep("cuts.txt", &lines)?;
    for (name, system, slot) in later {
        let variables = system.path.with_extension("vars");
        let machine = Installed { system, variables };
        let mut boot = bench.start(&name, &machine.rig())?;
        checks::healthy(bench, &mut boot)?;
        checks::slot(bench, &mut boot, slot)?;
        boot.power_off()?;
        tally.booted += 1;
    }
    Ok(tally)
}

/// What is wrong with the slot that starts. While the command runs it is the old one or the new one; what it has
/// reported is not lost.
fn wrong_slot(step: &Step, done: bool, starts: Option<Slot>) -> Option<String> {
    let possible = if done { &step.slots[1..] } else { &step.slots[..] };
    match starts {
        None => Some("nothing starts".to_owned()),
        Some(slot) if possible.contains(&slot) => None,
        Some(slot) => Some(format!("slot {} starts, done: {done}", slot.letter())),
    }
}

/// Which slot has no entry any more: the machine starts, and has nothing to fall back to.
fn lost_slot(judged: &Judged) -> Option<String> {
    let menu = judged.menu.as_ref()?;
    let slots = menu.slots();
    let lost = Slot::ALL.into_iter().find(|slot| !slots.contains(slot))?;
    Some(format!("slot {} has lost its entry", lost.letter()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_command_has_reported_is_not_lost() {
        let step = Step {
            name: "switch to B",
            slots: [Slot::A, Slot::B],
            log: [0, 1, 2],
        };
        for (done, starts, expected) in [
            (false, Some(Slot::A), None),
            (false, Some(Slot::B), None),
            (true, Some(Slot::A), Some("slot A starts, done: true")),
            (true, Some(Slot::B), None),
            (false, None, Some("nothing starts")),
        ] {
            let wrong = wrong_slot(&step, done, starts);
            assert_eq!(wrong.as_deref(), expected, "{done} {starts:?}");
        }
    }
}
