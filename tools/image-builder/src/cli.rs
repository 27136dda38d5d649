//! The command line of `sigmavault-image`: help, completions and man pages all come from these definitions.
#![allow(clippy::struct_excessive_bools, reason = "flags are booleans")]
#![allow(clippy::doc_markdown, reason = "these comments are the help text")]

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::profile::Arch;
use crate::profile::options::ProfilesArgs;

/// Builds, boots, flashes and inspects SigmaVault images.
#[derive(Debug, Parser)]
#[command(
    name = "sigmavault-image",
    version,
    propagate_version = true,
    max_term_width = 110
)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Source tree; by default the nearest folder above this one that holds image/ and profiles/
    #[arg(long, global = true, value_name = "DIR")]
    pub source: Option<PathBuf>,
    /// Another folder of profiles, which may extend those of the source tree; may be repeated
    #[arg(long, global = true, value_name = "DIR")]
    pub profiles: Vec<PathBuf>,
    /// When to use colours; NO_COLOR is respected
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = Color::Auto)]
    pub color: Color,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Where results of stages are kept.
#[derive(Debug, Clone, Default, Args)]
pub struct CacheArgs {
    /// Cache of stages and packages [default: $XDG_CACHE_HOME/sigmavault or ~/.cache/sigmavault]
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
}

impl CacheArgs {
    /// The folder: as given, or the user's cache folder.
    pub fn folder(&self) -> PathBuf {
        self.cache.clone().unwrap_or_else(default_cache)
    }
}

/// `$XDG_CACHE_HOME/sigmavault`, or `~/.cache/sigmavault`.
pub fn default_cache() -> PathBuf {
    cache_from(
        std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from),
        std::env::home_dir(),
    )
}

fn cache_from(xdg: Option<PathBuf>, home: Option<PathBuf>) -> PathBuf {
    // The XDG specification says to ignore a relative path.
    let xdg = xdg.filter(|path| path.is_absolute());
    let home = home.filter(|path| path.is_absolute());
    let base = xdg.or_else(|| Some(home?.join(".cache")));
    base.unwrap_or_else(|| PathBuf::from("/var/cache"))
        .join("sigmavault")
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Build an ISO and its reports from a profile
    Build(BuildArgs),
    /// Boot an ISO in a virtual machine and check what comes up
    Smoke(crate::smoke::Options),
    /// Write an image to a disk and verify it
    Flash(FlashArgs),
    /// Print what an image is, from the file alone
    Inspect(InspectArgs),
    /// List, show, check and write hardware profiles, and find the one for a machine
    Profiles(ProfilesArgs),
    /// Print what to do to test an image on a real machine, as a list to tick off
    HardwareCheck(HardwareCheckArgs),
    /// Check whether this host can build images, and name the command that fixes what is missing
    Doctor(DoctorArgs),
    /// Update image/image.lock, the list of every package in each image
    Lock(LockArgs),
    /// Keep everything that a lock names, to build the same image later and without a network
    Pool(PoolArgs),
    /// Remove the results of builds
    Clean(CleanArgs),
    /// Become a program that the kernel runs by an emulator
    #[command(hide = true)]
    Emulated(EmulatedArgs),
    /// Print completions for a shell
    Completions(CompletionsArgs),
    /// Write man pages to a folder
    #[command(hide = true)]
    Man(ManArgs),
}

/// `emulated`.
#[derive(Debug, Clone, Args)]
pub struct EmulatedArgs {
    /// Architecture of what is emulated
    #[arg(value_enum)]
    pub arch: Arch,
    /// QEMU's user emulation for it
    pub interpreter: PathBuf,
    /// The program
    pub program: OsString,
    /// Its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub args: Vec<OsString>,
}

/// `build`.
#[derive(Debug, Clone, Args)]
pub struct BuildArgs {
    /// Profile, as `profiles list` names it
    #[arg(long, value_name = "NAME", default_value = "pc-gnome")]
    pub profile: String,
    /// Debian architecture
    #[arg(long, value_enum, default_value_t = Arch::Amd64)]
    pub arch: Arch,
    /// Folder for the ISO and its reports [default: out in the source tree]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Use exactly the packages of the lock, or fail
    #[arg(long)]
    pub locked: bool,
    /// Lock file [default: image/image.lock in the source tree]
    #[arg(long, value_name = "FILE")]
    pub lock_file: Option<PathBuf>,
    /// Take packages and crates from a folder that `pool save` wrote, and nothing from the network
    #[arg(long, value_name = "DIR", requires = "locked", conflicts_with = "mirror")]
    pub pool: Option<PathBuf>,
    /// Sign SHA256SUMS with this SSH key (private, or public with its private half in an agent)
    #[arg(long, value_name = "FILE")]
    pub sign_key: Option<PathBuf>,
    /// Name the changed input for each stage that runs again
    #[arg(long)]
    pub explain: bool,
    /// Print the build report as JSON
    #[arg(long)]
    pub json: bool,
    /// Debian archive to take packages from
    #[arg(long, value_name = "URL")]
    pub mirror: Option<String>,
    /// Where results of stages are kept.
    #[command(flatten)]
    pub cache: CacheArgs,
    /// Use only packages already in the cache
    #[arg(long, conflicts_with = "mirror")]
    pub offline: bool,
}

/// `flash`.
#[derive(Debug, Clone, Args)]
pub struct FlashArgs {
    /// The ISO, or the compressed image of a disk
    pub iso: PathBuf,
    /// The disk, like /dev/sdb
    pub device: PathBuf,
    /// Serial number of the disk: allows one that is not removable (for a loop device, its name)
    #[arg(long)]
    pub serial: Option<String>,
    /// Do not ask for confirmation
    #[arg(long)]
    pub yes: bool,
    /// Print what would happen without writing anything
    #[arg(long)]
    pub dry_run: bool,
    /// Refuse an ISO whose SHA256SUMS is not signed by one of the public SSH keys in this file
    #[arg(long, value_name = "FILE")]
    pub verify_key: Option<PathBuf>,
    /// Put this answer file on the disk too, for an unattended installation
    #[arg(long, value_name = "FILE")]
    pub answers: Option<PathBuf>,
    /// Do not read the disk back to verify it
    #[arg(long)]
    pub no_verify: bool,
    /// Print the plan and the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// `inspect`.
#[derive(Debug, Clone, Args)]
pub struct InspectArgs {
    /// The image
    pub iso: PathBuf,
    /// Fail unless SHA256SUMS is signed by one of the public SSH keys in this file
    #[arg(long, value_name = "FILE")]
    pub verify_key: Option<PathBuf>,
    /// List every package
    #[arg(long)]
    pub packages: bool,
    /// Print JSON, packages included
    #[arg(long)]
    pub json: bool,
}

/// `hardware-check`.
#[derive(Debug, Clone, Args)]
pub struct HardwareCheckArgs {
    /// Profile that the image was built from
    pub profile: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `doctor`.
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// Folder where the ISO would go [default: out in the source tree]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Where results of stages are kept.
    #[command(flatten)]
    pub cache: CacheArgs,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `lock`.
#[derive(Debug, Clone, Args)]
pub struct LockArgs {
    /// Write the lock with the newest packages of the archive
    #[arg(long, required = true)]
    pub update: bool,
    /// Lock file [default: image/image.lock in the source tree]
    #[arg(long, value_name = "FILE")]
    pub lock_file: Option<PathBuf>,
    /// Profile to update; may be repeated [default: all that can be built]
    #[arg(long, value_name = "NAME")]
    pub profile: Vec<String>,
    /// Debian architecture to update; may be repeated [default: all that the profile can be built for]
    #[arg(long, value_enum)]
    pub arch: Vec<Arch>,
    /// Debian archive to take packages from
    #[arg(long, value_name = "URL")]
    pub mirror: Option<String>,
    /// Where results of stages are kept.
    #[command(flatten)]
    pub cache: CacheArgs,
    /// Print what changed as JSON
    #[arg(long)]
    pub json: bool,
}

/// `pool`.
#[derive(Debug, Clone, Args)]
pub struct PoolArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: PoolAction,
}

/// What `pool` does.
#[derive(Debug, Clone, Subcommand)]
pub enum PoolAction {
    /// Copy every package and crate of a lock, tools included, into a folder; what is not in the cache is fetched
    Save(PoolSaveArgs),
}

/// `pool save`.
#[derive(Debug, Clone, Args)]
pub struct PoolSaveArgs {
    /// The folder; what it holds already is checked and kept
    pub folder: PathBuf,
    /// Lock file [default: image/image.lock in the source tree]
    #[arg(long, value_name = "FILE")]
    pub lock_file: Option<PathBuf>,
    /// Debian archive to take packages from
    #[arg(long, value_name = "URL")]
    pub mirror: Option<String>,
    /// Where results of stages are kept.
    #[command(flatten)]
    pub cache: CacheArgs,
    /// Print what was saved as JSON
    #[arg(long)]
    pub json: bool,
}

/// `clean`.
#[derive(Debug, Clone, Args)]
pub struct CleanArgs {
    /// Folder of build results [default: out in the source tree]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Also remove the cache: the default one, or this one
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true)]
    pub cache: Option<Option<PathBuf>>,
}

impl CleanArgs {
    /// The cache to remove, when one is to be.
    pub fn cache_folder(&self) -> Option<PathBuf> {
        self.cache
            .clone()
            .map(|named| named.unwrap_or_else(default_cache))
    }
}

/// `completions`.
#[derive(Debug, Clone, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// `man`.
#[derive(Debug, Clone, Args)]
pub struct ManArgs {
    /// Folder to write to
    pub folder: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use sigmavault_vm::{Accel, Firmware, Medium};

    fn parse(line: &str) -> Command {
        Cli::try_parse_from(line.split(' ')).unwrap().command
    }

    #[test]
    fn definitions_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn defaults() {
        let Command::Build(build) = parse("x build") else {
            panic!()
        };
        assert_eq!(
            (build.profile.as_str(), build.arch, build.out),
            ("pc-gnome", Arch::Amd64, None)
        );
        assert!(!build.locked && !build.explain && !build.offline && build.mirror.is_none());
        let Command::Smoke(smoke) = parse("x smoke a.iso") else {
            panic!()
        };
        assert_eq!(
            (smoke.medium, smoke.firmware, smoke.accel),
            (Medium::Usb, Firmware::Uefi, Accel::Auto)
        );
        let Command::Smoke(smoke) = parse("x smoke a.iso --as cd --firmware bios --memory 16G --timeout 60")
        else {
            panic!()
        };
        assert_eq!(
            (smoke.medium, smoke.firmware, smoke.timeout),
            (Medium::Cd, Firmware::Bios, 60)
        );
    }

    #[test]
    fn the_source_is_named_before_or_after_the_command() {
        for line in ["x --source /s build", "x build --source /s"] {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            assert_eq!(cli.global.source, Some(PathBuf::from("/s")), "{line}");
        }
    }

    #[test]
    fn a_pool_is_for_locked_builds_and_no_mirror() {
        let Command::Build(build) = parse("x build --locked --pool p --lock-file l") else {
            panic!()
        };
        assert_eq!(
            (build.pool, build.lock_file),
            (Some("p".into()), Some("l".into()))
        );
        for line in [
            "x build --pool p",
            "x build --locked --pool p --mirror m",
            "x pool",
            "x pool save",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }

    #[test]
    fn clean_leaves_the_cache_unless_told() {
        let cases = [
            ("x clean", None),
            ("x clean --cache", Some(default_cache())),
            ("x clean --cache=/c", Some(PathBuf::from("/c"))),
        ];
        for (line, expected) in cases {
            let Command::Clean(clean) = parse(line) else {
                panic!()
            };
            assert_eq!(clean.cache_folder(), expected, "{line}");
        }
    }

    #[test]
    fn the_cache_follows_the_xdg_specification() {
        let path = |text: &str| Some(PathBuf::from(text));
        let cases = [
            (path("/x"), path("/home/a"), "/x/sigmavault"),
            (None, path("/home/a"), "/home/a/.cache/sigmavault"),
            (path("relative"), path("/home/a"), "/home/a/.cache/sigmavault"),
            (path(""), None, "/var/cache/sigmavault"),
        ];
        for (xdg, home, expected) in cases {
            assert_eq!(cache_from(xdg, home), PathBuf::from(expected));
        }
    }
}
