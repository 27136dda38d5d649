//! The last stage and what stands beside its ISO: manifest, bill of materials, lock, report and checksums.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use super::context::Context;
use super::error::{BuildError, InternalError, Problem};
use super::key::{digest, digest_file};
use super::lock::{Lock, write_whole};
use super::moved::moved;
use super::parts::Parts;
use super::report::{self, BuildReport};
use super::resolve::Resolved;
use super::sign::{sign, unsign};
use super::stages::tools::Tools;
use super::stages::workspace::Workspace;
use super::stages::{disk_image, iso, root};
use crate::invocation;
use crate::manifest::{Manifest, Sizes};

pub fn write_results(
    context: &Context,
    tools: &Tools,
    resolved: &Resolved,
    parts: &Parts,
    out: &Path,
    began: Instant,
) -> Result<BuildReport, BuildError> {
    let manifest = manifest(context, resolved, parts).map_err(BuildError::Setup)?;
    let cargo_lock = context.source.join("Cargo.lock");
    let text = fs::read_to_string(&cargo_lock)
        .map_err(Problem::io("read", &cargo_lock))
        .map_err(BuildError::Setup)?;
    let workspace = Workspace::read(&context.source).map_err(BuildError::Setup)?;
    let crates = report::crates(&text, &workspace.installed()).map_err(BuildError::setup)?;
    let sbom = report::sbom(context, &manifest, &crates).map_err(BuildError::setup)?;
    let is_disk = context.profile.is_disk_image();
    let target = if is_disk {
        disk_image::path(context, out)
    } else {
        iso::path(context, out)
    };
    let json = serde_json::to_string_pretty(&manifest)
        .map_err(|error| BuildError::setup(InternalError::Json(error)))?;
    let texts = if is_disk {
        disk_image::texts(context)
    } else {
        iso::texts(context)
    };
    let texts = texts
        .iter()
        .map(|(_, path)| digest_file(path))
        .collect::<Result<String, Problem>>()
        .map_err(BuildError::Setup)?;
    let key = digest(&format!(
        "2 {} {json} {sbom} {texts} {}",
        tools.key,
        parts.boot.display()
    ));
    let name = context.name();
    let report_path = out.join(format!("{name}.build.json"));
    let sha256 = match unchanged(&report_path, &target, &key) {
        Some(sha256) => {
            let stage = if is_disk { "disk-image" } else { "iso" };
            context.runner(stage)?.bar().cached("");
            sha256
        }
        None => {
            let source = iso::Parts {
                root: &parts.root,
                boot: &parts.boot,
                initrd: &parts.initrd,
                manifest: &manifest,
                sbom: &sbom,
                command_line: &parts.command_line,
            };
            if is_disk {
                disk_image::write(context, tools, &source, &target)?;
            } else {
                iso::write(context, tools, &source, &target)?;
            }
            digest_file(&target).map_err(BuildError::Setup)?
        }
    };
    let report = BuildReport {
        iso: target.display().to_string(),
        iso_bytes: target.metadata().map_or(0, |about| about.len()),
        iso_sha256: sha256.clone(),
        iso_key: key,
        root_hash: parts.root_hash.clone(),
        seconds: (began.elapsed().as_secs_f64() * 10.0).round() / 10.0,
        stages: context.timings.all(),
    };
    let runner = context.runner("sums")?;
    let reports = || -> Result<(), Problem> {
        write_whole(
            &out.join(format!("{name}.manifest.json")),
            format!("{json}\n").as_bytes(),
        )?;
        write_whole(&out.join(format!("{name}.spdx.json")), sbom.as_bytes())?;
        let text = serde_json::to_string_pretty(&report).map_err(InternalError::Json)?;
        write_whole(&report_path, format!("{text}\n").as_bytes())?;
        let sums = out.join("SHA256SUMS");
        unsign(&sums)?;
        report::checksums(
            out,
            &target.file_name().unwrap_or_default().to_string_lossy(),
            &sha256,
            &["manifest.json", "spdx.json"].map(|end| format!("{name}.{end}")),
        )?;
        match &context.sign_key {
            Some(key) => sign(&runner, key, &sums),
            None => Ok(()),
        }
    };
    reports().map_err(|problem| context.failed(&runner, "sums", problem))?;
    runner
        .bar()
        .done(if context.sign_key.is_some() { "signed" } else { "" });
    Ok(report)
}

/// The SHA-256 of an ISO that was made from the same inputs and has not been changed since.
fn unchanged(report: &Path, iso: &Path, key: &str) -> Option<String> {
    let report_age = report.metadata().and_then(|about| about.modified()).ok()?;
    let report: BuildReport = serde_json::from_str(&fs::read_to_string(report).ok()?).ok()?;
    let about = iso.metadata().ok()?;
    let untouched = about.len() == report.iso_bytes && about.modified().ok()? <= report_age;
    (report.iso_key == key && untouched).then_some(report.iso_sha256)
}

fn manifest(context: &Context, resolved: &Resolved, parts: &Parts) -> Result<Manifest, Problem> {
    let size = |path: PathBuf| {
        path.metadata()
            .map(|about| about.len())
            .map_err(Problem::io("read", &path))
    };
    let debian = resolved.all.packages();
    let ours: Vec<&Path> = parts.modules.folders().chain([parts.ours.as_path()]).collect();
    let mut packages = root::packages(context, &parts.root, &ours, &debian)?;
    packages.extend(resolved.boot.packages());
    packages.sort();
    let (esp, uki) = if context.profile.is_disk_image() {
        (parts.boot.join("boot-a.img"), parts.initrd.join("initrd.img"))
    } else {
        (parts.boot.join("esp.img"), parts.boot.join("uki.efi"))
    };
    Ok(Manifest {
        schema: 1,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        profile: context.profile.name.clone(),
        desktop: context.profile.system.desktop.name().to_owned(),
        arch: context.arch.name().to_owned(),
        volume_id: parts.volume_id.clone(),
        root_hash: parts.root_hash.clone(),
        source_date_epoch: context.image.source_date_epoch,
        kernel: resolved.zfs.kernel.clone(),
        zfs: resolved.zfs.version().unwrap_or_default().to_owned(),
        sizes: Sizes {
            esp: size(esp)?,
            uki: size(uki)?,
            root: size(parts.root.join("root.erofs"))?,
            verity: size(parts.root.join("root.verity"))?,
        },
        packages,
    })
}

/// Writes the lock of this build beside the ISO, and into the source tree where that has none yet.
pub fn record(
    context: &Context,
    tools: &Tools,
    resolved: &Resolved,
    mut lock: Lock,
    out: &Path,
) -> Result<(), Problem> {
    let built = context.built();
    let used = resolved.all.packages();
    let mut own = Lock::default();
    let now = SystemTime::now();
    own.set_tools(context.arch, &tools.packages, now);
    own.set_image(built, &used, now);
    own.write(&out.join(format!("{}.lock", context.name())))?;
    match lock.image(built)? {
        Some(old) => {
            let count = moved(&old, &used).len();
            if count > 0 {
                context.progress.note(&format!(
                    "{count} packages have moved since the lock was written; `{} lock --update` renews it",
                    invocation::name()
                ));
            }
            Ok(())
        }
        None => {
            lock.set_tools(context.arch, &tools.packages, now);
            lock.set_image(built, &used, now);
            lock.write(&context.lock)
        }
    }
}
