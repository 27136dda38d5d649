//! Faults of this program, such as output of a tool that it cannot parse.

use std::path::PathBuf;

use crate::invocation;

/// A fault that only a change of this program mends.
#[derive(Debug, thiserror::Error)]
pub enum InternalError {
    /// A result could not be written as JSON.
    #[error("cannot write JSON: {0}\n  try: report this with the command that you ran")]
    Json(serde_json::Error),
    /// A lock could not be written as TOML.
    #[error("cannot write the lock as TOML: {0}\n  try: report this with the command that you ran")]
    Toml(toml::ser::Error),
    /// A tool printed another format than its version in the tools tree does.
    #[error(
        "{tool} printed a line that is not understood: {line}\n  try: build with the tools of the lock (--locked), and report this line"
    )]
    ToolOutput {
        /// The tool.
        tool: &'static str,
        /// The line.
        line: String,
    },
    /// `cargo metadata` printed something else than its format.
    #[error(
        "cannot read what `cargo metadata` printed: {0}\n  try: build with the tools of the lock (--locked), and report this"
    )]
    CargoMetadata(serde_json::Error),
    /// OpenZFS no longer says which kernels it supports.
    #[error("{}: no Linux-Maximum line\n  try: build the packages of the lock (--locked), and report this OpenZFS version", .0.display())]
    NoLinuxMaximum(PathBuf),
    /// The root holds a package that was not resolved.
    #[error(
        "{name} {version} is in the root of {profile}, but was not resolved for it\n  try: `{} clean --cache`, then build again",
        invocation::name()
    )]
    NotResolved {
        /// The package.
        name: String,
        /// Its version.
        version: String,
        /// The profile.
        profile: String,
    },
}
