//! The scenarios by name.

use std::time::Duration;

use crate::bench::Bench;
use crate::error::Error;
use crate::scenarios::{
    damaged, encrypted, keep_data, keys, model, no_write, pool, power_cuts, pulled, refusals, unattended,
};

/// The one that every change has to pass.
pub const SHORT: &str = "unattended";

/// One story from disks to checks.
#[derive(Debug)]
pub struct Scenario {
    /// Name on the command line.
    pub name: &'static str,
    /// What it shows.
    pub about: &'static str,
    /// Longest it may take, on two emulated processors.
    pub limit: Duration,
    /// Plays it.
    pub run: fn(&mut Bench<'_>) -> Result<(), Error>,
}

/// All of them.
pub const ALL: [Scenario; 13] = [
    Scenario {
        name: "unattended",
        about: "installs by answers on an empty disk, boots it twice, and looks at everything",
        limit: Duration::from_mins(40),
        run: unattended::run,
    },
    Scenario {
        name: "no-write-before-confirm",
        about: "no disk is written before the system disk is confirmed, by answers or by keys",
        limit: Duration::from_hours(1),
        run: no_write::run,
    },
    Scenario {
        name: "flipped-bit",
        about: "one byte of slot A is wrong: slot B runs and says why",
        limit: Duration::from_hours(1),
        run: damaged::flipped_bit,
    },
    Scenario {
        name: "broken-a",
        about: "slot A lost its hash tree: slot B runs and says why",
        limit: Duration::from_hours(1),
        run: damaged::broken_a,
    },
    Scenario {
        name: "luks",
        about: "an encrypted state partition is opened by passphrase and by recovery key",
        limit: Duration::from_hours(1),
        run: encrypted::luks,
    },
    Scenario {
        name: "tpm",
        about: "an encrypted state partition is opened by the TPM, and by passphrase without it",
        limit: Duration::from_hours(1),
        run: encrypted::tpm,
    },
    Scenario {
        name: "model",
        about: "a language model comes from a stick, is loaded, answers, and is there again after a restart",
        limit: Duration::from_hours(1),
        run: model::run,
    },
    Scenario {
        name: "pool",
        about: "a data pool of three disks is made, mounted and there again after a restart",
        limit: Duration::from_hours(1),
        run: pool::run,
    },
    Scenario {
        name: "keep-data",
        about: "a new installation keeps settings, users and files",
        limit: Duration::from_hours(1),
        run: keep_data::run,
    },
    Scenario {
        name: "refusals",
        about: "machines and answers that cannot be installed leave the disks untouched",
        limit: Duration::from_hours(1),
        run: refusals::run,
    },
    Scenario {
        name: "pulled",
        about: "the system disk is pulled out during the copy: a clear error, and a second try works",
        limit: Duration::from_hours(1),
        run: pulled::run,
    },
    Scenario {
        name: "power-cuts",
        about: "the power is cut at random points: the installation can be repeated, old systems still start",
        limit: Duration::from_hours(10),
        run: power_cuts::run,
    },
    Scenario {
        name: "keys",
        about: "the whole installation by keyboard",
        limit: Duration::from_hours(1),
        run: keys::run,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_the_short_one_is_there() {
        let mut names: Vec<&str> = ALL.iter().map(|scenario| scenario.name).collect();
        assert!(names.contains(&SHORT));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }
}
