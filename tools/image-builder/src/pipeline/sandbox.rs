//! Programs of the tools tree, run in it, and where they find what they work on.
//!
//! Paths inside are the same on every machine, so that no path of the host can end up in an image.

pub use sigmavault_vm::Sandbox;

/// The folders that the tools tree keeps ready as mount points.
pub mod inside {
    /// The source tree, read-only.
    pub const SOURCE: &str = "/src";
    /// Scratch of the stage.
    pub const WORK: &str = "/work";
    /// A flat Debian archive.
    pub const POOL: &str = "/pool";
    /// A root tree that the stage works on.
    pub const TREE: &str = "/tree";
    /// Downloaded crates and packages.
    pub const CACHE: &str = "/cache";
    /// Where results go.
    pub const OUT: &str = "/out";
}
