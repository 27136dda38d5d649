//! How pools are, with their vdevs: zpool-status(8).

use serde::Deserialize;

use super::command::zpool;
use super::scan::{Expansion, Removal, Scan};
use super::vdev::{Health, Vdev};
use crate::run::Invocation;
use crate::{ParseError, json};

/// Asks how a pool is, or all of them are.
///
/// With `names`, damaged files are named. ZFS then ends its JSON at the first name that is not UTF-8, with exit code 0, and
/// [`parse`] gives an error: ask again without names, or with [`damaged`] for text.
pub fn status(pool: Option<&str>, names: bool) -> Invocation {
    zpool("status")
        .args(["-j", "--json-int", "-p", "-P", "-t", "-i"])
        .args(names.then_some("-v"))
        .arg("--")
        .args(pool)
}

/// Asks for the damaged files of a pool as text, which holds names that are not UTF-8 too.
pub fn damaged(pool: &str) -> Invocation {
    zpool("status").args(["-v", "-P", "--", pool])
}

/// How a pool is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Printed")]
pub struct Status {
    /// Name.
    pub name: String,
    /// Its number, for good.
    pub guid: u64,
    /// State.
    pub health: Health,
    /// The last transaction group that the command saw.
    pub txg: u64,
    /// What is wrong or could be better, as ZFS says it, in one line.
    pub message: Option<String>,
    /// What to do about it, as ZFS says it, in one line.
    pub action: Option<String>,
    /// The number of that message, such as `ZFS-8000-8A`.
    pub message_id: Option<String>,
    /// Address of a page about it.
    pub more: Option<String>,
    /// The scrub or resilver that runs or was the last.
    pub scan: Option<Scan>,
    /// The expansion that runs or was the last.
    pub expansion: Option<Expansion>,
    /// The removal that runs or was the last.
    pub removal: Option<Removal>,
    /// The checkpoint.
    pub checkpoint: Option<Checkpoint>,
    /// The vdevs with the data.
    pub data: Vec<Vdev>,
    /// Vdevs with the tables of deduplication.
    pub dedup: Vec<Vdev>,
    /// Vdevs with metadata and small blocks.
    pub special: Vec<Vdev>,
    /// Vdevs with the intent log.
    pub logs: Vec<Vdev>,
    /// Devices of the read cache.
    pub cache: Vec<Vdev>,
    /// Hot spares.
    pub spares: Vec<Vdev>,
    /// Read errors of the pool as a whole; such errors are also counted where they happened.
    pub read_errors: u64,
    /// Write errors of the pool as a whole.
    pub write_errors: u64,
    /// Checksum errors of the pool as a whole.
    pub checksum_errors: u64,
    /// Blocks that are damaged for good.
    pub error_count: u64,
    /// What these blocks belong to, when that was asked for.
    pub errors: Vec<Damaged>,
}

impl Status {
    /// Every vdev of the pool, each before its children.
    pub fn vdevs(&self) -> Vec<&Vdev> {
        let groups = [
            &self.data,
            &self.dedup,
            &self.special,
            &self.logs,
            &self.cache,
            &self.spares,
        ];
        let tops = groups.into_iter().flatten();
        tops.flat_map(Vdev::with_descendants).collect()
    }

    /// Whether ZFS offers features that the pool does not use yet.
    pub fn is_upgradable(&self) -> bool {
        self.action
            .as_deref()
            .is_some_and(|action| action.contains("'zpool upgrade'"))
    }
}

/// The checkpoint of a pool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Checkpoint {
    /// `EXISTS`, or `DISCARDING` while it is being removed.
    pub state: String,
    /// When it was made, in Unix seconds.
    #[serde(rename = "start_time", deserialize_with = "json::time")]
    pub made: Option<u64>,
    /// Bytes that it keeps.
    #[serde(deserialize_with = "json::count")]
    pub space: u64,
}

/// What a damaged block belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damaged {
    /// A file of a dataset or snapshot; the path begins at the dataset's root.
    File {
        /// The dataset or snapshot.
        dataset: String,
        /// Path of the file.
        path: String,
    },
    /// An object of a dataset that is no file, such as a volume's data, or a file that is gone.
    Object {
        /// The dataset, or its number when it has no name any more.
        dataset: String,
        /// Number of the object.
        object: u64,
    },
    /// Metadata of the pool.
    Metadata {
        /// Number of the object.
        object: u64,
    },
    /// A path below a mount point, or another text.
    Other(String),
}

impl Damaged {
    /// One entry of the list, as ZFS prints it: `tank/photos:/a.raw`, `tank/volume:<0x1>`, `<metadata>:<0x3d>`.
    pub fn of(entry: &str) -> Self {
        let object = || {
            let (dataset, number) = entry.strip_suffix('>')?.rsplit_once(":<0x")?;
            let object = u64::from_str_radix(number, 16).ok()?;
            Some(match dataset {
                "<metadata>" => Self::Metadata { object },
                _ => Self::Object {
                    dataset: dataset.to_owned(),
                    object,
                },
            })
        };
        let file = || {
            let (dataset, path) = entry.split_once(":/")?;
            Some(Self::File {
                dataset: dataset.to_owned(),
                path: format!("/{path}"),
            })
        };
        object()
            .or_else(file)
            .unwrap_or_else(|| Self::Other(entry.to_owned()))
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Printed {
    name: String,
    state: Health,
    #[serde(deserialize_with = "json::count")]
    pool_guid: u64,
    #[serde(deserialize_with = "json::count")]
    txg: u64,
    status: Option<String>,
    action: Option<String>,
    msgid: Option<String>,
    moreinfo: Option<String>,
    scan_stats: Option<Scan>,
    raidz_expand_stats: Option<Expansion>,
    removal_stats: Option<Removal>,
    checkpoint_stats: Option<Checkpoint>,
    #[serde(deserialize_with = "json::values")]
    vdevs: Vec<Vdev>,
    #[serde(deserialize_with = "json::values")]
    dedup: Vec<Vdev>,
    #[serde(deserialize_with = "json::values")]
    special: Vec<Vdev>,
    #[serde(deserialize_with = "json::values")]
    logs: Vec<Vdev>,
    #[serde(deserialize_with = "json::values")]
    l2cache: Vec<Vdev>,
    #[serde(deserialize_with = "json::values")]
    spares: Vec<Vdev>,
    #[serde(deserialize_with = "json::count")]
    error_count: u64,
    errlist: Vec<String>,
}

impl From<Printed> for Status {
    fn from(printed: Printed) -> Self {
        let one_line = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        // The pool itself is the root of the tree; its name is that of the pool.
        let root = printed.vdevs.into_iter().next().unwrap_or_default();
        Self {
            name: printed.name,
            guid: printed.pool_guid,
            health: printed.state,
            txg: printed.txg,
            message: printed.status.map(one_line),
            action: printed.action.map(one_line),
            message_id: printed.msgid,
            more: printed.moreinfo,
            scan: printed.scan_stats.filter(|scan| *scan != Scan::default()),
            expansion: printed.raidz_expand_stats,
            removal: printed.removal_stats,
            checkpoint: printed.checkpoint_stats,
            read_errors: root.read_errors,
            write_errors: root.write_errors,
            checksum_errors: root.checksum_errors,
            data: root.children,
            dedup: printed.dedup,
            special: printed.special,
            logs: printed.logs,
            cache: printed.l2cache,
            spares: printed.spares,
            error_count: printed.error_count,
            errors: printed.errlist.iter().map(|entry| Damaged::of(entry)).collect(),
        }
    }
}

/// What [`status`] printed.
pub fn parse(text: &str) -> Result<Vec<Status>, ParseError> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(default, deserialize_with = "json::values")]
        pools: Vec<Status>,
    }
    Ok(json::parse::<Answer>("zpool", text)?.pools)
}

/// The entries of the list of damaged files that [`damaged`] printed.
pub fn parse_damaged(text: &str) -> Vec<Damaged> {
    text.lines()
        .skip_while(|line| !line.starts_with("errors: "))
        .filter_map(|line| line.strip_prefix("        "))
        .map(Damaged::of)
        .collect()
}
