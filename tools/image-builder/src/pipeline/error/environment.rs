//! What this machine lacks or does not allow.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use nix::errno::Errno;

use crate::invocation;
use crate::profile::Arch;

/// Why this machine cannot do what a build needs.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// Not root.
    #[error("an image holds files of many owners, and only root can make those: run with sudo")]
    NotRoot,
    /// No mounts of our own.
    #[error("cannot make a mount namespace: {0}\n  try: run as root, outside of an unprivileged container")]
    MountNamespace(Errno),
    /// No overlay over the base tree.
    #[error(
        "cannot mount an overlay on {}: {errno}\n  try: a cache on ext4, xfs or btrfs with --cache, outside of a container",
        path.display()
    )]
    Overlay {
        /// Where it was to be.
        path: PathBuf,
        /// Why not.
        errno: Errno,
    },
    /// No emulation of another architecture.
    #[error("cannot {what}: {reason}\n  try: as root, outside of a container")]
    Emulation {
        /// What could not be done.
        what: &'static str,
        /// Why not.
        reason: io::Error,
    },
    /// Nothing here runs programs of another architecture.
    #[error(
        "nothing runs programs of {arch} here: Linux 6.7 or later does inside a build; before that this machine needs an emulator, see `{} doctor`",
        invocation::name()
    )]
    NoEmulation {
        /// The architecture.
        arch: Arch,
    },
    /// A program could not be started.
    #[error("cannot start {}: {reason}", program.display())]
    NotStarted {
        /// The program.
        program: OsString,
        /// Why not.
        reason: io::Error,
    },
    /// Ctrl-C could not be caught.
    #[error("cannot listen for Ctrl-C: {0}\n  try: run it in a terminal of its own")]
    Signals(io::Error),
    /// No more pipes.
    #[error(
        "cannot open a pipe: {0}\n  try: end other programs, or raise the limit of open files (`ulimit -n`)"
    )]
    Pipe(io::Error),
    /// A command that needs the tools tree found none.
    #[error("there is no tools tree in {}: run {}, or build an image", root.display(), invocation::quoted(setup))]
    NoToolsTree {
        /// Where it would be.
        root: PathBuf,
        /// The script that makes it.
        setup: PathBuf,
    },
}
