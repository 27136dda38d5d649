//! What every command that builds begins with: the source tree, the profile, the cache and mounts of its own.

use std::fs;
use std::path::Path;

use super::context::{Context, ImageConfig};
use super::error::{BuildError, EnvironmentError, InputError, Problem};
use super::run::Interrupt;
use super::store::Store;
use super::timings::Timings;
use crate::cli::Global;
use crate::profile::{Arch, Library};
use crate::progress::{Mode, Progress};
use crate::source;

/// The context of a build of `profile`; this process sees mounts of its own from here on.
pub fn open(
    global: &Global,
    profile: &str,
    arch: Arch,
    cache: &Path,
    mirror: Option<String>,
    json: bool,
) -> Result<Context, BuildError> {
    let source = source::find(global.source.as_deref())?;
    let source = source
        .canonicalize()
        .map_err(Problem::io("find", &source))
        .map_err(BuildError::Setup)?;
    let profile = Library::of_source(&source, &global.profiles)?.buildable(profile, arch)?;
    if !nix::unistd::geteuid().is_root() {
        return Err(BuildError::setup(EnvironmentError::NotRoot));
    }
    let path = source.join("image/image.toml");
    let text = fs::read_to_string(&path)
        .map_err(Problem::io("read", &path))
        .map_err(BuildError::Setup)?;
    let image: ImageConfig = toml::from_str(&text)
        .map_err(|reason| BuildError::setup(InputError::ImageConfig { path, reason }))?;
    let debs = cache.join("debs");
    fs::create_dir_all(&debs)
        .map_err(Problem::io("make the folder", &debs))
        .map_err(BuildError::Setup)?;
    let cache = cache
        .canonicalize()
        .map_err(Problem::io("find", cache))
        .map_err(BuildError::Setup)?;
    private_mounts().map_err(BuildError::setup)?;
    let interrupt =
        Interrupt::listen().map_err(|error| BuildError::setup(EnvironmentError::Signals(error)))?;
    Ok(Context {
        store: Store::new(&cache),
        lock: source.join("image/image.lock"),
        source,
        cache,
        profile,
        arch,
        image,
        mirror,
        offline: false,
        locked: false,
        sign_key: None,
        explain: false,
        progress: Progress::new(Mode::detect(json)),
        interrupt,
        timings: Timings::default(),
    })
}

/// From here on, only this process sees its mounts, and they end with it.
fn private_mounts() -> Result<(), EnvironmentError> {
    use nix::mount::{MsFlags, mount};
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).map_err(EnvironmentError::MountNamespace)?;
    mount(
        None::<&str>,
        "/",
        None::<&str>,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        None::<&str>,
    )
    .map_err(EnvironmentError::MountNamespace)
}
