//! `sigmavault-install-tests`: see [`sigmavault_install_tests`].

use std::fs;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Parser;
use sigmavault_image_builder::source;
use sigmavault_install_tests::error::Error;
use sigmavault_install_tests::lab::Lab;
use sigmavault_install_tests::options::Options;
use sigmavault_install_tests::play::play;
use sigmavault_install_tests::results::Report;
use sigmavault_install_tests::scenario::{self, ALL, Scenario};
use sigmavault_vm::interrupt_flag;

fn main() -> ExitCode {
    let options = Options::parse();
    if options.list {
        for scenario in &ALL {
            println!("{:<24} {}", scenario.name, scenario.about);
        }
        return ExitCode::SUCCESS;
    }
    let selected = match scenario::selected(&options) {
        Ok(selected) => selected,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    match run(&options, &selected) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the scenarios; returns whether all passed.
fn run(options: &Options, selected: &[&Scenario]) -> Result<bool, Error> {
    let here = std::path::Path::new(".");
    let interrupted = interrupt_flag().map_err(Error::io("listen for signals in", here))?;
    let clock = SystemTime::now().duration_since(UNIX_EPOCH);
    let seed = options
        .seed
        .unwrap_or_else(|| clock.map_or(0, |since| since.as_secs()));
    let scratch = tempfile::Builder::new()
        .prefix("sigmavault-install-")
        .tempdir()
        .map_err(Error::io("create a folder in", &std::env::temp_dir()))?;
    let work = options.work.as_deref().unwrap_or(scratch.path());
    fs::create_dir_all(work).map_err(Error::io("create", work))?;
    let tree = source::find(options.source.as_deref())?;
    let lab = Lab::prepare(options, &tree, work, seed, interrupted)?;
    let artifacts = options.artifacts(&tree);
    fs::create_dir_all(&artifacts).map_err(Error::io("create", &artifacts))?;
    let mut report = Report {
        iso: lab.iso.clone(),
        root_hash: lab.manifest.root_hash.clone(),
        accelerator: lab.accelerator.name(),
        seed,
        passed: true,
        scenarios: Vec::new(),
    };
    for scenario in selected {
        eprintln!("== {}: {}", scenario.name, scenario.about);
        let outcome = play(scenario, &lab, &artifacts)?;
        eprintln!("{outcome}");
        report.passed &= outcome.passed;
        report.scenarios.push(outcome);
    }
    let json = serde_json::to_string_pretty(&report)? + "\n";
    let path = artifacts.join("report.json");
    fs::write(&path, &json).map_err(Error::io("write", &path))?;
    if options.json {
        print!("{json}");
    } else {
        println!("{report}");
    }
    Ok(report.passed)
}
