//! The `inspect` command: an image as text or JSON.

use std::io::Write;
use std::process::ExitCode;

use indicatif::BinaryBytes;
use sigmavault_facts::terminal::{printable, printable_json};

use super::{InspectError, Inspection, inspect};
use crate::check;
use crate::cli::InspectArgs;
use crate::progress::{Mode, Progress};

/// Runs `inspect`.
pub fn run(args: &InspectArgs) -> Result<ExitCode, InspectError> {
    let progress = Progress::new(Mode::detect(args.json));
    let found = check::complete(
        inspect(&args.iso, &progress)?,
        args.verify_key.as_deref(),
        &progress,
    )?;
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", printable_json(&serde_json::to_string_pretty(&found)?))?;
    } else {
        out.write_all(text(&found, args.packages).as_bytes())?;
        out.flush()?;
    }
    for problem in &found.problems {
        eprintln!("{}: {}", args.iso.display(), printable(problem));
    }
    Ok(if found.is_good() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

pub(super) fn text(found: &Inspection, packages: bool) -> String {
    let mut rows: Vec<(&str, String)> = Vec::new();
    let whole = if found.is_truncated() {
        "truncated"
    } else {
        "complete"
    };
    rows.push((
        "File",
        format!(
            "{}, {} bytes ({}), {whole}",
            found.file.display(),
            found.bytes,
            BinaryBytes(found.bytes)
        ),
    ));
    match &found.unpacked {
        None => rows.push(("Volume id", found.volume_id.clone())),
        Some(disk) => rows.push((
            "Unpacked",
            format!("the image of a disk, {}", BinaryBytes(disk.bytes)),
        )),
    }
    if let Some(manifest) = &found.manifest {
        rows.push(("Version", manifest.version.clone()));
        rows.push((
            "Profile",
            format!(
                "{} ({}, desktop: {})",
                manifest.profile, manifest.arch, manifest.desktop
            ),
        ));
        rows.push(("Kernel", manifest.kernel.clone()));
        rows.push(("ZFS", manifest.zfs.clone()));
        rows.push(("Root hash", manifest.root_hash.clone()));
        rows.push((
            "Source date",
            format!("{} s since 1970", manifest.source_date_epoch),
        ));
        let sizes = manifest.sizes;
        let (boot, kernel) = match found.unpacked {
            None => ("ESP", "UKI"),
            Some(_) => ("boot partition", "initrd"),
        };
        let parts = [
            (boot, sizes.esp),
            (kernel, sizes.uki),
            ("root", sizes.root),
            ("verity", sizes.verity),
        ];
        rows.push((
            "Sizes",
            parts
                .map(|(name, size)| format!("{name} {}", BinaryBytes(size)))
                .join(", "),
        ));
        rows.push(("Packages", manifest.packages.len().to_string()));
    }
    if let Some(checked) = &found.checked {
        rows.push(("SHA-256", format!("{}, {}", checked.sha256, checked.sums_text())));
        rows.push(("Signature", checked.signature.text()));
        rows.push(("Root", checked.root_text().to_owned()));
    }
    for part in found.table.iter().flat_map(|table| &table.partitions) {
        let size = BinaryBytes(part.size());
        rows.push((
            "Partition",
            format!("{} {}, {size}, {}", part.index, part.name, part.guid),
        ));
    }
    let mut lines = String::new();
    for (name, value) in rows {
        lines.push_str(&(format!("{name:12}") + &printable(&value) + "\n"));
    }
    for package in found
        .manifest
        .iter()
        .flat_map(|manifest| &manifest.packages)
        .filter(|_| packages)
    {
        let line = format!("{} {} {}", package.name, package.version, package.arch);
        lines.push_str(&printable(&line));
        lines.push('\n');
    }
    lines
}
