//! Datasets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::id::Guid;

/// A file system or a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum DatasetKind {
    /// Holds files.
    FileSystem,
    /// A block device.
    Volume,
}

/// Where the value of a property comes from (zfsprops(7)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "from", rename_all = "kebab-case")]
pub enum Source {
    /// It was set here.
    Local,
    /// It was set further up.
    Inherited {
        /// Where.
        dataset: String,
    },
    /// Nobody set it.
    Default,
    /// It came with a stream.
    Received,
    /// A mount option sets it until the next mount.
    Temporary,
    /// It cannot be set.
    None,
}

/// A property with its source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Property {
    /// Value; sizes in bytes.
    pub value: String,
    /// Source.
    pub source: Source,
}

impl Property {
    /// Whether it was set at the dataset itself.
    pub const fn is_set_here(&self) -> bool {
        matches!(self.source, Source::Local | Source::Received)
    }
}

/// The key of an encrypted dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Key {
    /// The dataset that the key belongs to: this one, or one above.
    pub root: String,
    /// Whether it is loaded.
    pub loaded: bool,
    /// Whether the service can load it by itself, from a file.
    pub automatic: bool,
}

/// A file system or a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Dataset {
    /// Its id.
    pub id: Guid,
    /// Its name, the pool's first.
    pub name: String,
    /// Which kind.
    #[serde(rename = "type")]
    pub kind: DatasetKind,
    /// Bytes that it and everything below takes.
    pub used: u64,
    /// Bytes that can still be written to it.
    pub available: u64,
    /// Bytes that it can read, shared ones too.
    pub referenced: u64,
    /// Whether a file system is mounted.
    pub mounted: bool,
    /// Where a file system is mounted, when it is.
    pub mountpoint: Option<String>,
    /// Its key; none where it is not encrypted.
    pub key: Option<Key>,
    /// The snapshot that it is a clone of.
    pub origin: Option<String>,
    /// Properties that can be set.
    pub properties: BTreeMap<String, Property>,
}

impl Dataset {
    /// The pool's name.
    pub fn pool(&self) -> &str {
        pool_of(&self.name)
    }

    /// Whether it is below another dataset.
    pub fn is_below(&self, other: &str) -> bool {
        is_below(&self.name, other)
    }
}

/// The name of the pool that a dataset or snapshot is in.
pub(super) fn pool_of(name: &str) -> &str {
    name.split(['/', '@']).next().unwrap_or_default()
}

/// Whether a dataset is below another one.
fn is_below(name: &str, other: &str) -> bool {
    name.strip_prefix(other).is_some_and(|rest| rest.starts_with('/'))
}

/// Whether a dataset is another one, or below it.
pub fn is_within(name: &str, top: &str) -> bool {
    name == top || is_below(name, top)
}
