//! What administrators do, by `sigmavault` and the storage service, on real pools in the booted machine. Each scenario is a script of this
//! folder, run after `prelude.sh`; it makes its own pools. The numbers that it measures are in lines that begin with `measured:`.

use std::path::Path;
use std::time::{Duration, Instant};

use sigmavault_vm::Boot;

use crate::error::Error;
use crate::machine;
use crate::options::Run;

/// What each scenario is run after.
const PRELUDE: &str = include_str!("prelude.sh");
/// Disks of the machine, 1 GiB each.
const DISKS: usize = 6;
/// Longest one scenario may take.
const SCENARIO_LIMIT: Duration = Duration::from_mins(8);

/// A scenario.
struct Scenario {
    name: &'static str,
    script: &'static str,
    /// Whether the short form has it.
    short: bool,
}

/// The scenarios, in the order in which they run. The last one leaves a pool that waits for a disk, and nothing can follow it.
const SCENARIOS: [Scenario; 14] = [
    scenario("mirror", include_str!("mirror.sh"), true),
    scenario("erased", include_str!("erased.sh"), false),
    scenario("rest", include_str!("rest.sh"), false),
    scenario("pulled", include_str!("pulled.sh"), false),
    scenario("spare", include_str!("spare.sh"), true),
    scenario("expand", include_str!("expand.sh"), false),
    scenario("flipped", include_str!("flipped.sh"), false),
    scenario("snapshots", include_str!("snapshots.sh"), true),
    scenario("quota", include_str!("quota.sh"), false),
    scenario("encrypted", include_str!("encrypted.sh"), false),
    scenario("names", include_str!("names.sh"), false),
    scenario("policy", include_str!("policy.sh"), false),
    scenario("moved", include_str!("moved.sh"), false),
    scenario("suspended", include_str!("suspended.sh"), false),
];

const fn scenario(name: &'static str, script: &'static str, short: bool) -> Scenario {
    Scenario { name, script, short }
}

impl Scenario {
    /// What it is about: its script's first line.
    fn about(&self) -> &str {
        self.script
            .lines()
            .next()
            .map_or("", |line| line.trim_start_matches("# "))
    }
}

/// Prints the scenarios.
pub fn list() {
    for scenario in &SCENARIOS {
        let mark = if scenario.short { "short" } else { "" };
        println!("{:12} {mark:5}  {}", scenario.name, scenario.about());
    }
}

/// Runs the scenarios that were asked for. `tree` is the root of the source tree.
pub fn run(asked: &Run, tree: &Path) -> Result<(), Error> {
    if let Some(unknown) = asked
        .scenarios
        .iter()
        .find(|name| SCENARIOS.iter().all(|one| one.name != **name))
    {
        return Err(Error::NoScenario(unknown.clone()));
    }
    if let Some(file) = &asked.script {
        let script = std::fs::read_to_string(file).map_err(Error::io("read", file))?;
        return machine::with(&asked.place, tree, DISKS, |boot| one_of_your_own(boot, &script));
    }
    let began = Instant::now();
    let wanted = |one: &&Scenario| {
        let named = asked.scenarios.iter().any(|name| name == one.name);
        named || (asked.scenarios.is_empty() && (one.short || !asked.short))
    };
    let wanted: Vec<&Scenario> = SCENARIOS.iter().filter(wanted).collect();
    machine::with(&asked.place, tree, DISKS, |boot| each(boot, &wanted))?;
    println!(
        "{} scenarios passed in {} s",
        wanted.len(),
        began.elapsed().as_secs()
    );
    Ok(())
}

fn one_of_your_own(boot: &mut Boot<'_>, script: &str) -> Result<(), Error> {
    let answer = boot.run_for(&format!("{PRELUDE}\n{script}"), SCENARIO_LIMIT)?;
    println!(
        "{}\nended with {} after {} s",
        answer.output,
        answer.status,
        answer.took.as_secs()
    );
    Ok(())
}

fn each(boot: &mut Boot<'_>, scenarios: &[&Scenario]) -> Result<(), Error> {
    let mut failed = Vec::new();
    for scenario in scenarios {
        let answer = boot.run_for(&format!("{PRELUDE}\n{}", scenario.script), SCENARIO_LIMIT)?;
        let passed = answer.status == 0;
        let word = if passed { "passed" } else { "FAILED" };
        println!("{:12} {word} in {} s", scenario.name, answer.took.as_secs());
        let told = |line: &&str| !passed || line.starts_with("measured:");
        answer
            .output
            .lines()
            .filter(told)
            .for_each(|line| println!("    {line}"));
        if !passed {
            let journal = boot.run(
                "journalctl --no-pager -b -u sigmavault-storage.service -n 40; zpool status 2>&1 | head -60",
            )?;
            journal.output.lines().for_each(|line| println!("    | {line}"));
            failed.push(scenario.name);
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(Error::Failed(failed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn the_scenarios_are_bash_and_say_what_they_are_about() {
        for scenario in &SCENARIOS {
            let script = format!("{PRELUDE}\n{}", scenario.script);
            let status = Command::new("bash").args(["-n", "-c", &script]).status().unwrap();
            assert_eq!(status.code(), Some(0), "{}", scenario.name);
            assert!(scenario.script.starts_with("# "), "{}", scenario.name);
        }
    }
}
