//! What became of all cuts, as a table.

use std::collections::BTreeSet;
use std::fmt;

use crate::bench::Bench;
use crate::error::Error;
use sigmavault_vm::Random;

/// What became of the cuts of one recording.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// What was recorded.
    pub name: String,
    /// How often the power was cut.
    pub cuts: usize,
    /// How many different disks that made.
    states: BTreeSet<String>,
    /// Cuts after which the disk, looked at from outside, starts.
    pub starts: usize,
    /// Cuts after which it does not start, and the installer, which it asks to be started again, takes it.
    pub resumes: usize,
    /// Disks that a machine really started from.
    pub booted: usize,
    /// Disks that were really installed to again.
    pub installed: usize,
    /// Disks that a machine was left alone with, which must leave them as they are.
    pub left_alone: usize,
    /// What was wrong, one line each.
    pub faults: Vec<String>,
}

impl Tally {
    /// Of a recording.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// Counts a cut; returns whether its disk is the first of its kind.
    pub fn count(&mut self, digest: &str) -> bool {
        self.cuts += 1;
        self.states.insert(digest.to_owned())
    }

    /// How many different disks there were.
    pub fn states(&self) -> usize {
        self.states.len()
    }

    /// Notes what is wrong with a disk.
    pub fn fault(&mut self, cut: impl fmt::Display, what: impl fmt::Display) {
        self.faults.push(format!("{cut}: {what}"));
    }
}

/// Several of them as a table.
#[derive(Debug)]
pub struct Sheet<'t>(pub &'t [Tally]);

impl fmt::Display for Sheet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = [
            "cuts of",
            "cuts",
            "distinct",
            "starts",
            "resumes",
            "booted",
            "installed again",
            "left alone",
            "failed",
        ];
        let width = self
            .0
            .iter()
            .map(|tally| tally.name.len())
            .max()
            .unwrap_or(0)
            .max(8);
        write!(f, "{:<width$}", head[0])?;
        head[1..].iter().try_for_each(|word| write!(f, "  {word}"))?;
        for tally in self.0 {
            let numbers = [
                tally.cuts,
                tally.states(),
                tally.starts,
                tally.resumes,
                tally.booted,
                tally.installed,
                tally.left_alone,
                tally.faults.len(),
            ];
            write!(f, "\n{:<width$}", tally.name)?;
            for (number, word) in numbers.iter().zip(&head[1..]) {
                write!(f, "  {number:>width$}", width = word.len())?;
            }
        }
        Ok(())
    }
}

/// Runs a scenario of one recording: says how to repeat it, prints the table, and checks that there was no fault.
pub fn run<'b>(
    bench: &mut Bench<'b>,
    cut_off: impl FnOnce(&mut Bench<'b>, &mut Random) -> Result<Tally, Error>,
) -> Result<(), Error> {
    let (seed, cuts) = (bench.lab.seed, bench.lab.cuts);
    bench.note(format!("{cuts} cuts, seed {seed}"));
    let tally = cut_off(bench, &mut Random::new(seed))?;
    bench.note(Sheet(std::slice::from_ref(&tally)).to_string());
    let good = tally.starts + tally.resumes;
    bench.check(
        format!("{}: the machine starts, or the installation resumes", tally.name),
        tally.faults.is_empty() && good == tally.cuts,
        format!("after {good} of {} cuts\n{}", tally.cuts, tally.faults.join("\n")),
        format!("after {} of {0} cuts, and no fault", tally.cuts),
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table() {
        let mut tally = Tally::new("slots switch");
        assert_eq!(
            ["a", "b", "a"].map(|digest| tally.count(digest)),
            [true, true, false]
        );
        tally.starts = 3;
        tally.booted = 2;
        tally.fault("cut 3", "no entry");
        assert_eq!(tally.faults, ["cut 3: no entry"]);
        let expected = "cuts of       cuts  distinct  starts  resumes  booted  installed again  left alone  failed\n\
             slots switch     3         2       3        0       2                0           0       1";
        assert_eq!(Sheet(&[tally]).to_string(), expected);
    }
}
