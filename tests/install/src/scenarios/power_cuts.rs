//! The power is cut at random points of installations.
//!
//! QEMU is killed, and everything that the guest had not yet handed to its disk is lost. The loss of a disk's own
//! cache is not simulated.

use std::thread;
use std::time::Duration;

use sigmavault_types::slots::Slot;

use crate::answers::Answers;
use crate::bench::{Bench, INSTALL_LIMIT, Installed};
use crate::disk::SYSTEM;
use crate::error::Error;
use crate::installer;
use crate::lab::LIVE_BOOT_LIMIT;
use crate::random::Random;
use crate::scenarios::{checks, keep_data};

/// Longest wait from the chosen amount of writing to the cut: reading back writes nothing.
const WAIT_AT_MOST: f64 = 12.0;

/// Cuts before an installation is completed.
const CUTS_IN_A_ROW: u32 = 5;

/// Runs the scenario: half of the cuts on a used system; half on a disk that was empty at first, each on what the cut
/// before it left.
pub fn run(bench: &mut Bench<'_>) -> Result<(), Error> {
    let (seed, cuts) = (bench.lab.seed, bench.lab.cuts);
    bench.note(format!("{cuts} cuts, seed {seed}"));
    let mut random = Random::new(seed);
    let mut point = || Point {
        share: random.share(),
        wait: random.share() * WAIT_AT_MOST,
    };
    let points: Vec<Point> = (0..cuts).map(|_| point()).collect();
    let (kept_points, fresh_points) = points.split_at(points.len() / 2);
    let rows = |points: &[Point]| -> Vec<Vec<Point>> {
        points
            .chunks(CUTS_IN_A_ROW as usize)
            .map(<[Point]>::to_vec)
            .collect()
    };
    if !kept_points.is_empty() {
        let (used, marks) = used_machine(bench)?;
        for (number, row) in (1..).zip(rows(kept_points)) {
            kept(bench, number, &row, &used, &marks)?;
        }
    }
    for (number, row) in (1..).zip(rows(fresh_points)) {
        fresh(bench, number, &row)?;
    }
    Ok(())
}

/// Where an installation is cut off.
#[derive(Debug, Clone, Copy)]
struct Point {
    /// Share of all that it writes.
    share: f64,
    /// Seconds from then to the cut.
    wait: f64,
}

/// Cuts off an installation on an empty disk again and again, then completes it with the same answers.
fn fresh(bench: &mut Bench<'_>, row: u32, points: &[Point]) -> Result<(), Error> {
    let machine = bench.empty_machine()?;
    let answers = Answers::erase(SYSTEM);
    for (cut, point) in (1..).zip(points) {
        cut_off(
            bench,
            &format!("empty disk {row}, cut {cut}"),
            &machine,
            &answers,
            *point,
        )?;
    }
    let name = format!("empty disk {row}");
    bench.install_and_power_off(&format!("{name}, again"), &machine.rig(), &answers)?;
    let mut boot = bench.start(&format!("{name}, start"), &machine.rig())?;
    checks::healthy(bench, &mut boot)?;
    checks::slot(bench, &mut boot, Slot::A)?;
    checks::identity(bench, &mut boot)?;
    Ok(boot.power_off()?)
}

/// Cuts off installations that keep data, each on its own copy of a used system: the disk still starts, and all data
/// is there. The last installation is completed.
fn kept(
    bench: &mut Bench<'_>,
    row: u32,
    points: &[Point],
    used: &Installed,
    marks: &str,
) -> Result<(), Error> {
    let answers = Answers::keep_data(SYSTEM);
    let starts = |bench: &mut Bench<'_>, name: String, machine: &Installed| -> Result<(), Error> {
        let mut boot = bench.start(&name, &machine.rig())?;
        checks::healthy(bench, &mut boot)?;
        keep_data::find_marks(bench, &mut boot, marks)?;
        Ok(boot.power_off()?)
    };
    for (cut, point) in (1..).zip(points) {
        let name = format!("data kept {row}, cut {cut}");
        let machine = bench.copy_of(used)?;
        cut_off(bench, &name, &machine, &answers, *point)?;
        starts(bench, format!("{name}, start"), &machine)?;
        if cut == points.len() {
            bench.install_and_power_off(&format!("{name}, again"), &machine.rig(), &answers)?;
            starts(bench, format!("{name}, start after that"), &machine)?;
        }
    }
    Ok(())
}

/// A machine that was started and used, and what describes its data.
fn used_machine(bench: &mut Bench<'_>) -> Result<(Installed, String), Error> {
    let machine = bench.installed_machine()?;
    let mut boot = bench.start("first use", &machine.rig())?;
    let marks = keep_data::leave_marks(bench, &mut boot)?;
    boot.power_off()?;
    Ok((machine, marks))
}

/// Starts an installation and cuts the power at a point of it.
fn cut_off(
    bench: &mut Bench<'_>,
    name: &str,
    machine: &Installed,
    answers: &Answers,
    point: Point,
) -> Result<(), Error> {
    let sizes = bench.lab.manifest.sizes;
    let all = 2 * (sizes.root + sizes.verity + sizes.uki);
    let bytes = part(all, point.share);
    let rig = machine.rig().iso(&bench.lab.iso).given(answers.credential()?);
    let mut boot = bench.boot(name, &rig)?;
    boot.wait_for_system(LIVE_BOOT_LIMIT)?;
    boot.wait_for_writes(0, bytes, INSTALL_LIMIT, |session| {
        installer::find_report(session.transcript().lines()).is_some()
    })?;
    thread::sleep(Duration::from_secs_f64(point.wait));
    boot.look()?;
    let lines = boot.session().transcript().lines();
    let last = lines
        .iter()
        .rev()
        .find(|line| line.contains("slot ") || line.contains("..."));
    let last = last.cloned().unwrap_or_default();
    boot.cut();
    bench.note(format!(
        "{name}: at {bytes} of {all} bytes and {:.1} s, last said: {last}",
        point.wait
    ));
    Ok(())
}

/// A share of a number of bytes.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a point to stop at, and shares are not negative"
)]
fn part(all: u64, share: f64) -> u64 {
    (all as f64 * share) as u64
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn parts() {
        assert_eq!((part(1000, 0.25), part(1000, 0.0)), (250, 0));
    }
}
