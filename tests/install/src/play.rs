//! Running one scenario.

use std::fs;
use std::path::Path;
use std::time::Instant;

use crate::bench::Bench;
use crate::error::Error;
use crate::lab::Lab;
use crate::results::Outcome;
use crate::scenario::Scenario;

/// Runs a scenario and returns its outcome.
pub fn play(scenario: &Scenario, lab: &Lab, artifacts: &Path) -> Result<Outcome, Error> {
    let started = Instant::now();
    let artifacts = artifacts.join(scenario.name);
    if artifacts.exists() {
        fs::remove_dir_all(&artifacts).map_err(Error::io("remove", &artifacts))?;
    }
    fs::create_dir_all(&artifacts).map_err(Error::io("create", &artifacts))?;
    let artifacts = fs::canonicalize(&artifacts).map_err(Error::io("open", &artifacts))?;
    let mut bench = Bench::new(lab, &artifacts, started + scenario.limit)?;
    let result = (scenario.run)(&mut bench);
    let error = match result {
        Err(error @ Error::Machine(sigmavault_vm::Error::Interrupted)) => return Err(error),
        Err(error) => Some(error.to_string()),
        // A scenario without checks has shown nothing.
        Ok(()) if bench.checks.is_empty() => Some("nothing was checked".to_owned()),
        Ok(()) => None,
    };
    let outcome = Outcome {
        scenario: scenario.name,
        passed: error.is_none() && bench.checks.iter().all(|check| check.passed),
        error,
        seconds: (started.elapsed().as_secs_f64() * 10.0).round() / 10.0,
        notes: bench.notes,
        checks: bench.checks,
        artifacts,
    };
    let path = outcome.artifacts.join("report.json");
    fs::write(&path, serde_json::to_string_pretty(&outcome)? + "\n").map_err(Error::io("write", &path))?;
    Ok(outcome)
}
