//! The power is cut while the system is installed on an empty disk: the disk starts, or it does not pretend to and is
//! installed to again.
//!
//! The installation runs once and is recorded; its log gives the disk as a cut at any point would leave it, the loss of
//! what the disk had only in its cache included.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Write as _;
use std::fs;
use std::thread;
use std::time::Duration;

use sigmavault_types::slots::Slot;
use sigmavault_vm::{Image, PowerCut, Replay, Rig, WriteLog};

use crate::answers::Answers;
use crate::bench::{Bench, Installed, SYSTEM_BYTES};
use crate::cuts::live::{self, Live};
use crate::cuts::{self, Judged, Looks, Sound, Stratum, Tally, choose, is_tried, tried};
use crate::disk::{Extent, SYSTEM};
use crate::error::Error;
use crate::installer::Verdict;
use crate::scenarios::checks;
use sigmavault_vm::Random;

/// How long a machine is left alone with a disk that does not start.
const ALONE: Duration = Duration::from_secs(75);
/// Bytes at either end of a disk that hold its partition table.
const TABLE: u64 = 1 << 20;

/// What is kept of the cuts for machines that are started later.
#[derive(Default)]
struct Later {
    /// Disks that must start.
    start: Vec<(String, Image)>,
    /// Disks that must be left as they are, one of each kind.
    leave: BTreeMap<(u8, bool), (String, Image)>,
}

/// Runs the scenario.
pub fn run(bench: &mut Bench<'_>) -> Result<(), Error> {
    cuts::run(bench, cut_off)
}

/// Records an installation and cuts it off.
fn cut_off(bench: &mut Bench<'_>, random: &mut Random) -> Result<Tally, Error> {
    let mut tally = Tally::new("install on an empty disk");
    let machine = bench.empty_machine()?;
    let base = machine.system.copy_to(bench.path("fresh-base.raw"))?;
    let log = bench.empty_file("fresh.log")?;
    let rig = machine.rig().logged(SYSTEM, &log);
    bench.install_and_power_off("install, recorded", &rig, &Answers::erase(SYSTEM))?;
    bench.lab.keep_installed(&machine.system, &machine.variables)?;
    let log = WriteLog::open(&log).map_err(sigmavault_vm::Error::from)?;
    let sound = Sound::of(bench, &machine.system)?;
    let cuts = choose(
        &log,
        0..log.entries().len(),
        &strata(&sound),
        bench.lab.cuts,
        random,
    );
    let folder = live::folder(bench, "plugged")?;
    let mut live = Live::start(bench, "judge", &folder, &Answers::erase(SYSTEM))?;
    let mut replay = Replay::new(&log, base)?;
    let mut later = Later::default();
    let mut lines = String::new();
    for (index, chosen) in cuts.iter().enumerate() {
        let name = format!("cut {} ({})", index + 1, chosen.stratum);
        let state = replay.cut(&chosen.cut)?;
        tally.count(&state.digest(0..SYSTEM_BYTES)?);
        let image = state.make(folder.join("cut.raw"))?;
        let mut judged = sound.judge(&bench.lab.tools, &image, &bench.path("esp.raw"))?;
        judged.faults.extend(pretence(&sound, &log, &chosen.cut, &judged));
        let planned = live.plan(&image)?;
        judged.faults.extend(
            planned
                .refusals
                .iter()
                .map(|refusal| format!("the installer refuses it: {refusal}")),
        );
        if planned.complete != expected(judged.looks) {
            let seen = planned.complete;
            judged
                .faults
                .push(format!("the installer takes it for complete: {seen:?}"));
        }
        let good = judged.faults.is_empty();
        match judged.starts() {
            Some(_) if good => tally.starts += 1,
            None if good => tally.resumes += 1,
            _ => {}
        }
        let seen = format!("{name}: {}", judged.shown_after(&chosen.cut));
        bench.say(&seen);
        let _ = writeln!(lines, "{seen}");
        keep(bench, &mut later, &name, index, &image, &judged)?;
        if is_tried(index, bench.lab.cuts) {
            again(bench, &mut live, &sound, &image, &mut judged)?;
            tally.installed += 1;
            if tally.installed == 1 {
                let path = bench.path("installed-again.raw");
                later
                    .start
                    .push((format!("{name}, installed again"), image.copy_to(path)?));
            }
        }
        for fault in &judged.faults {
            tally.fault(&name, fault);
        }
        fs::remove_file(&image.path).map_err(Error::io("remove", &image.path))?;
    }
    live.end()?;
    bench.keep("cuts.txt", &lines)?;
    for (name, image) in &later.start {
        starts(bench, name, image)?;
        tally.booted += 1;
    }
    for (name, image) in later.leave.values() {
        left_alone(bench, &mut tally, name, image)?;
    }
    Ok(tally)
}

/// Most of the cuts hit what is written last, and what is written in small pieces.
fn strata(sound: &Sound) -> [Stratum; 5] {
    let end = |offset| Extent { offset, bytes: TABLE };
    [
        Stratum::small("EFI system partition", sound.place("esp"), 8),
        Stratum::small("state", sound.place("state"), 4),
        Stratum::small("partition table", end(0), 3),
        Stratum::small("backup of the table", end(SYSTEM_BYTES - TABLE), 2),
        Stratum::bulk("copies", 3),
    ]
}

/// What a disk pretends to be and is not: whatever the loader would start must be on it as a whole, whatever the cache
/// lost.
fn pretence(sound: &Sound, log: &WriteLog, cut: &PowerCut, judged: &Judged) -> Vec<String> {
    let mut faults = Vec::new();
    if let Some(slot) = judged.starts() {
        if judged.looks != Looks::Complete {
            faults.push(format!(
                "slot {} would start and looks {:?}",
                slot.letter(),
                judged.looks
            ));
        }
        if !sound.slot_is_whole(log, cut, slot) {
            faults.push(format!("slot {} would start and is not whole", slot.letter()));
        }
        if !cut.has_all(log, &sound.place("state").range()) {
            faults.push("a slot would start and the state is not whole".to_owned());
        }
    } else if judged.menu.as_ref().is_some_and(|menu| menu.mark) {
        faults.push("nothing starts, and the answers count as carried out".to_owned());
    }
    faults
}

/// What the installer must find on a disk that looks like this.
fn expected(looks: Looks) -> Option<bool> {
    match looks {
        Looks::Foreign => None,
        Looks::HalfDone => Some(false),
        Looks::Complete => Some(true),
    }
}

/// Keeps some disks for later.
fn keep(
    bench: &Bench<'_>,
    later: &mut Later,
    name: &str,
    index: usize,
    image: &Image,
    judged: &Judged,
) -> Result<(), Error> {
    let path = bench.path(&format!("kept-{index}.raw"));
    if judged.starts().is_some() {
        if later.start.len() < tried(bench.lab.cuts) {
            later.start.push((name.to_owned(), image.copy_to(path)?));
        }
    } else {
        let kind = (judged.looks as u8, judged.has_loader());
        if let Entry::Vacant(place) = later.leave.entry(kind) {
            place.insert((name.to_owned(), image.copy_to(path)?));
        }
    }
    Ok(())
}

/// Installs to a disk again, from the live system.
fn again(
    bench: &mut Bench<'_>,
    live: &mut Live<'_>,
    sound: &Sound,
    image: &Image,
    judged: &mut Judged,
) -> Result<(), Error> {
    let report = live.install(image)?;
    bench.say(&format!("installed again: {report}"));
    if report.result != Verdict::Installed {
        judged.faults.push(format!("installing again: {report}"));
        return Ok(());
    }
    let after = sound.judge(&bench.lab.tools, image, &bench.path("esp.raw"))?;
    let faults = after
        .faults
        .iter()
        .map(|fault| format!("installed again: {fault}"));
    judged.faults.extend(faults);
    if after.looks != Looks::Complete || after.starts() != Some(Slot::A) {
        judged.faults.push(format!("installed again: {}", after.shown()));
    }
    Ok(())
}

/// Starts a machine from a disk.
fn starts(bench: &mut Bench<'_>, name: &str, image: &Image) -> Result<(), Error> {
    let machine = Installed {
        system: image.clone(),
        variables: image.path.with_extension("vars"),
    };
    let mut boot = bench.start(name, &machine.rig())?;
    checks::healthy(bench, &mut boot)?;
    let slots = checks::json::<sigmavault_types::slots::Slots>(&mut boot, "sigmavault slots --json")?;
    let running = slots.running.map(Slot::letter).unwrap_or_default();
    bench.check(
        format!("{name}: slot"),
        !running.is_empty(),
        running,
        "one of them",
    );
    checks::identity(bench, &mut boot)?;
    Ok(boot.power_off()?)
}

/// Leaves a machine alone with a disk that does not start: it neither writes to it nor starts over and over.
fn left_alone(bench: &mut Bench<'_>, tally: &mut Tally, name: &str, image: &Image) -> Result<(), Error> {
    let rig = Rig::new(image.path.with_extension("vars")).boot_drive(image, SYSTEM);
    let mut boot = bench.boot(&format!("{name}, alone"), &rig)?.patient();
    while boot.elapsed() < ALONE {
        thread::sleep(Duration::from_secs(1));
        boot.look()?;
    }
    let written: u64 = boot.written()?.iter().map(|drive| drive.operations).sum();
    let resets = boot.session().resets();
    boot.cut();
    bench.say(&format!("{name}, alone: {written} writes, {resets} restarts"));
    tally.left_alone += 1;
    if (written, resets) != (0, 0) {
        tally.fault(
            name,
            format!("left alone, the machine wrote {written} times and started over {resets} times"),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_installer_must_find() {
        let found = [Looks::Foreign, Looks::HalfDone, Looks::Complete].map(expected);
        assert_eq!(found, [None, Some(false), Some(true)]);
    }
}
