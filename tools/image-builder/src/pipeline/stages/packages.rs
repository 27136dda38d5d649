//! Our own programs and files: compiled by cargo in the tools tree, packed as .debs.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::crates;
use super::deb::{self, DebSource};
use super::tools::Tools;
use super::workspace::Workspace;
use crate::pipeline::context::Context;
use crate::pipeline::error::{BuildError, InputError, InternalError, Problem};
use crate::pipeline::key::Inputs;
use crate::pipeline::run::Runner;
use crate::pipeline::sandbox::{Sandbox, inside};
use crate::profile::Desktop;

/// What goes into our packages besides the crates.
const SOURCES: [&str; 6] = [
    "Cargo.toml",
    "Cargo.lock",
    "initramfs-hooks/tree",
    "units",
    "image/overlay",
    "image/overlay-gnome",
];

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Crate>,
}

#[derive(Debug, Deserialize)]
struct Crate {
    name: String,
    version: String,
    description: Option<String>,
    manifest_path: PathBuf,
    metadata: Option<CrateMetadata>,
}

#[derive(Debug, Deserialize)]
struct CrateMetadata {
    deb: Option<DebTable>,
}

/// `[package.metadata.deb]`, in cargo-deb's format.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct DebTable {
    depends: Option<String>,
    section: Option<String>,
    extended_description: Option<String>,
    assets: Vec<(String, String, String)>,
}

/// The .debs' folder.
pub fn make(context: &Context, tools: &Tools) -> Result<PathBuf, BuildError> {
    let mut inputs = Inputs::recipe(1)
        .with("tools", &tools.key)
        .with("desktop", context.profile.system.desktop.name());
    let workspace = Workspace::read(&context.source).map_err(BuildError::Setup)?;
    let crates = workspace.sources();
    for name in SOURCES.into_iter().map(Path::new).chain(crates) {
        let path = context.source.join(name);
        inputs = inputs
            .with_path(&name.to_string_lossy(), &path)
            .map_err(BuildError::Setup)?;
    }
    let variant = format!("{}-{}", context.arch, context.profile.system.desktop);
    context.stage("packages", &variant, &inputs, |runner, folder| {
        let count = build(context, tools, runner, folder)?;
        Ok(format!("{count} packages"))
    })
}

fn build(context: &Context, tools: &Tools, runner: &Runner, folder: &Path) -> Result<usize, Problem> {
    let target = context.cache.join("cargo-target");
    let home = context.cache.join("cargo-home");
    for path in [&target, &home] {
        fs::create_dir_all(path).map_err(Problem::io("make the folder", path))?;
    }
    crates::check(&context.source, &home)?;
    crates::fetch(context, tools, runner, &home)?;
    let triple = context.arch.triple();
    // What is compiled comes from strangers and runs programs of theirs: it sees the sources and writes its results, no more.
    let sandbox = context
        .sandbox(&tools.root)
        .give(&target, inside::OUT)
        .show(&home, inside::CACHE)
        .env("CARGO_HOME", inside::CACHE)
        .env("CARGO_NET_OFFLINE", "true")
        .env("CARGO_TARGET_DIR", inside::OUT)
        .env(linker_variable(triple), format!("{}-gcc", context.arch.gnu()))
        .confined()
        .chdir(inside::SOURCE);
    let crates = packaged_crates(runner, &sandbox)?;
    let mut args = vec!["build", "--release", "--locked", "--target", triple];
    for (package, _) in &crates {
        args.extend(["-p", &package.name]);
    }
    runner.run(&mut sandbox.command("cargo", &args))?;
    let release = target.join(triple).join("release");
    for (package, table) in &crates {
        let source = crate_package(context, package, table, &release)?;
        deb::pack(context, tools, runner, &source, folder)?;
    }
    let mut overlays = vec![(
        "sigmavault-os",
        "overlay",
        "Settings, units and names of the SigmaVault NAS OS",
    )];
    if context.profile.system.desktop == Desktop::Gnome {
        overlays.push((
            "sigmavault-desktop",
            "overlay-gnome",
            "Look and defaults of the SigmaVault desktop",
        ));
    }
    for (name, overlay, description) in &overlays {
        let source = DebSource {
            name: (*name).to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            arch: "all".to_owned(),
            fields: vec![
                ("Section", "admin".to_owned()),
                ("Description", (*description).to_owned()),
            ],
            files: deb::overlay_files(&context.image_path(overlay))?,
        };
        deb::pack(context, tools, runner, &source, folder)?;
    }
    Ok(crates.len() + overlays.len())
}

/// The variable by which cargo knows an architecture's linker.
fn linker_variable(triple: &str) -> String {
    format!("CARGO_TARGET_{}_LINKER", triple.to_uppercase().replace('-', "_"))
}

/// The workspace's crates that say what they install.
fn packaged_crates(runner: &Runner, sandbox: &Sandbox) -> Result<Vec<(Crate, DebTable)>, Problem> {
    let text = runner.read(&mut sandbox.command(
        "cargo",
        ["metadata", "--no-deps", "--locked", "--format-version", "1"],
    ))?;
    let metadata: Metadata = serde_json::from_str(&text).map_err(InternalError::CargoMetadata)?;
    let mut crates = Vec::new();
    for mut package in metadata.packages {
        if let Some(table) = package.metadata.take().and_then(|metadata| metadata.deb) {
            crates.push((package, table));
        }
    }
    Ok(crates)
}

fn crate_package(
    context: &Context,
    package: &Crate,
    table: &DebTable,
    release: &Path,
) -> Result<DebSource, InputError> {
    let inside_source = package.manifest_path.parent().unwrap_or(Path::new("/"));
    let folder = context.source.join(
        inside_source
            .strip_prefix(inside::SOURCE)
            .unwrap_or(inside_source),
    );
    let mut files = Vec::new();
    for (from, to, mode) in &table.assets {
        let source = from
            .strip_prefix("target/release/")
            .map_or_else(|| folder.join(from), |name| release.join(name));
        let name = source
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let target = if to.ends_with('/') {
            format!("{to}{name}")
        } else {
            to.clone()
        };
        let mode = u32::from_str_radix(mode, 8).map_err(|_| InputError::AssetMode {
            manifest: package.manifest_path.clone(),
            mode: mode.clone(),
        })?;
        files.push((source, target.trim_start_matches('/').to_owned(), mode));
    }
    let short = package.description.clone().unwrap_or_default();
    let long = table.extended_description.clone().unwrap_or_default();
    Ok(DebSource {
        name: package.name.clone(),
        version: package.version.clone(),
        arch: context.arch.name().to_owned(),
        fields: vec![
            (
                "Section",
                table.section.clone().unwrap_or_else(|| "admin".to_owned()),
            ),
            (
                "Depends",
                table.depends.clone().unwrap_or_else(|| "libc6".to_owned()),
            ),
            ("Description", format!("{short}\n{long}")),
        ],
        files,
    })
}
