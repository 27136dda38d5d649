//! The `doctor` command: gathers, judges and prints.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use console::style;
use serde::Serialize;
use sigmavault_host::run::Local;

use super::facts::{Facts, Family};
use super::judge::{Check, judge};
use crate::cli::DoctorArgs;

/// Why the host could not be judged.
#[derive(Debug, thiserror::Error)]
pub enum DoctorError {
    /// Standard output is gone.
    #[error("cannot write to standard output")]
    Output(#[from] std::io::Error),
    /// JSON could not be written.
    #[error("cannot write JSON")]
    Json(#[from] serde_json::Error),
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report<'a> {
    ready: bool,
    distribution: Family,
    checks: &'a [Check],
}

/// Runs `doctor`.
pub fn run(args: &DoctorArgs, source: Option<&Path>) -> Result<ExitCode, DoctorError> {
    let out = args.out.clone().or_else(|| source.map(crate::source::out));
    let out = out.unwrap_or_else(|| PathBuf::from("out"));
    let facts = Facts::gather(&Local, &args.cache.folder(), &out, source);
    let checks = judge(&facts);
    let ready = checks.iter().all(|check| check.good || !check.required);
    let mut out = std::io::stdout().lock();
    if args.json {
        let report = Report {
            ready,
            distribution: facts.family,
            checks: &checks,
        };
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        for line in lines(&checks) {
            writeln!(out, "{line}")?;
        }
    }
    Ok(if ready {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

pub(super) fn lines(checks: &[Check]) -> Vec<String> {
    let mut lines = Vec::new();
    for check in checks {
        let mark = match (check.good, check.required) {
            (true, _) => style("ok     ").green(),
            (false, true) => style("MISSING").red(),
            (false, false) => style("note   ").yellow(),
        };
        lines.push(format!("{mark} {:11} {}", check.name, check.found));
        lines.extend(check.fix.as_ref().map(|fix| format!("{:20}fix: {fix}", "")));
    }
    let missing = checks
        .iter()
        .filter(|check| check.required && !check.good)
        .count();
    lines.push(match missing {
        0 => "This host can build images.".to_owned(),
        1 => "One thing is missing.".to_owned(),
        more => format!("{more} things are missing."),
    });
    lines
}
