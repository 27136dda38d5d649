//! Which kernel an image gets: the newest of Debian stable, or the newest of backports that OpenZFS allows.
//!
//! Backports carries kernels that are newer than the newest which its OpenZFS supports. What it had before stays in the archive for a
//! while, without security fixes: the build says so.

use std::cmp::Reverse;

use super::archive::Archive;
use super::context::Context;
use super::debs::Deb;
use super::error::{ArchiveError, InternalError, Problem};
use super::run::Runner;
use super::sandbox::inside;
use super::stages::zfs::{maximum, release};
use crate::profile::Arch;

/// Source of the ZFS modules.
const ZFS: &str = "zfs-dkms";

/// The packages of one kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelPackages {
    /// Of the kernel and its modules.
    pub image: String,
    /// Of its headers.
    pub headers: String,
    /// The newest kernel that the archive has, where the chosen one is older and therefore gets no more fixes.
    pub newest: Option<String>,
}

impl KernelPackages {
    /// Debian's newest one, whatever its version.
    pub fn newest(arch: Arch) -> Self {
        Self::of(arch.name())
    }

    /// That of a release, as `uname -r` prints it.
    pub fn of(release: &str) -> Self {
        Self {
            image: format!("linux-image-{release}"),
            headers: format!("linux-headers-{release}"),
            newest: None,
        }
    }
}

/// The newest kernel of the archive that its OpenZFS supports.
pub fn choose(context: &Context, archive: &Archive, runner: &Runner) -> Result<KernelPackages, Problem> {
    let zfs = archive.resolve(runner, &[ZFS])?;
    let zfs = zfs.find(ZFS).ok_or(ArchiveError::NoZfs)?;
    let allowed = zfs_maximum(context, archive, runner, zfs)?;
    let images = archive.names(runner, "linux-image-")?;
    let headers = archive.names(runner, "linux-headers-")?;
    pick(context.arch, &images, &headers, &allowed).ok_or_else(|| ArchiveError::NoKernel { allowed }.into())
}

/// The newest kernel release that a package of OpenZFS says it supports.
fn zfs_maximum(context: &Context, archive: &Archive, runner: &Runner, zfs: &Deb) -> Result<String, Problem> {
    let store = context.cache.join("debs");
    archive.fetch(runner, std::slice::from_ref(zfs), &store)?;
    let sandbox = context.sandbox(archive.tools()).show(&store, inside::CACHE);
    let script = format!(
        "dpkg-deb --fsys-tarfile {}/{} | tar --extract --to-stdout --wildcards './usr/src/zfs-*/META'",
        inside::CACHE,
        zfs.file
    );
    let text = runner.read(&mut sandbox.script(&script))?;
    let maximum = maximum(&text).ok_or_else(|| InternalError::NoLinuxMaximum(zfs.file.clone().into()))?;
    Ok(maximum.to_owned())
}

/// The newest kernel that has headers and is no newer than `allowed`.
fn pick(arch: Arch, images: &[String], headers: &[String], allowed: &str) -> Option<KernelPackages> {
    let suffix = format!("-{arch}");
    let releases = images.iter().filter_map(|name| {
        let release = name.strip_prefix("linux-image-")?;
        // Not those of clouds, of real time, or with larger pages: `6.12.118+deb13-cloud-arm64`.
        let version = release.strip_suffix(&suffix)?;
        let plain = version.starts_with(|c: char| c.is_ascii_digit()) && !version.contains('-');
        plain.then_some(release)
    });
    let mut releases: Vec<&str> = releases.collect();
    releases.sort_by_key(|text| Reverse(numbers(text)));
    let newest = *releases.first()?;
    let has_headers = |text: &&&str| {
        headers
            .iter()
            .any(|name| name.strip_prefix("linux-headers-") == Some(text))
    };
    let chosen = releases
        .iter()
        .filter(|text| release(text) <= release(allowed))
        .find(has_headers)?;
    Some(KernelPackages {
        newest: (*chosen != newest).then(|| newest.to_owned()),
        ..KernelPackages::of(chosen)
    })
}

/// The numbers in a release, to compare releases by.
fn numbers(text: &str) -> Vec<u64> {
    text.split(|c: char| !c.is_ascii_digit())
        .filter(|word| !word.is_empty())
        .map(|word| word.parse().unwrap_or(u64::MAX))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(prefix: &str, releases: &[&str]) -> Vec<String> {
        releases
            .iter()
            .map(|release| format!("{prefix}{release}"))
            .collect()
    }

    #[test]
    fn the_newest_kernel_that_zfs_allows_is_taken() {
        let releases = [
            "arm64",
            "6.12.118+deb13-arm64",
            "7.2.9+deb13-arm64",
            "7.2.12+deb13-arm64",
            "7.2.13+deb13-cloud-arm64",
            "7.2.13+deb13-arm64-16k",
            "7.3.4+deb13-arm64",
        ];
        let images = names("linux-image-", &releases);
        let headers = names("linux-headers-", &releases);
        let of = |headers: &[String], allowed| pick(Arch::Arm64, &images, headers, allowed);
        let chosen = |release: &str, newest: Option<&str>| {
            Some(KernelPackages {
                newest: newest.map(str::to_owned),
                ..KernelPackages::of(release)
            })
        };
        let newest = Some("7.3.4+deb13-arm64");
        assert_eq!(of(&headers, "7.3"), chosen("7.3.4+deb13-arm64", None));
        assert_eq!(of(&headers, "7.2"), chosen("7.2.12+deb13-arm64", newest));
        assert_eq!(of(&headers, "7.1"), chosen("6.12.118+deb13-arm64", newest));
        // A kernel whose headers are gone cannot have ZFS.
        assert_eq!(of(&headers[..3], "7.2"), chosen("7.2.9+deb13-arm64", newest));
        assert_eq!(of(&headers, "6.1"), None);
    }
}
