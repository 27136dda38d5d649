//! `profiles list` and `profiles show`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;
use sigmavault_facts::terminal::printable_lines;

use super::error::ProfileError;
use super::library::{Library, Resolved};
use super::options::ShowFormat;
use super::resolved::Profile;
use super::schema::KEYS;

/// What `profiles list --json` prints of each profile.
#[derive(Debug, Serialize)]
struct Listed<'a> {
    name: &'a str,
    description: &'a str,
    #[serde(rename = "abstract")]
    is_abstract: bool,
    arch: &'a [super::Arch],
    desktop: super::Desktop,
    lineage: &'a [String],
}

/// What `profiles show --json` prints.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    profile: &'a Profile,
    origins: BTreeMap<String, Vec<String>>,
}

/// Every profile. Those with mistakes are named on standard error and do not hide the good ones.
pub fn list(library: &Library, json: bool, out: &mut dyn Write) -> Result<ExitCode, ProfileError> {
    let mut good = Vec::new();
    let mut code = ExitCode::SUCCESS;
    for name in library.names() {
        match library.resolve(name) {
            Ok(resolved) => good.push(resolved.profile),
            Err(error) => {
                eprintln!("{}", printable_lines(&error.to_string()));
                code = ExitCode::FAILURE;
            }
        }
    }
    if json {
        let listed: Vec<_> = good.iter().map(listed).collect();
        writeln!(out, "{}", serde_json::to_string_pretty(&listed)?)?;
    } else {
        let width = good.iter().map(|profile| profile.name.len()).max().unwrap_or(0);
        for profile in &good {
            let archs = profile
                .arch
                .iter()
                .map(|arch| arch.name())
                .collect::<Vec<_>>()
                .join(",");
            let base = if profile.is_abstract { " (abstract)" } else { "" };
            writeln!(
                out,
                "{:width$}  {archs:11}  {}{base}",
                profile.name, profile.description
            )?;
        }
    }
    Ok(code)
}

fn listed(profile: &Profile) -> Listed<'_> {
    Listed {
        name: &profile.name,
        description: &profile.description,
        is_abstract: profile.is_abstract,
        arch: &profile.arch,
        desktop: profile.system.desktop,
        lineage: &profile.lineage,
    }
}

/// A profile, and where each of its values was set.
pub fn show(
    library: &Library,
    name: &str,
    format: ShowFormat,
    out: &mut dyn Write,
) -> Result<ExitCode, ProfileError> {
    let resolved = library.resolve(name)?;
    match format {
        ShowFormat::Text => out.write_all(text(&resolved).as_bytes())?,
        ShowFormat::Toml => out.write_all(resolved.profile.to_toml()?.as_bytes())?,
        ShowFormat::Json => {
            let shown = Shown {
                profile: &resolved.profile,
                origins: origins(&resolved),
            };
            writeln!(out, "{}", serde_json::to_string_pretty(&shown)?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Where each value was set, as `file:line`, in the order of the values.
fn origins(resolved: &Resolved) -> BTreeMap<String, Vec<String>> {
    let entries = resolved.origins.iter().filter_map(|(index, values)| {
        let places = values
            .iter()
            .map(|value| format!("{}:{}", base(&value.file), value.line));
        Some((KEYS.get(*index)?.path(), places.collect()))
    });
    entries.collect()
}

/// One line per value: key, value, file and line.
fn text(resolved: &Resolved) -> String {
    let mut rows = vec![(
        "profile".to_owned(),
        resolved.profile.lineage.join(" < "),
        String::new(),
    )];
    for (index, values) in &resolved.origins {
        let Some(key) = KEYS.get(*index) else { continue };
        for (nth, value) in values.iter().enumerate() {
            let name = if nth == 0 { key.path() } else { String::new() };
            rows.push((
                name,
                value.text.clone(),
                format!("{}:{}", base(&value.file), value.line),
            ));
        }
    }
    let keys = rows.iter().map(|row| row.0.len()).max().unwrap_or(0);
    let values = rows.iter().map(|row| row.1.len()).max().unwrap_or(0).min(60);
    let lines = rows
        .iter()
        .map(|(key, value, place)| format!("{key:keys$}  {value:values$}  {place}"));
    lines.map(|line| line.trim_end().to_owned() + "\n").collect()
}

fn base(file: &Path) -> String {
    file.file_name()
        .unwrap_or(file.as_os_str())
        .to_string_lossy()
        .into_owned()
}
