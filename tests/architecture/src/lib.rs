//! Holds the source tree against `docs/architecture.md`.
//!
//! - [`crates`]: the workspace's crates and their dependencies, from `cargo metadata`, and the picture of them
//! - [`modules`]: the modules of one crate, and the paths that each names
//! - [`names`]: which file defines what a path names
//! - [`circles`]: files that import each other
//! - [`programs`]: where external programs are started

pub mod circles;
pub mod crates;
pub mod modules;
pub mod names;
pub mod programs;
