//! Which ZFS layout suits which disks: pure rules.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a pool's disks stand together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// One disk: errors are found, not mended.
    Single,
    /// Every disk holds the same.
    Mirror,
    /// Pairs of mirrored disks, striped.
    Mirrors,
    /// One disk may fail.
    Raidz1,
    /// Two disks may fail.
    Raidz2,
    /// Three disks may fail.
    Raidz3,
    /// No redundancy: one failed disk takes everything with it.
    Stripe,
}

/// A layout for given disks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Layout {
    /// Kind.
    pub kind: Kind,
    /// Groups of disks (vdevs), as indices into the sizes given.
    pub vdevs: Vec<Vec<usize>>,
    /// Disks that stand ready to replace one that fails.
    pub spares: Vec<usize>,
    /// How many disks may fail at any rate, whichever they are.
    pub may_fail: usize,
    /// Bytes that data can take, after parity, uneven sizes and what ZFS keeps to itself.
    pub usable: u64,
    /// Bytes that stay unused because disks differ in size.
    pub wasted: u64,
    /// Why this, in one sentence.
    pub reason: String,
}
