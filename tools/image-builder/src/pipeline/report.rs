//! What a build leaves beside the ISO: the build report, the bill of materials and checksums.

use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sigmavault_facts::time::timestamp;

use super::context::Context;
use super::error::{BuildError, InputError, InternalError, Problem};
use super::key::{digest, digest_file};
use super::lock::write_whole;
use super::timings::StageTime;
use crate::manifest::{Manifest, Package};

/// The build report, `NAME.build.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BuildReport {
    /// The ISO's path.
    pub iso: String,
    /// Its bytes.
    pub iso_bytes: u64,
    /// Its SHA-256.
    pub iso_sha256: String,
    /// Digest of everything that went into it.
    pub iso_key: String,
    /// dm-verity root hash.
    pub root_hash: String,
    /// Seconds of the whole build.
    pub seconds: f64,
    /// Stages.
    pub stages: Vec<StageTime>,
}

/// Prints it as JSON on standard output.
pub fn print_json<T: Serialize>(value: &T) -> Result<(), BuildError> {
    let text =
        serde_json::to_string_pretty(value).map_err(|error| BuildError::setup(InternalError::Json(error)))?;
    println!("{text}");
    Ok(())
}

/// SPDX 2.3 document (ISO/IEC 5962) of Debian packages, firmware packages among them, and crates.
pub fn sbom(context: &Context, manifest: &Manifest, crates: &[CrateEntry]) -> Result<String, InternalError> {
    let debian = manifest
        .packages
        .iter()
        .map(|package| debian_package(package, &manifest.arch));
    let packages = debian.chain(crates.iter().map(crate_package)).collect::<Vec<_>>();
    let name = context.name();
    let related = packages.iter().map(|package| {
        json!({"spdxElementId": "SPDXRef-Image", "relationshipType": "CONTAINS", "relatedSpdxElement": package["SPDXID"]})
    });
    let describes = json!({"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-Image"});
    let relationships = std::iter::once(describes).chain(related).collect::<Vec<_>>();
    let image = json!({
        "SPDXID": "SPDXRef-Image", "name": name, "versionInfo": manifest.version, "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false, "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION",
        "primaryPackagePurpose": "OPERATING-SYSTEM",
        "checksums": [{"algorithm": "SHA256", "checksumValue": manifest.root_hash}],
        "comment": "the checksum is the dm-verity root hash of the root file system",
    });
    let all = std::iter::once(image).chain(packages).collect::<Vec<_>>();
    let created = timestamp(SystemTime::UNIX_EPOCH + Duration::from_secs(manifest.source_date_epoch));
    let document = json!({
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": name,
        "documentNamespace": format!("urn:sigmavault:sbom:{name}:{}", manifest.root_hash),
        "creationInfo": {"created": created, "creators": [format!("Tool: sigmavault-image-{}", manifest.version)]},
        "packages": all, "relationships": relationships,
    });
    let text = serde_json::to_string_pretty(&document).map_err(InternalError::Json)?;
    Ok(format!("{text}\n"))
}

fn debian_package(package: &Package, arch: &str) -> Value {
    let own = package.name.starts_with("sigmavault-");
    let arch = if package.arch == "all" {
        arch
    } else {
        &package.arch
    };
    json!({
        "SPDXID": spdx_id("deb", &package.name, &package.version), "name": package.name, "versionInfo": package.version,
        "downloadLocation": "NOASSERTION", "filesAnalyzed": false, "licenseConcluded": "NOASSERTION",
        "licenseDeclared": if own { "MIT" } else { "NOASSERTION" }, "copyrightText": "NOASSERTION",
        "supplier": if own { "Organization: SigmaVault NAS OS authors" } else { "Organization: Debian" },
        "checksums": [{"algorithm": "SHA256", "checksumValue": package.sha256}],
        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
            "referenceLocator": format!("pkg:deb/debian/{}@{}?arch={arch}", package.name, escape(&package.version))}],
    })
}

fn crate_package(entry: &CrateEntry) -> Value {
    let mut package = json!({
        "SPDXID": spdx_id("crate", &entry.name, &entry.version), "name": entry.name, "versionInfo": entry.version,
        "downloadLocation": "NOASSERTION", "filesAnalyzed": false, "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION",
        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
            "referenceLocator": format!("pkg:cargo/{}@{}", entry.name, escape(&entry.version))}],
    });
    if let Some(checksum) = &entry.checksum {
        package["checksums"] = json!([{"algorithm": "SHA256", "checksumValue": checksum}]);
    }
    package
}

/// A crate of `Cargo.lock`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CrateEntry {
    /// Crate name.
    pub name: String,
    /// Version.
    pub version: String,
    /// SHA-256 of the crate file; none for our own.
    pub checksum: Option<String>,
    /// Registry; none for our own.
    pub source: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

/// Crates of `Cargo.lock` that the named packages reach.
pub fn crates(lock: &str, roots: &[&str]) -> Result<Vec<CrateEntry>, InputError> {
    #[derive(Deserialize)]
    struct CargoLock {
        package: Vec<CrateEntry>,
    }
    let lock: CargoLock = toml::from_str(lock).map_err(InputError::CargoLock)?;
    let mut reached = vec![false; lock.package.len()];
    let mut open = roots.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    while let Some(wanted) = open.pop() {
        let mut words = wanted.split(' ');
        let (name, version) = (words.next().unwrap_or_default(), words.next());
        for (entry, reached) in lock.package.iter().zip(&mut reached) {
            if entry.name == name && version.is_none_or(|version| version == entry.version) && !*reached {
                *reached = true;
                open.extend(entry.dependencies.iter().cloned());
            }
        }
    }
    let entries = lock
        .package
        .into_iter()
        .zip(reached)
        .filter(|(entry, reached)| *reached && entry.source.is_some());
    Ok(entries.map(|(entry, _)| entry).collect())
}

/// An SPDX identifier: letters, digits, `.` and `-` only, unique by its digest.
fn spdx_id(kind: &str, name: &str, version: &str) -> String {
    let plain = name.chars().map(|c| {
        if c.is_ascii_alphanumeric() || c == '-' || c == '.' {
            c
        } else {
            '-'
        }
    });
    format!(
        "SPDXRef-{kind}-{}-{}",
        plain.collect::<String>(),
        &digest(&format!("{name} {version}"))[..8]
    )
}

/// Percent-encoding of what a package URL does not allow in a version.
fn escape(version: &str) -> String {
    version.replace('+', "%2B").replace(':', "%3A")
}

/// Writes `SHA256SUMS` over the ISO, whose digest is known, and the reports; other builds' lines are kept.
pub fn checksums(out: &Path, iso: &str, iso_sha256: &str, reports: &[String]) -> Result<(), Problem> {
    let path = out.join("SHA256SUMS");
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    let mut lines = old
        .lines()
        .filter(|line| {
            line.split_once("  ").is_some_and(|(_, name)| {
                name != iso && !reports.iter().any(|new| new == name) && out.join(name).exists()
            })
        })
        .map(str::to_owned)
        .collect::<Vec<_>>();
    lines.push(format!("{iso_sha256}  {iso}"));
    for name in reports {
        lines.push(format!("{}  {name}", digest_file(&out.join(name))?));
    }
    lines.sort_by(|a, b| {
        a.split_once("  ")
            .map(|x| x.1)
            .cmp(&b.split_once("  ").map(|x| x.1))
    });
    write_whole(&path, format!("{}\n", lines.join("\n")).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_crates_that_are_reached_count() {
        let lock = r#"
            version = 4
            [[package]]
            name = "ours"
            version = "0.1.0"
            dependencies = ["a", "b 2.0.0"]
            [[package]]
            name = "a"
            version = "1.0.0"
            source = "registry"
            checksum = "00"
            [[package]]
            name = "b"
            version = "1.0.0"
            source = "registry"
            [[package]]
            name = "b"
            version = "2.0.0"
            source = "registry"
            [[package]]
            name = "builder"
            version = "0.1.0"
            dependencies = ["b 1.0.0"]
        "#;
        let found = crates(lock, &["ours"]).unwrap();
        let names = found
            .iter()
            .map(|entry| format!("{} {}", entry.name, entry.version))
            .collect::<Vec<_>>();
        assert_eq!(names, ["a 1.0.0", "b 2.0.0"]);
    }

    #[test]
    fn checksums_of_other_results_stay() {
        let out = tempfile::tempdir().unwrap();
        for name in ["a", "b"] {
            std::fs::write(out.path().join(name), name).unwrap();
            checksums(out.path(), name, &digest(name), &[]).unwrap();
        }
        let text = std::fs::read_to_string(out.path().join("SHA256SUMS")).unwrap();
        assert_eq!(text, format!("{}  a\n{}  b\n", digest("a"), digest("b")));
    }
}
