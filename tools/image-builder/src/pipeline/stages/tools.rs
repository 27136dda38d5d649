//! The tools tree: Debian 13 with mkosi, cargo, xorriso, QEMU and the rest, made by `image/tools-tree/make`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::manifest::Package;
use crate::pipeline::context::Context;
use crate::pipeline::debs::Deb;
use crate::pipeline::error::{
    ArchiveError, BuildError, EnvironmentError, InputError, InternalError, Problem,
};
use crate::pipeline::key::{digest, digest_file};
use crate::pipeline::lock::write_whole;
use crate::pipeline::run::Runner;
use crate::pipeline::sandbox::Sandbox;
use crate::profile::Arch;

/// A tools tree that is ready.
#[derive(Debug, Clone)]
pub struct Tools {
    /// Its folder.
    pub root: PathBuf,
    /// What it was made from; part of the key of every stage that uses it.
    pub key: String,
    /// Its packages.
    pub packages: Vec<Package>,
}

/// The tree for this source and lock; made when the cache does not hold it.
pub fn ensure(context: &Context, locked: Option<&[Package]>) -> Result<Tools, BuildError> {
    let began = std::time::Instant::now();
    let runner = context.runner("tools")?;
    let wrap = |problem| context.failed(&runner, "tools", problem);
    let mut key = recipe(&context.source, context.arch).map_err(wrap)?;
    if let Some(packages) = locked {
        let lines = packages
            .iter()
            .map(|package| format!("{} {}\n", package.name, package.sha256))
            .collect::<String>();
        key = format!("{key}-{}", &digest(&lines)[..8]);
    }
    let root = context.cache.join("tools").join(&key);
    let cached = root.exists();
    if !cached {
        make(context, &runner, &root, locked).map_err(wrap)?;
    }
    let packages = installed(context, &runner, &root).map_err(wrap)?;
    if cached {
        runner.bar().cached("");
    } else {
        runner.bar().done(&format!("{} packages", packages.len()));
    }
    context.timings.add("tools", began.elapsed(), cached, 0);
    Ok(Tools { root, key, packages })
}

/// The tree that `ci/setup` made, or that a build for `arch` has made, for commands that need tools but no build.
pub fn existing(source: &Path, cache: &Path, arch: Arch) -> Result<PathBuf, Problem> {
    let root = cache.join("tools").join(recipe(source, arch)?);
    if root.exists() {
        return Ok(root);
    }
    let setup = source.join("ci/setup");
    Err(EnvironmentError::NoToolsTree { root, setup }.into())
}

/// Key of what the tree is made from; `ci/setup` computes the same from the same bytes.
fn recipe(source: &Path, arch: Arch) -> Result<String, Problem> {
    let folder = source.join("image/tools-tree");
    let path = folder.join("make");
    let text = fs::read_to_string(&path).map_err(Problem::io("read", &path))?;
    Ok(digest(&(text + &asked(source, arch)?))[..16].to_owned())
}

/// The lists of the tree that builds for this architecture, one after the other.
fn asked(source: &Path, arch: Arch) -> Result<String, Problem> {
    let folder = source.join("image/tools-tree");
    let mut lists = vec![folder.join("packages")];
    if arch.is_foreign() {
        lists.push(folder.join(format!("packages-{arch}")));
    }
    let read = |path: &PathBuf| fs::read_to_string(path).map_err(Problem::io("read", path));
    lists.iter().map(read).collect()
}

fn make(context: &Context, runner: &Runner, root: &Path, locked: Option<&[Package]>) -> Result<(), Problem> {
    if context.offline && locked.is_none() {
        return Err(ArchiveError::OfflineWithoutTools.into());
    }
    let debs = context.cache.join("debs");
    let mut command = Command::new(context.image_path("tools-tree/make"));
    command.arg(root).arg(&debs);
    if context.arch.is_foreign() {
        command.args(["--arch", context.arch.name()]);
    }
    let pool = context.cache.join("tools-pool");
    if let Some(packages) = locked {
        let lacking = lacking(&asked(&context.source, context.arch)?, packages);
        if !lacking.is_empty() {
            return Err(InputError::ToolsNotLocked { names: lacking }.into());
        }
        crate::pipeline::store::remove(&pool)?;
        write_bare_pool(context, runner, packages, &debs, &pool)?;
        command.arg("--pool").arg(&pool);
    } else if let Some(mirror) = &context.mirror {
        command.args(["--mirror", mirror]);
    }
    runner.run(&mut command)
}

/// Tools of `image/tools-tree/packages`, for this builder, that are not among these packages.
fn lacking(asked: &str, packages: &[Package]) -> Vec<String> {
    let own = format!("[{}]", Arch::builder());
    let names = asked
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .filter_map(|line| match line.split_once(' ') {
            Some((name, builder)) => (builder == own).then_some(name),
            None => Some(line),
        })
        .map(|line| line.split_once('/').map_or(line, |(name, _)| name));
    names
        .filter(|name| {
            let (name, arch) = name
                .split_once(':')
                .map_or((*name, None), |(name, arch)| (name, Some(arch)));
            !packages
                .iter()
                .any(|package| package.name == name && arch.is_none_or(|arch| arch == package.arch))
        })
        .map(str::to_owned)
        .collect()
}

/// A local archive for mmdebstrap with exactly these packages, indexed without the tools tree, which does not exist yet.
pub fn write_bare_pool(
    context: &Context,
    runner: &Runner,
    packages: &[Package],
    debs: &Path,
    pool: &Path,
) -> Result<(), Problem> {
    let files = pool.join("debs");
    fs::create_dir_all(&files).map_err(Problem::io("make the folder", &files))?;
    for package in packages {
        let file = Deb::from(package).file;
        let (from, to) = (debs.join(&file), files.join(&file));
        fs::hard_link(&from, &to)
            .or_else(|_| fs::copy(&from, &to).map(drop))
            .map_err(Problem::io("link", &from))?;
    }
    let suite = &context.image.suite;
    let archs = packages
        .iter()
        .map(|package| package.arch.as_str())
        .filter(|arch| *arch != "all")
        .collect::<BTreeSet<_>>();
    let archs = archs.into_iter().collect::<Vec<_>>().join(" ");
    let script = format!(
        "cd \"$1\"; mkdir -p dists/{suite}
        printf 'Suite: {suite}\\nCodename: {suite}\\nComponents: main\\nArchitectures: {archs}\\nSHA256:\\n' >dists/{suite}/Release
        for arch in {archs}; do
            list=main/binary-$arch/Packages
            mkdir -p \"dists/{suite}/main/binary-$arch\"
            for deb in debs/*_\"$arch\".deb debs/*_all.deb; do
                [ -e \"$deb\" ] || continue
                dpkg-deb -f \"$deb\" | sed '/^$/d'
                printf 'Filename: %s\\nSize: %s\\nSHA256: %s\\n\\n' \"$deb\" \"$(stat -c %s \"$deb\")\" \"$(sha256sum \"$deb\" | cut -d' ' -f1)\"
            done >\"dists/{suite}/$list\"
            printf ' %s %s %s\\n' \"$(sha256sum \"dists/{suite}/$list\" | cut -d' ' -f1)\" \"$(stat -c %s \"dists/{suite}/$list\")\" \"$list\" >>dists/{suite}/Release
        done"
    );
    runner.run(Command::new("sh").args(["-euc", &script, "sh"]).arg(pool))
}

/// What is installed in the tree, with the SHA-256 of each .deb; computed once per tree.
fn installed(context: &Context, runner: &Runner, root: &Path) -> Result<Vec<Package>, Problem> {
    let list = root.with_extension("packages.json");
    if let Ok(text) = fs::read_to_string(&list)
        && let Ok(packages) = serde_json::from_str(&text)
    {
        return Ok(packages);
    }
    runner.bar().message("listing packages");
    let format = "${Package} ${Version} ${Architecture}\\n";
    let text = runner.read(&mut Sandbox::new(root).command("dpkg-query", ["-W", "-f", format]))?;
    let debs = context.cache.join("debs");
    let mut packages = Vec::new();
    for line in text.lines() {
        let words = line.split(' ').collect::<Vec<_>>();
        let [name, version, arch] = words[..] else {
            let (tool, line) = ("dpkg-query", line.to_owned());
            return Err(InternalError::ToolOutput { tool, line }.into());
        };
        let mut package = Package {
            name: name.to_owned(),
            version: version.to_owned(),
            arch: arch.to_owned(),
            sha256: String::new(),
        };
        package.sha256 = digest_file(&debs.join(Deb::from(&package).file))?;
        packages.push(package);
    }
    packages.sort();
    let text = serde_json::to_string(&packages).map_err(InternalError::Json)?;
    write_whole(&list, text.as_bytes())?;
    Ok(packages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_the_lock_does_not_have_is_named() {
        let asked = "# Making trees\nmkosi\n\ncargo/trixie-backports\nmold\n";
        let package = |name: &str| Package {
            name: name.to_owned(),
            version: "1".to_owned(),
            arch: "amd64".to_owned(),
            sha256: String::new(),
        };
        assert_eq!(lacking(asked, &["mkosi", "cargo", "apt"].map(package)), ["mold"]);
        assert_eq!(lacking(asked, &["mkosi", "cargo", "mold"].map(package)), [""; 0]);
        // For other builders.
        let own = format!("mold [{}]\ngrub-pc-bin [m68k]\n", Arch::builder());
        assert_eq!(lacking(&own, &[]), ["mold"]);
        // For another architecture than the one that there is.
        assert_eq!(
            lacking("libc6-dev:arm64\nlibc6-dev:amd64\n", &[package("libc6-dev")]),
            ["libc6-dev:arm64"]
        );
    }
}
