//! Datasets and their properties: zfs-list(8), zfs-get(8), zfsprops(7).
//!
//! Numbers are asked for with `-p` and without `--json-int`: with it, ZFS 2.3 prints 9223372036854775807 for every larger
//! number, which half of all guids are.

use serde::Deserialize;

use super::command::zfs;
use crate::property::Properties;
use crate::run::Invocation;
use crate::{ParseError, json};

/// What a dataset is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Type {
    /// A file system.
    Filesystem,
    /// A volume: a block device.
    Volume,
    /// A snapshot of one of them.
    Snapshot,
    /// The place of a snapshot, to send from.
    Bookmark,
}

impl Type {
    /// Every type.
    pub const ALL: [Self; 4] = [Self::Filesystem, Self::Volume, Self::Snapshot, Self::Bookmark];
    /// What holds data of its own.
    pub const LIVE: [Self; 2] = [Self::Filesystem, Self::Volume];

    const fn word(self) -> &'static str {
        match self {
            Self::Filesystem => "filesystem",
            Self::Volume => "volume",
            Self::Snapshot => "snapshot",
            Self::Bookmark => "bookmark",
        }
    }
}

/// Which datasets are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope<'a> {
    /// All of all pools.
    Everything,
    /// These.
    Only(&'a [&'a str]),
    /// These and all below them.
    Below(&'a [&'a str]),
    /// These and what lies so many levels below them at most.
    Depth(&'a [&'a str], u32),
}

/// Options of the scope, `--`, and its names.
fn scoped(invocation: Invocation, types: &[Type], scope: Scope<'_>) -> (Invocation, Vec<String>) {
    let types: Vec<&str> = types.iter().map(|kind| kind.word()).collect();
    let invocation = invocation.args(["-t", &types.join(",")]);
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    match scope {
        Scope::Everything => (invocation, Vec::new()),
        Scope::Only(names) => (invocation, owned(names)),
        Scope::Below(names) => (invocation.arg("-r"), owned(names)),
        Scope::Depth(names, levels) => (invocation.arg("-d").arg(levels.to_string()), owned(names)),
    }
}

/// Lists datasets with these properties.
pub fn list(types: &[Type], properties: &[&str], scope: Scope<'_>) -> Invocation {
    let (list, names) = scoped(zfs("list").args(["-j", "-p"]), types, scope);
    let columns = std::iter::once("name").chain(properties.iter().copied());
    list.arg("-o")
        .arg(columns.collect::<Vec<_>>().join(","))
        .arg("--")
        .args(names)
}

/// Asks for properties of datasets, with where they come from; `all` is a name for all of them, those that users defined
/// included.
pub fn get(types: &[Type], properties: &[&str], scope: Scope<'_>) -> Invocation {
    let (get, names) = scoped(zfs("get").args(["-j", "-p"]), types, scope);
    get.arg("--").arg(properties.join(",")).args(names)
}

/// A dataset.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Dataset {
    /// Name, that of the pool first.
    pub name: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: Type,
    /// Name of the pool.
    #[serde(default)]
    pub pool: String,
    /// The transaction group that made it: of two, the one with the larger number is the later.
    #[serde(default, deserialize_with = "json::count")]
    pub createtxg: u64,
    /// Of a snapshot: the dataset that it is of.
    #[serde(default)]
    pub dataset: Option<String>,
    /// Of a snapshot: its name behind the `@`.
    #[serde(default)]
    pub snapshot_name: Option<String>,
    /// The properties that were asked for. A user's property that is not set is `-`.
    #[serde(default)]
    pub properties: Properties,
}

impl Dataset {
    /// Its number, when `guid` was asked for.
    pub fn guid(&self) -> Option<u64> {
        self.properties.number("guid")
    }
}

/// What [`list`] or [`get`] printed, in its order.
pub fn parse(text: &str) -> Result<Vec<Dataset>, ParseError> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(default, deserialize_with = "json::values")]
        datasets: Vec<Dataset>,
    }
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    Ok(json::parse::<Answer>("zfs", text)?.datasets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        for (invocation, line) in [
            (
                list(&Type::LIVE, &["guid", "used"], Scope::Everything),
                "list -j -p -t filesystem,volume -o name,guid,used --",
            ),
            (
                list(&[Type::Snapshot], &[], Scope::Depth(&["tank/-x"], 1)),
                "list -j -p -t snapshot -d 1 -o name -- tank/-x",
            ),
            (
                get(&Type::ALL, &["all"], Scope::Below(&["-r", "a b"])),
                "get -j -p -t filesystem,volume,snapshot,bookmark -r -- all -r 'a b'",
            ),
            (
                get(&Type::ALL, &["all"], Scope::Only(&["tank"])),
                "get -j -p -t filesystem,volume,snapshot,bookmark -- all tank",
            ),
        ] {
            assert_eq!(invocation.quoted(), format!("zfs {line}"));
        }
    }
}
