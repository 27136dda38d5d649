//! Debian packages: which ones an image needs (by apt's own solver), and getting them.
//!
//! A set of packages is resolved first, against the network or the lock, and only then fetched and
//! installed from a local archive that holds nothing else. What is installed can therefore not drift
//! from what was resolved.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sigmavault_facts::time::timestamp;

use super::context::Context;
use super::debs::{Deb, DebSet};
use super::error::{ArchiveError, InternalError, Problem, ToolFailure};
use super::held;
use super::key::{digest, digest_file};
use super::lock::write_whole;
use super::run::Runner;
use super::sandbox::{Sandbox, inside};
use super::store::remove;
use crate::manifest::Package;
use crate::profile::{Arch, KernelSource};

/// Package lists younger than this are not fetched again.
const FRESH: Duration = Duration::from_mins(10);
/// Folder of apt's answers about the present lists.
const RESOLVED: &str = "resolved";

/// Says of which packages, or when, the lists were read.
const STAMP: &str = "updated";

/// A Debian archive seen through apt, with state of its own and no installed packages.
#[derive(Debug)]
pub struct Archive<'a> {
    context: &'a Context,
    arch: Arch,
    tools: &'a Path,
    state: PathBuf,
    place: Place,
}

/// Where an archive is.
#[derive(Debug)]
enum Place {
    /// On the network.
    Network,
    /// In a folder made by [`super::pool::write`].
    Pool {
        folder: PathBuf,
        /// Digest of its packages: what its lists depend on.
        digest: String,
    },
}

impl<'a> Archive<'a> {
    /// The archive on the network, for installations of this architecture.
    pub fn network(
        context: &'a Context,
        arch: Arch,
        tools: &'a Path,
        runner: &Runner,
    ) -> Result<Self, Problem> {
        let (main, security) = mirrors(context, runner)?;
        let with_backports = context.profile.kernel.source == KernelSource::Backports;
        let sources = sources(context, &main, &security, SIGNED, with_backports);
        Self::open(context, arch, tools, &sources, Place::Network)
    }

    /// The archive as it was at a time, kept by a snapshot archive; `address` has `{archive}` and `{time}` in it.
    pub fn snapshot(
        context: &'a Context,
        arch: Arch,
        tools: &'a Path,
        address: &str,
        time: SystemTime,
    ) -> Result<Self, Problem> {
        let sources = snapshot_sources(context, address, time, SIGNED);
        Self::open(context, arch, tools, &sources, Place::Network)
    }

    /// A local archive made by [`super::pool::write`]; `digest` changes when its packages do.
    pub fn pool(context: &'a Context, tools: &'a Path, pool: &Path, digest: &str) -> Result<Self, Problem> {
        let suite = &context.image.suite;
        let sources = format!("deb [trusted=yes] file:{} {suite} main\n", inside::POOL);
        let (folder, digest) = (pool.to_owned(), digest.to_owned());
        let place = Place::Pool { folder, digest };
        Self::open(context, context.arch, tools, &sources, place)
    }

    fn open(
        context: &'a Context,
        arch: Arch,
        tools: &'a Path,
        sources: &str,
        place: Place,
    ) -> Result<Self, Problem> {
        let folder = match &place {
            Place::Network => None,
            Place::Pool { folder, .. } => Some(folder),
        };
        let id = digest(&format!("{sources}{arch}{folder:?}"));
        let state = context.cache.join("apt").join(&id[..16]);
        for folder in ["lists/partial", "archives/partial", "state", "provided"] {
            let folder = state.join(folder);
            fs::create_dir_all(&folder).map_err(Problem::io("make the folder", &folder))?;
        }
        // What apt has worked out from its lists holds while these files stay as they are.
        let write = |name: &str, text: &str| {
            let path = state.join(name);
            if fs::read_to_string(&path).is_ok_and(|known| known == text) {
                return Ok(());
            }
            remove(&state.join(RESOLVED))?;
            if matches!(place, Place::Pool { .. }) {
                // Its lists are read again, which takes no network.
                remove(&state.join(STAMP))?;
            }
            fs::write(&path, text).map_err(Problem::io("write", &path))
        };
        let provided = format!("deb [trusted=yes] file:{}/provided ./\n", inside::WORK);
        write("sources.list", &format!("{sources}{provided}"))?;
        write("status", "")?;
        write("preferences", BACKPORTS)?;
        write("provided/Packages", &provided_packages(arch))?;
        write("apt.conf", &configuration(arch))?;
        Ok(Self {
            context,
            arch,
            tools,
            state,
            place,
        })
    }

    fn sandbox(&self) -> Sandbox {
        let sandbox = self
            .context
            .sandbox(self.tools)
            .give(&self.state, inside::WORK)
            .env("APT_CONFIG", "/work/apt.conf");
        match &self.place {
            Place::Pool { folder, .. } => sandbox.show(folder, inside::POOL),
            Place::Network => sandbox.network(),
        }
    }

    /// Reads the package lists: those of the network once in ten minutes and not without a network, those of a
    /// folder when its packages have changed.
    pub fn update(&self, runner: &Runner) -> Result<(), Problem> {
        match &self.place {
            Place::Network => self.update_from_network(runner),
            Place::Pool { digest, .. } => self.update_from_pool(runner, digest),
        }
    }

    fn update_from_network(&self, runner: &Runner) -> Result<(), Problem> {
        let stamp = self.stamp();
        let age = stamp.metadata().and_then(|about| about.modified()).ok();
        let fresh = age
            .and_then(|at| SystemTime::now().duration_since(at).ok())
            .is_some_and(|age| age < FRESH);
        let known = age.is_some();
        if known && (fresh || self.context.offline) {
            return Ok(());
        }
        if self.context.offline {
            return Err(ArchiveError::OfflineWithoutLists.into());
        }
        if !known {
            take_lists(&self.tools.join("var/lib/apt/lists"), &self.state.join("lists"))?;
        }
        runner.bar().message("fetching package lists");
        match self.read_lists(runner) {
            Ok(()) => fs::write(&stamp, "").map_err(Problem::io("write", &stamp)),
            Err(Problem::Tool(ToolFailure { tail, .. })) if known => {
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

    fn update_from_pool(&self, runner: &Runner, digest: &str) -> Result<(), Problem> {
        let stamp = self.stamp();
        if fs::read_to_string(&stamp).is_ok_and(|known| known == digest) {
            return Ok(());
        }
        // Lists that were read in part are of no use.
        remove(&stamp)?;
        runner.bar().message("reading package lists");
        self.read_lists(runner)?;
        fs::write(&stamp, digest).map_err(Problem::io("write", &stamp))
    }

    fn stamp(&self) -> PathBuf {
        self.state.join(STAMP)
    }

    fn read_lists(&self, runner: &Runner) -> Result<(), Problem> {
        remove(&self.state.join(RESOLVED))?;
        let update = ["-q", "-o", "APT::Update::Error-Mode=any", "update"];
        runner.run(&mut self.sandbox().command("apt-get", update))
    }

    /// Every package that installing `packages` on an empty system requires. apt is asked once per state of its
    /// lists.
    pub fn resolve(&self, runner: &Runner, packages: &[&str]) -> Result<DebSet, Problem> {
        let question = digest(&format!("{} {}", self.tools.display(), packages.join(" ")));
        let folder = self.state.join(RESOLVED);
        let known = folder.join(&question[..16]);
        let text = match fs::read_to_string(&known) {
            Ok(text) => text,
            Err(_) => {
                let text = self.ask(runner, packages)?;
                fs::create_dir_all(&folder).map_err(Problem::io("make the folder", &folder))?;
                write_whole(&known, text.as_bytes())?;
                text
            }
        };
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

    /// The tools tree that it is read with.
    pub fn tools(&self) -> &Path {
        self.tools
    }

    /// Names of the packages that begin like this, of every suite.
    pub fn names(&self, runner: &Runner, prefix: &str) -> Result<Vec<String>, Problem> {
        let text = runner.read(&mut self.sandbox().command("apt-cache", ["pkgnames", prefix]))?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    fn ask(&self, runner: &Runner, packages: &[&str]) -> Result<String, Problem> {
        let mut args = vec![
            "-qq",
            "-o",
            "Acquire::ForceHash=SHA256",
            "--print-uris",
            "install",
        ];
        args.extend(packages);
        runner.read(&mut self.sandbox().command("apt-get", args))
    }

    /// Fetches those that `store` does not hold yet. What it holds and what is fetched is compared with the SHA-256 that
    /// the archive's signed lists, or the lock, say.
    pub fn fetch(&self, runner: &Runner, debs: &[Deb], store: &Path) -> Result<u64, Problem> {
        runner.bar().message("checking packages of the cache");
        let missing = held::missing(debs, store, &|| runner.check())?;
        if missing.is_empty() {
            return Ok(0);
        }
        let total = missing.iter().map(|deb| deb.size).sum::<u64>();
        if self.context.offline {
            let files = missing.iter().map(|deb| deb.file.clone()).collect();
            return Err(ArchiveError::OfflineWithoutPackages { files }.into());
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
                apt_arch(self.arch, deb),
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
                let (file, expected) = (deb.file.clone(), deb.package.sha256.clone());
                return Err(ArchiveError::WrongDigest {
                    file,
                    found,
                    expected,
                }
                .into());
            }
            let target = store.join(&deb.file);
            fs::rename(&path, &target).map_err(Problem::io("rename to", &target))?;
        }
        Ok(())
    }
}

/// Copies the lists that the tools tree was made with. apt checks them against the archive's signed list of today and fetches only
/// those that differ or are not there.
fn take_lists(from: &Path, to: &Path) -> Result<(), Problem> {
    let Ok(entries) = fs::read_dir(from) else {
        return Ok(());
    };
    for entry in entries {
        let entry = entry.map_err(Problem::io("read", from))?;
        let path = entry.path();
        if path.is_file() && entry.file_name() != "lock" {
            fs::copy(&path, to.join(entry.file_name())).map_err(Problem::io("copy", &path))?;
        }
    }
    Ok(())
}

fn apt_arch(arch: Arch, deb: &Deb) -> String {
    // An `all` package is reached through the archive's architecture.
    if deb.package.arch == "all" {
        arch.name().to_owned()
    } else {
        deb.package.arch.clone()
    }
}

/// How apt knows that Debian made a list.
const SIGNED: &str = "signed-by=/usr/share/keyrings/debian-archive-keyring.gpg";

/// Lines of sources.list(5) for the suites that images are made from.
fn sources(context: &Context, main: &str, security: &str, options: &str, with_backports: bool) -> String {
    let suite = &context.image.suite;
    let parts = "main contrib non-free-firmware";
    let mut lines = format!(
        "deb [{options}] {main} {suite} {parts}\ndeb [{options}] {main} {suite}-updates {parts}\n\
         deb [{options}] {security} {suite}-security {parts}\n"
    );
    if with_backports {
        let _ = writeln!(lines, "deb [{options}] {main} {suite}-backports {parts}");
    }
    lines
}

/// The same as they were at a time. Old lists have run out, which is what they are wanted for; the tools tree takes
/// compilers from backports.
fn snapshot_sources(context: &Context, address: &str, time: SystemTime, trust: &str) -> String {
    let time = timestamp(time).replace(['-', ':'], "");
    let address = address.trim_end_matches('/').replace("{time}", &time);
    let [main, security] = ["debian", "debian-security"].map(|name| address.replace("{archive}", name));
    sources(
        context,
        &main,
        &security,
        &format!("{trust} check-valid-until=no"),
        true,
    )
}

/// Our own packages, which the archive does not have: what depends on them must find them.
const PROVIDED: [&str; 1] = ["sigmavault-zfs"];

fn provided_packages(arch: Arch) -> String {
    let mut text = String::new();
    for name in PROVIDED {
        let _ = write!(
            text,
            "Package: {name}\nVersion: 0\nArchitecture: {arch}\nProvides: zfs-modules\nMaintainer: SigmaVault NAS OS authors\n\
             Description: built here\nFilename: ./{name}.deb\nSize: 1\nSHA256: {}\n\n",
            digest(name)
        );
    }
    text
}

/// With a kernel from backports, its ZFS and headers come from there too; nothing else does.
const BACKPORTS: &str = "Package: src:linux src:linux-base src:linux-signed-amd64 src:linux-signed-arm64 src:zfs-linux\n\
    Pin: release n=*-backports\nPin-Priority: 900\n";

fn configuration(arch: Arch) -> String {
    let work = inside::WORK;
    format!(
        "Dir \"{work}\";\nDir::State \"{work}/state\";\nDir::State::lists \"{work}/lists\";\nDir::State::status \"{work}/status\";\n\
         Dir::Cache \"{work}\";\nDir::Cache::archives \"{work}/archives\";\nDir::Etc \"{work}\";\n\
         Dir::Etc::sourcelist \"{work}/sources.list\";\nDir::Etc::sourceparts \"/dev/null\";\n\
         Dir::Etc::preferences \"{work}/preferences\";\nDir::Etc::preferencesparts \"/dev/null\";\n\
         Dir::Etc::parts \"/dev/null\";\n\
         APT::Architecture \"{arch}\";\nAPT::Architectures {{ \"{arch}\"; }};\nAPT::Install-Recommends \"false\";\n\
         APT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\nAcquire::PDiffs \"false\";\nAcquire::Retries \"3\";\n\
         Acquire::http::Proxy::127.0.0.1 \"DIRECT\";\n"
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
        _ => Err(ArchiveError::NoMirror.into()),
    }
}

/// One line of `apt-get --print-uris`: `'URI' FILE SIZE SHA256:HASH`.
fn parse_uri(line: &str) -> Result<Deb, InternalError> {
    let bad = || InternalError::ToolOutput {
        tool: "apt-get",
        line: line.to_owned(),
    };
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

#[cfg(test)]
mod tests;
