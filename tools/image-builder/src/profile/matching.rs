//! `profiles match`: the profiles that fit a machine, and why.

use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;
use sigmavault_facts::terminal::{printable, printable_lines};
use sigmavault_types::hardware::{HardwareReport, REPORT_PATH};

use super::error::{ProfileError, ReportError};
use super::fit::{self, Fit, Verdict, Weight};
use super::library::Library;
use super::values::Desktop;

/// Name of standard input on the command line.
const STDIN: &str = "-";

/// What `profiles match --json` prints.
#[derive(Debug, Serialize)]
struct Matched<'a> {
    machine: String,
    profiles: Vec<MatchedProfile<'a>>,
}

#[derive(Debug, Serialize)]
struct MatchedProfile<'a> {
    name: &'a str,
    description: &'a str,
    verdict: Verdict,
    reasons: Vec<MatchedReason>,
}

#[derive(Debug, Serialize)]
struct MatchedReason {
    weight: Weight,
    text: String,
}

/// Prints the profiles that fit; exit code 1 when none does.
pub fn find(
    library: &Library,
    hardware: Option<&Path>,
    desktop: Option<Desktop>,
    json: bool,
    out: &mut dyn Write,
) -> Result<ExitCode, ProfileError> {
    let report = read(hardware.unwrap_or(Path::new(REPORT_PATH)))?;
    let mut profiles = Vec::new();
    for name in library.names() {
        match library.resolve(name) {
            Ok(resolved) => profiles.push(resolved.profile),
            // One with mistakes does not hide the good ones.
            Err(error) => eprintln!("{}", printable_lines(&error.to_string())),
        }
    }
    profiles.retain(|profile| desktop.is_none_or(|desktop| profile.system.desktop == desktop));
    let fits = fit::ranked(profiles, &report);
    if json {
        let matched = Matched {
            machine: machine(&report),
            profiles: fits.iter().map(matched).collect(),
        };
        writeln!(out, "{}", serde_json::to_string_pretty(&matched)?)?;
    } else {
        out.write_all(text(&machine(&report), &fits).as_bytes())?;
    }
    let any = fits.iter().any(|fit| fit.verdict() == Verdict::Fits);
    Ok(if any { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(path: &Path) -> Result<HardwareReport, ReportError> {
    let mut bytes = Vec::new();
    let done = if path == Path::new(STDIN) {
        std::io::stdin().lock().read_to_end(&mut bytes).map(drop)
    } else {
        std::fs::read(path).map(|read| bytes = read)
    };
    let path = path.to_owned();
    match done {
        Err(source) => Err(ReportError::Read { path, source }),
        Ok(()) => serde_json::from_slice(&bytes).map_err(|source| ReportError::NotAReport { path, source }),
    }
}

/// The machine's name, or that it has none.
fn machine(report: &HardwareReport) -> String {
    let machine = &report.machine;
    let names = [&machine.vendor, &machine.product].into_iter().flatten();
    let name = names.map(|name| printable(name)).collect::<Vec<_>>().join(" ");
    if name.is_empty() {
        "a machine without a name".to_owned()
    } else {
        name
    }
}

fn matched(fit: &Fit) -> MatchedProfile<'_> {
    let reasons = fit.reasons.iter().map(|reason| MatchedReason {
        weight: reason.weight(),
        text: reason.to_string(),
    });
    MatchedProfile {
        name: &fit.profile.name,
        description: &fit.profile.description,
        verdict: fit.verdict(),
        reasons: reasons.collect(),
    }
}

/// One paragraph for each profile: verdict, description, and the reasons with a sign in front.
fn text(machine: &str, fits: &[Fit]) -> String {
    let mut lines = vec![machine.to_owned()];
    for (nth, fit) in fits.iter().enumerate() {
        let verdict = match (fit.verdict(), nth) {
            (Verdict::Fits, 0) => "fits best",
            (Verdict::Fits, _) => "fits too",
            (Verdict::Poorly, _) => "fits poorly",
            (Verdict::Not, _) => "does not fit",
        };
        let profile = &fit.profile;
        lines.push(format!("\n{} {verdict}: {}", profile.name, profile.description));
        lines.extend(fit.reasons.iter().map(|reason| {
            let sign = match reason.weight() {
                Weight::For => '+',
                Weight::Note => '?',
                Weight::Against | Weight::Excludes => '-',
            };
            format!("  {sign} {reason}")
        }));
    }
    if fits.is_empty() {
        lines.push("\nthere is no profile to choose from".to_owned());
    }
    lines.join("\n") + "\n"
}
