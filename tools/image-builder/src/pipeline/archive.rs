//! Debian packages: which ones an image needs (by apt's own solver), and getting them.
//!
//! A set of packages is resolved first, against the network or the lock, and only then fetched and
//! installed from a local archive that holds nothing else. What is installed can therefore not drift
//! from what was resolved.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::context::Context;
use super::error::Problem;
use super::key::{digest, digest_file};
use super::run::Runner;
use super::sandbox::{Sandbox, inside};
use super::store::remove;
use crate::manifest::Package;
use crate::profile::KernelSource;

/// Package lists younger than this are not fetched again.
const FRESH: Duration = Duration::from_mins(10);

/// A .deb: what it is, its file name in an archive, and its size in bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deb {
    /// What it is.
    pub package: Package,
    /// File name, as apt's cache spells it.
    pub file: String,
    /// Bytes; 0 when not known.
    pub size: u64,
}

/// A named choice of packages, resolved.
#[derive(Debug, Clone, Default)]
pub struct DebSet(pub Vec<Deb>);

impl DebSet {
    /// A digest of names, versions and contents.
    pub fn digest(&self) -> String {
        let lines = self
            .0
            .iter()
            .map(|deb| format!("{} {}\n", deb.file, deb.package.sha256));
        digest(&lines.collect::<BTreeSet<_>>().into_iter().collect::<String>())
    }

    /// The package of this name.
    pub fn find(&self, name: &str) -> Option<&Deb> {
        self.0.iter().find(|deb| deb.package.name == name)
    }

    /// All packages, sorted.
    pub fn packages(&self) -> Vec<Package> {
        let all = self
            .0
            .iter()
            .map(|deb| deb.package.clone())
            .collect::<BTreeSet<_>>();
        all.into_iter().collect()
    }
}

impl From<&Package> for Deb {
    fn from(package: &Package) -> Self {
        let file = format!(
            "{}_{}_{}.deb",
            package.name,
            package.version.replace(':', "%3a"),
            package.arch
        );
        Self {
            package: package.clone(),
            file,
            size: 0,
        }
    }
}

/// A Debian archive seen through apt, with state of its own and no installed packages.
#[derive(Debug)]
pub struct Archive<'a> {
    context: &'a Context,
    tools: &'a Path,
    state: PathBuf,
    pool: Option<PathBuf>,
    sources: String,
}

impl<'a> Archive<'a> {
    /// The archive on the network.
    pub fn network(context: &'a Context, tools: &'a Path, runner: &Runner) -> Result<Self, Problem> {
        let (main, security) = mirrors(context, runner)?;
        let suite = &context.image.suite;
        let key = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]";
        let parts = "main contrib non-free-firmware";
        let mut sources = format!(
            "deb {key} {main} {suite} {parts}\ndeb {key} {main} {suite}-updates {parts}\n\
             deb {key} {security} {suite}-security {parts}\n"
        );
        if context.profile.kernel.source == KernelSource::Backports {
            let _ = writeln!(sources, "deb {key} {main} {suite}-backports {parts}");
        }
        Self::open(context, tools, sources, None)
    }

    /// A local archive made by [`write_pool`].
    pub fn pool(context: &'a Context, tools: &'a Path, pool: &Path) -> Result<Self, Problem> {
        let suite = &context.image.suite;
        let sources = format!("deb [trusted=yes] file:{} {suite} main\n", inside::POOL);
        Self::open(context, tools, sources, Some(pool.to_owned()))
    }

    fn open(
        context: &'a Context,
        tools: &'a Path,
        sources: String,
        pool: Option<PathBuf>,
    ) -> Result<Self, Problem> {
        let id = digest(&format!("{sources}{}{pool:?}", context.arch));
        let state = context.cache.join("apt").join(&id[..16]);
        for folder in ["lists/partial", "archives/partial", "state", "provided"] {
            let folder = state.join(folder);
            fs::create_dir_all(&folder).map_err(Problem::io("make the folder", &folder))?;
        }
        let write = |name: &str, text: &str| {
            let path = state.join(name);
            fs::write(&path, text).map_err(Problem::io("write", &path))
        };
        let provided = format!("deb [trusted=yes] file:{}/provided ./\n", inside::WORK);
        write("sources.list", &format!("{sources}{provided}"))?;
        write("status", "")?;
        write("preferences", BACKPORTS)?;
        write("provided/Packages", &provided_packages(context))?;
        write("apt.conf", &configuration(context))?;
        Ok(Self {
            context,
            tools,
            state,
            pool,
            sources,
        })
    }

    fn sandbox(&self) -> Sandbox {
        let sandbox = self
            .context
            .sandbox(self.tools)
            .give(&self.state, inside::WORK)
            .env("APT_CONFIG", "/work/apt.conf");
        match &self.pool {
            Some(pool) => sandbox.show(pool, inside::POOL),
            None => sandbox.network(),
        }
    }

    /// Fetches the package lists, unless they are fresh or there is no network to fetch them from.
    pub fn update(&self, runner: &Runner) -> Result<(), Problem> {
        let stamp = self.state.join("updated");
        let age = stamp.metadata().and_then(|about| about.modified()).ok();
        let fresh = age
            .and_then(|at| SystemTime::now().duration_since(at).ok())
            .is_some_and(|age| age < FRESH);
        let known = age.is_some() && self.pool.is_none();
        if known && (fresh || self.context.offline) {
            return Ok(());
        }
        if self.context.offline && self.pool.is_none() {
            return Err(Problem::Unmet(
                "--offline, but the cache holds no package lists: build once with a network".to_owned(),
            ));
        }
        runner.bar().message("fetching package lists");
        let update = ["-q", "-o", "APT::Update::Error-Mode=any", "update"];
        match runner.run(&mut self.sandbox().command("apt-get", update)) {
            Ok(()) => fs::write(&stamp, &self.sources).map_err(Problem::io("write", &stamp)),
            Err(Problem::Tool { tail, .. }) if known => {
                let why = tail
                    .iter()
                    .rev()
                    .find(|line| line.starts_with("E:"))
                    .cloned()
                    .unwrap_or_default();
                self.context.progress.note(&format!(
                    "warning: the Debian archive cannot be reached; building with the package lists of the last build ({})",
                    why.trim_start_matches("E: ")
                ));
                Ok(())
            }
            Err(problem) => Err(problem),
        }
    }

    /// Everything that installing `packages` on an empty system takes.
    pub fn resolve(&self, runner: &Runner, packages: &[&str]) -> Result<DebSet, Problem> {
        let mut args = vec![
            "-qq",
            "-o",
            "Acquire::ForceHash=SHA256",
            "--print-uris",
            "install",
        ];
        args.extend(packages);
        let text = runner.read(&mut self.sandbox().command("apt-get", args))?;
        let mut debs = text
            .lines()
            .filter(|line| line.starts_with('\''))
            .map(parse_uri)
            .collect::<Result<Vec<_>, _>>()?;
        debs.retain(|deb| !PROVIDED.contains(&deb.package.name.as_str()));
        debs.sort();
        debs.dedup();
        Ok(DebSet(debs))
    }

    /// Fetches those that `store` does not hold yet, checked against their SHA-256.
    pub fn fetch(&self, runner: &Runner, debs: &[Deb], store: &Path) -> Result<u64, Problem> {
        let missing = debs.iter().filter(|deb| !held(store, deb)).collect::<Vec<_>>();
        if missing.is_empty() {
            return Ok(0);
        }
        let total = missing.iter().map(|deb| deb.size).sum::<u64>();
        if self.context.offline {
            let names = missing
                .iter()
                .take(8)
                .map(|deb| deb.file.as_str())
                .collect::<Vec<_>>()
                .join(", ");
            return Err(Problem::Unmet(format!(
                "--offline, but the cache lacks {} packages: {names}",
                missing.len()
            )));
        }
        let incoming = store.join(format!("incoming-{}", std::process::id()));
        remove(&incoming)?;
        fs::create_dir_all(&incoming).map_err(Problem::io("make the folder", &incoming))?;
        let result = self.fetch_into(runner, &missing, &incoming, total, store);
        remove(&incoming)?;
        result.map(|()| total)
    }

    fn fetch_into(
        &self,
        runner: &Runner,
        debs: &[&Deb],
        incoming: &Path,
        total: u64,
        store: &Path,
    ) -> Result<(), Problem> {
        runner.bar().bytes(total);
        let exact = debs.iter().map(|deb| {
            format!(
                "{}:{}={}",
                deb.package.name,
                apt_arch(self.context, deb),
                deb.package.version
            )
        });
        let args = ["-q", "download"]
            .into_iter()
            .map(str::to_owned)
            .chain(exact)
            .collect::<Vec<_>>();
        let mut command = self
            .sandbox()
            .give(incoming, inside::CACHE)
            .chdir(inside::CACHE)
            .command("apt-get", args);
        std::thread::scope(|scope| {
            let (done, finished) = std::sync::mpsc::channel::<()>();
            scope.spawn(move || {
                while finished.recv_timeout(Duration::from_millis(500))
                    == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
                {
                    runner.bar().position(super::context::size_of(incoming));
                }
            });
            let result = runner.run(&mut command);
            drop(done);
            result
        })?;
        for deb in debs {
            let path = incoming.join(&deb.file);
            let found = digest_file(&path)?;
            if found != deb.package.sha256 {
                return Err(Problem::Unmet(format!(
                    "{}: SHA-256 is {found}, not {}; clear the cache with `sigmavault-image clean --cache` and build again",
                    deb.file, deb.package.sha256
                )));
            }
            let target = store.join(&deb.file);
            fs::rename(&path, &target).map_err(Problem::io("rename to", &target))?;
        }
        Ok(())
    }
}

/// Whether the folder of packages has this one, by name and size.
fn held(store: &Path, deb: &Deb) -> bool {
    store
        .join(&deb.file)
        .metadata()
        .is_ok_and(|about| deb.size == 0 || about.len() == deb.size)
}

fn apt_arch(context: &Context, deb: &Deb) -> String {
    // An `all` package is reached through the image's own architecture.
    if deb.package.arch == "all" {
        context.arch.name().to_owned()
    } else {
        deb.package.arch.clone()
    }
}

/// Our own packages, which the archive does not have: what depends on them must find them.
const PROVIDED: [&str; 1] = ["sigmavault-zfs"];

fn provided_packages(context: &Context) -> String {
    let mut text = String::new();
    for name in PROVIDED {
        let _ = write!(
            text,
            "Package: {name}\nVersion: 0\nArchitecture: {}\nProvides: zfs-modules\nMaintainer: SigmaVault NAS OS authors\n\
             Description: built here\nFilename: ./{name}.deb\nSize: 1\nSHA256: {}\n\n",
            context.arch,
            digest(name)
        );
    }
    text
}

/// With a kernel from backports, its ZFS and headers come from there too; nothing else does.
const BACKPORTS: &str = "Package: src:linux src:linux-signed-amd64 src:linux-signed-arm64 src:zfs-linux\n\
    Pin: release n=*-backports\nPin-Priority: 900\n";

fn configuration(context: &Context) -> String {
    let work = inside::WORK;
    format!(
        "Dir \"{work}\";\nDir::State \"{work}/state\";\nDir::State::lists \"{work}/lists\";\nDir::State::status \"{work}/status\";\n\
         Dir::Cache \"{work}\";\nDir::Cache::archives \"{work}/archives\";\nDir::Etc \"{work}\";\n\
         Dir::Etc::sourcelist \"{work}/sources.list\";\nDir::Etc::sourceparts \"/dev/null\";\n\
         Dir::Etc::preferences \"{work}/preferences\";\nDir::Etc::preferencesparts \"/dev/null\";\n\
         Dir::Etc::parts \"/dev/null\";\n\
         APT::Architecture \"{arch}\";\nAPT::Architectures {{ \"{arch}\"; }};\nAPT::Install-Recommends \"false\";\n\
         APT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\nAcquire::PDiffs \"false\";\nAcquire::Retries \"3\";\n",
        arch = context.arch
    )
}

/// Addresses of the main and the security archive: `--mirror`, else what the host's apt uses.
fn mirrors(context: &Context, runner: &Runner) -> Result<(String, String), Problem> {
    let mut command = std::process::Command::new("sh");
    command
        .arg(context.image_path("tools-tree/mirror"))
        .args(&context.mirror);
    let text = runner.read(&mut command)?;
    let mut lines = text.lines().map(str::to_owned);
    match (lines.next(), lines.next()) {
        (Some(main), Some(security)) => Ok((main, security)),
        _ => Err(Problem::Unmet(
            "no Debian archive is known here; name one with --mirror URL".to_owned(),
        )),
    }
}

/// One line of `apt-get --print-uris`: `'URI' FILE SIZE SHA256:HASH`.
fn parse_uri(line: &str) -> Result<Deb, Problem> {
    let bad = || Problem::Unmet(format!("apt printed a line that is not understood: {line}"));
    let rest = line
        .strip_prefix('\'')
        .and_then(|rest| rest.split_once("' "))
        .ok_or_else(bad)?
        .1;
    let words = rest.split_whitespace().collect::<Vec<_>>();
    let [file, size, hash] = words[..] else {
        return Err(bad());
    };
    let sha256 = hash
        .strip_prefix("SHA256:")
        .filter(|hash| hash.len() == 64)
        .ok_or_else(bad)?;
    let stem = file.strip_suffix(".deb").ok_or_else(bad)?;
    let parts = stem.split('_').collect::<Vec<_>>();
    let [name, version, arch] = parts[..] else {
        return Err(bad());
    };
    Ok(Deb {
        package: Package {
            name: name.to_owned(),
            version: version.replace("%3a", ":").replace("%7e", "~"),
            arch: arch.to_owned(),
            sha256: sha256.to_owned(),
        },
        file: file.to_owned(),
        size: size.parse().map_err(|_| bad())?,
    })
}

/// Makes a Debian archive in `folder` that holds exactly these packages, linked from `store`.
pub fn write_pool(
    context: &Context,
    runner: &Runner,
    tools: &Path,
    debs: &[Deb],
    store: &Path,
    folder: &Path,
) -> Result<(), Problem> {
    let files = folder.join("debs");
    fs::create_dir_all(&files).map_err(Problem::io("make the folder", &files))?;
    for deb in debs {
        let (from, to) = (store.join(&deb.file), files.join(&deb.file));
        if fs::hard_link(&from, &to).is_err() && !to.exists() {
            fs::copy(&from, &to).map_err(Problem::io("copy", &from))?;
        }
    }
    runner.bar().message("indexing packages");
    let (suite, arch) = (&context.image.suite, context.arch);
    let script = format!(
        "cd {pool}; mkdir -p dists/{suite}/main/binary-{arch}
        apt-ftparchive --md5 --no-sha1 --no-sha512 packages debs >dists/{suite}/main/binary-{arch}/Packages
        apt-ftparchive -o APT::FTPArchive::Release::Suite={suite} -o APT::FTPArchive::Release::Codename={suite} \\
            -o APT::FTPArchive::Release::Components=main -o APT::FTPArchive::Release::Architectures={arch} \\
            release dists/{suite} >/tmp/Release
        cp /tmp/Release dists/{suite}/Release",
        pool = inside::POOL
    );
    runner.run(&mut context.sandbox(tools).give(folder, inside::POOL).script(&script))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_apt_is_read() {
        let hash = digest("");
        let line = format!(
            "'http://deb.example/pool/u/usbutils_018-2_amd64.deb' usbutils_1%3a018-2_amd64.deb 78880 SHA256:{hash}"
        );
        let deb = parse_uri(&line).unwrap();
        assert_eq!(deb.package.name, "usbutils");
        assert_eq!(deb.package.version, "1:018-2");
        assert_eq!(deb.package.arch, "amd64");
        assert_eq!(deb.size, 78880);
        assert_eq!(Deb::from(&deb.package).file, deb.file);
    }

    #[test]
    fn other_lines_are_refused() {
        for line in [
            "'x' a_1_amd64.deb 1 MD5Sum:00",
            "'x' a.deb 1",
            "x",
            "'x' a_1.deb 1 SHA256:00",
        ] {
            assert!(parse_uri(line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_digest_does_not_depend_on_order() {
        let deb = |name: &str| {
            Deb::from(&Package {
                name: name.into(),
                version: "1".into(),
                arch: "all".into(),
                sha256: digest(name),
            })
        };
        assert_eq!(
            DebSet(vec![deb("a"), deb("b")]).digest(),
            DebSet(vec![deb("b"), deb("a")]).digest()
        );
        assert_ne!(DebSet(vec![deb("a")]).digest(), DebSet(vec![deb("b")]).digest());
    }
}
