//! The context of every stage: paths, what is built, and how to report.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::error::{BuildError, Problem};
use super::key::Inputs;
use super::lock::Built;
use super::run::{Interrupt, Runner};
use super::sandbox::Sandbox;
use super::store::{Lookup, Store};
use super::timings::Timings;
use crate::profile::{Arch, Profile};
use crate::progress::Progress;

/// `image/image.toml`: what is the same for every profile.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ImageConfig {
    /// Debian release.
    pub suite: String,
    /// Seconds since the epoch; every time stamp in an image is clamped to it.
    pub source_date_epoch: u64,
    /// zstd level of the root file system.
    pub compression_level: u32,
    /// Largest run of bytes compressed as one, a power of two.
    pub compression_cluster: u32,
    /// Where packages are that the archive no longer has.
    #[serde(default)]
    pub archive: ArchiveConfig,
}

/// `[archive]` of `image/image.toml`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ArchiveConfig {
    /// Address of an archive that keeps every state, with `{archive}` and `{time}` in it.
    pub snapshot: Option<String>,
}

/// One build.
#[derive(Debug)]
pub struct Context {
    /// The source tree.
    pub source: PathBuf,
    /// The cache.
    pub cache: PathBuf,
    /// What is built.
    pub profile: Profile,
    /// For which machines.
    pub arch: Arch,
    /// `image/image.toml`.
    pub image: ImageConfig,
    /// Debian archive named by the user.
    pub mirror: Option<String>,
    /// Only what the cache holds.
    pub offline: bool,
    /// Only what the lock names.
    pub locked: bool,
    /// The lock file.
    pub lock: PathBuf,
    /// Key that `SHA256SUMS` is signed with.
    pub sign_key: Option<PathBuf>,
    /// Tell why stages run.
    pub explain: bool,
    /// Progress display.
    pub progress: Progress,
    /// Ctrl-C.
    pub interrupt: Interrupt,
    /// Stage results.
    pub store: Store,
    /// What took how long.
    pub timings: Timings,
}

impl Context {
    /// Runs one stage: from the cache when its inputs are known, else by `make` in a fresh folder.
    /// `result` says in a few words what came out.
    pub fn stage(
        &self,
        name: &'static str,
        variant: &str,
        inputs: &Inputs,
        make: impl FnOnce(&Runner, &Path) -> Result<String, Problem>,
    ) -> Result<PathBuf, BuildError> {
        let began = std::time::Instant::now();
        let runner = self.runner(name)?;
        let wrap = |problem| self.failed(&runner, name, problem);
        let claim = match self.store.lookup(name, variant, inputs).map_err(wrap)? {
            Lookup::Found(path) => {
                runner.bar().cached("");
                self.timings.add(name, began.elapsed(), true, size_of(&path));
                return Ok(path);
            }
            Lookup::Missing(claim) => claim,
        };
        if self.explain {
            self.progress.note(&self.why(name, variant, inputs));
        }
        let wrap = |problem| self.failed(&runner, name, problem);
        let said = make(&runner, claim.folder()).map_err(wrap)?;
        let path = claim.finish().map_err(wrap)?;
        self.store.finished(name, variant, inputs).map_err(wrap)?;
        runner.bar().done(&said);
        self.timings.add(name, began.elapsed(), false, size_of(&path));
        Ok(path)
    }

    /// A runner for work that is not kept in the stage cache.
    pub fn runner(&self, name: &'static str) -> Result<Runner, BuildError> {
        let log = self
            .cache
            .join("log")
            .join(format!("{}-{name}.log", self.built().key()));
        Runner::new(log, self.progress.stage(name), self.interrupt.clone()).map_err(BuildError::Setup)
    }

    /// The error of a stage, its bar ended; everything else is asked to stop.
    pub fn failed(&self, runner: &Runner, stage: &'static str, problem: Problem) -> BuildError {
        let interrupted = matches!(problem, Problem::Interrupted);
        runner
            .bar()
            .failed(if interrupted { "interrupted" } else { "see below" });
        self.interrupt.raise();
        BuildError::Stage {
            stage,
            problem,
            log: (!interrupted).then(|| runner.log_path().to_owned()),
        }
    }

    /// A sandbox in the tools tree with the build's fixed time and the source tree.
    pub fn sandbox(&self, tools: &Path) -> Sandbox {
        Sandbox::new(tools)
            .show(&self.source, super::sandbox::inside::SOURCE)
            .env("SOURCE_DATE_EPOCH", self.image.source_date_epoch.to_string())
    }

    /// Name of the results: `sigmavault-PROFILE-ARCH`.
    pub fn name(&self) -> String {
        format!("sigmavault-{}-{}", self.profile.name, self.arch)
    }

    /// What is built.
    pub fn built(&self) -> Built<'_> {
        Built {
            profile: &self.profile.name,
            arch: self.arch,
        }
    }

    /// A path below `image/`.
    pub fn image_path(&self, path: &str) -> PathBuf {
        self.source.join("image").join(path)
    }

    fn why(&self, name: &str, variant: &str, inputs: &Inputs) -> String {
        match self.store.last_inputs(name, variant) {
            None => format!("{name} runs: it has not run before"),
            Some(last) => match inputs.changed_since(&last).as_slice() {
                [] => format!("{name} runs: its result is no longer in the cache"),
                changed => format!("{name} runs: changed: {}", changed.join(", ")),
            },
        }
    }
}

/// Bytes of a file, or of the files directly in a folder.
pub fn size_of(path: &Path) -> u64 {
    let Ok(about) = path.symlink_metadata() else {
        return 0;
    };
    if !about.is_dir() {
        return about.len();
    }
    let entries = path.read_dir().into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.metadata().ok())
        .filter(std::fs::Metadata::is_file)
        .map(|file| file.len())
        .sum()
}
