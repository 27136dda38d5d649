//! The scenarios by name.

use std::time::Duration;

use crate::bench::Bench;
use crate::error::Error;
use crate::options::Options;
use crate::scenarios::{
    answers_twice, damaged, disk_removed, encrypted, keep_data, keyboard, model, no_write, pool, power_cuts,
    refusals, two_layouts, unattended,
};

/// The one that every change must pass.
pub const SHORT: &str = "unattended";

/// One sequence of installations and boots, with its checks.
#[derive(Debug)]
pub struct Scenario {
    /// Name on the command line.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
    /// Longest it may take, on two emulated processors.
    pub limit: Duration,
    /// Runs it.
    pub run: fn(&mut Bench<'_>) -> Result<(), Error>,
}

/// All of them.
pub const ALL: [Scenario; 17] = [
    Scenario {
        name: "unattended",
        about: "installs from an answer file on an empty disk, boots twice and checks everything",
        limit: Duration::from_mins(40),
        run: unattended::run,
    },
    Scenario {
        name: "answers-twice",
        about: "starts from the medium again with the answers that have installed the disk: nothing is written",
        limit: Duration::from_hours(1),
        run: answers_twice::run,
    },
    Scenario {
        name: "no-write-before-confirm",
        about: "writes no disk before the system disk is confirmed, by answers or by keyboard",
        limit: Duration::from_hours(1),
        run: no_write::run,
    },
    Scenario {
        name: "flipped-bit",
        about: "one wrong byte in slot A: slot B starts and says why",
        limit: Duration::from_hours(1),
        run: damaged::flipped_bit,
    },
    Scenario {
        name: "other-slot",
        about: "a damaged slot A gives no shell: a key starts slot B",
        limit: Duration::from_hours(1),
        run: damaged::other_slot,
    },
    Scenario {
        name: "lost-hash-tree",
        about: "slot A without its hash tree: slot B starts and says why",
        limit: Duration::from_hours(1),
        run: damaged::lost_hash_tree,
    },
    Scenario {
        name: "luks",
        about: "opens an encrypted state partition by passphrase and by recovery key",
        limit: Duration::from_hours(1),
        run: encrypted::luks,
    },
    Scenario {
        name: "luks-keyboard",
        about: "types the passphrase on a German keyboard; the prompt names the layout and says what was wrong",
        limit: Duration::from_hours(1),
        run: encrypted::keyboard,
    },
    Scenario {
        name: "luks-keyboard-ru",
        about: "types passphrase, name, password and commands on a Russian keyboard, and switches its layouts",
        limit: Duration::from_hours(1),
        run: two_layouts::run,
    },
    Scenario {
        name: "tpm",
        about: "opens an encrypted state partition by the TPM, and by passphrase without it",
        limit: Duration::from_hours(1),
        run: encrypted::tpm,
    },
    Scenario {
        name: "model",
        about: "copies a language model from a stick, asks it, and asks again after a restart",
        limit: Duration::from_hours(1),
        run: model::run,
    },
    Scenario {
        name: "pool",
        about: "creates a data pool of three disks and finds it again after a restart",
        limit: Duration::from_hours(1),
        run: pool::run,
    },
    Scenario {
        name: "keep-data",
        about: "installs anew and keeps settings, users and files",
        limit: Duration::from_hours(1),
        run: keep_data::run,
    },
    Scenario {
        name: "refusals",
        about: "refuses unsuitable machines and answers, and leaves their disks untouched",
        limit: Duration::from_hours(1),
        run: refusals::run,
    },
    Scenario {
        name: "disk-removed",
        about: "removes the system disk during the copy: a clear error, and a second try works",
        limit: Duration::from_hours(1),
        run: disk_removed::run,
    },
    Scenario {
        name: "power-cuts",
        about: "cuts the power at random points: installing again works, and old systems still start",
        limit: Duration::from_hours(10),
        run: power_cuts::run,
    },
    Scenario {
        name: "keyboard",
        about: "installs by keyboard, screen by screen",
        limit: Duration::from_hours(1),
        run: keyboard::run,
    },
];

/// There is no scenario of this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no scenario \"{0}\"\n  try: --list shows them")]
pub struct UnknownScenario(String);

/// The scenarios that were asked for.
pub fn selected(options: &Options) -> Result<Vec<&'static Scenario>, UnknownScenario> {
    if options.all {
        return Ok(ALL.iter().collect());
    }
    let short = [SHORT.to_owned()];
    let names: &[String] = if options.short { &short } else { &options.scenarios };
    names
        .iter()
        .map(|name| {
            ALL.iter()
                .find(|scenario| scenario.name == name)
                .ok_or_else(|| UnknownScenario(name.clone()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn names(line: &str) -> Result<Vec<&'static str>, UnknownScenario> {
        let words = ["sigmavault-install-tests"]
            .into_iter()
            .chain(line.split_whitespace());
        let selected = selected(&Options::try_parse_from(words).unwrap())?;
        Ok(selected.into_iter().map(|scenario| scenario.name).collect())
    }

    #[test]
    fn selections() {
        assert_eq!(names("--short"), Ok(vec!["unattended"]));
        assert_eq!(names("--all").unwrap().len(), ALL.len());
        assert_eq!(
            names("unattended unattended"),
            Ok(vec!["unattended", "unattended"])
        );
        assert_eq!(
            names("unattended nothing"),
            Err(UnknownScenario("nothing".into()))
        );
    }

    #[test]
    fn names_are_unique_and_the_short_one_is_there() {
        let mut names: Vec<&str> = ALL.iter().map(|scenario| scenario.name).collect();
        assert!(names.contains(&SHORT));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }
}
