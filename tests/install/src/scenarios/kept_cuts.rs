//! The power is cut while the system is installed in the place of one whose data is kept: the machine always starts, and
//! the data is there. As in `power_cuts`, the installation is recorded once.

use std::fmt::Write as _;
use std::fs;

use sigmavault_types::slots::Slot;
use sigmavault_vm::{Image, Kind, Replay, WriteLog};

use crate::answers::Answers;
use crate::bench::{Bench, Installed, SYSTEM_BYTES};
use crate::cuts::{self, Sound, Stratum, Tally, choose, is_tried};
use crate::disk::SYSTEM;
use crate::error::Error;
use crate::scenarios::{checks, keep_data};
use sigmavault_vm::Random;

/// Runs the scenario.
pub fn run(bench: &mut Bench<'_>) -> Result<(), Error> {
    cuts::run(bench, cut_off)
}

/// Records an installation on a used machine and cuts it off.
fn cut_off(bench: &mut Bench<'_>, random: &mut Random) -> Result<Tally, Error> {
    let mut tally = Tally::new("install that keeps data");
    let machine = bench.installed_machine()?;
    let mut boot = bench.start("first use", &machine.rig())?;
    let marks = keep_data::leave_marks(bench, &mut boot)?;
    boot.power_off()?;
    let sound = Sound::of(bench, &machine.system)?;
    let base = machine.system.copy_to(bench.path("used.raw"))?;
    let log = bench.empty_file("kept.log")?;
    let rig = machine.rig().logged(SYSTEM, &log);
    bench.install_and_power_off("install over it, recorded", &rig, &Answers::keep_data(SYSTEM))?;
    let log = WriteLog::open(&log).map_err(sigmavault_vm::Error::from)?;
    stays(bench, &log, &sound);
    let strata = [
        Stratum::small("EFI system partition", sound.place("esp"), 7),
        Stratum::bulk("copies", 3),
    ];
    let cuts = choose(&log, 0..log.entries().len(), &strata, bench.lab.cuts, random);
    let mut replay = Replay::new(&log, base)?;
    let mut lines = String::new();
    let mut later: Vec<(String, Image, Slot)> = Vec::new();
    for (index, chosen) in cuts.iter().enumerate() {
        let name = format!("data kept, cut {} ({})", index + 1, chosen.stratum);
        let state = replay.cut(&chosen.cut)?;
        tally.count(&state.digest(0..SYSTEM_BYTES)?);
        let image = state.make(bench.path(&format!("kept-{index}.raw")))?;
        let mut judged = sound.judge(&bench.lab.tools, &image, &bench.path("esp.raw"))?;
        match judged.starts() {
            None => judged.faults.push("nothing starts".to_owned()),
            Some(slot) if !sound.slot_is_whole(&log, &chosen.cut, slot) => {
                let letter = slot.letter();
                judged
                    .faults
                    .push(format!("slot {letter} would start and is not whole"));
            }
            Some(_) => {}
        }
        let seen = format!("{name}: {}", judged.shown_after(&chosen.cut));
        bench.say(&seen);
        let _ = writeln!(lines, "{seen}");
        for fault in &judged.faults {
            tally.fault(&name, fault);
        }
        match judged.starts() {
            Some(slot) if judged.faults.is_empty() => {
                tally.starts += 1;
                if is_tried(index, bench.lab.cuts) {
                    later.push((name, image, slot));
                    continue;
                }
            }
            _ => {}
        }
        fs::remove_file(&image.path).map_err(Error::io("remove", &image.path))?;
    }
    bench.keep("cuts.txt", &lines)?;
    for (index, (name, image, slot)) in later.iter().enumerate() {
        let machine = Installed {
            system: image.clone(),
            variables: image.path.with_extension("vars"),
        };
        if index == 0 {
            let again = Answers::keep_data(SYSTEM);
            bench.install_and_power_off(&format!("{name}, again"), &machine.rig(), &again)?;
            tally.installed += 1;
        }
        let mut boot = bench.start(&format!("{name}, start"), &machine.rig())?;
        checks::healthy(bench, &mut boot)?;
        if index > 0 {
            checks::slot(bench, &mut boot, *slot)?;
        }
        keep_data::find_marks(bench, &mut boot, &marks)?;
        boot.power_off()?;
        tally.booted += 1;
    }
    Ok(tally)
}

/// An installation that keeps data writes to the slots and the EFI system partition, and nowhere else.
fn stays(bench: &mut Bench<'_>, log: &WriteLog, sound: &Sound) {
    let labels = ["esp", "root-a", "root-a-verity", "root-b", "root-b-verity"];
    let places = labels.map(|label| sound.place(label).range());
    let strays = log.entries().iter().filter(|entry| {
        let end = entry.offset + entry.bytes;
        let inside = places
            .iter()
            .any(|place| place.start <= entry.offset && end <= place.end);
        entry.kind != Kind::Flush && !inside
    });
    let strays: Vec<String> = strays
        .map(|entry| format!("{:?} {} {}", entry.kind, entry.offset, entry.bytes))
        .collect();
    bench.same(
        "writes outside of slots and EFI system partition",
        strays.join("\n"),
        "",
    );
}
