//! Pools with their sizes: zpool-list(8).

use serde::Deserialize;

use super::command::zpool;
use super::vdev::Health;
use crate::property::Properties;
use crate::run::Invocation;
use crate::{ParseError, json};

/// The properties that are asked for (zpoolprops(7)).
const COLUMNS: &str = "size,allocated,free,checkpoint,expandsize,fragmentation,capacity,dedupratio,health,altroot,guid,\
                       readonly,ashift,comment,freeing,leaked,failmode,autotrim,autoexpand,compatibility";

/// Lists the imported pools.
pub fn list() -> Invocation {
    zpool("list").args(["-j", "-p", "-o", COLUMNS])
}

/// A pool with its sizes, in bytes. Sizes are 0 while a pool that has failed cannot say them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Name.
    pub name: String,
    /// Its number, for good.
    pub guid: u64,
    /// State.
    pub health: Health,
    /// Bytes of its data vdevs, redundancy of RAID-Z included.
    pub size: u64,
    /// Bytes in use.
    pub allocated: u64,
    /// Bytes not in use.
    pub free: u64,
    /// Bytes that a checkpoint keeps; none without a checkpoint.
    pub checkpoint: Option<u64>,
    /// Bytes by which its devices have grown, and which it does not use yet.
    pub expandable: Option<u64>,
    /// Fragmentation of the free space in percent; none where it is not known.
    pub fragmentation: Option<u64>,
    /// How full it is, in percent.
    pub capacity: Option<u64>,
    /// How many times deduplicated data would be larger without, in hundredths.
    pub dedup_ratio: Option<u64>,
    /// Folder below which its file systems are mounted until it is exported.
    pub altroot: Option<String>,
    /// Whether it was imported to be read only.
    pub read_only: bool,
    /// Power of two of the sectors of new vdevs; 0 when it is chosen for each device.
    pub ashift: u64,
    /// What somebody noted about it.
    pub comment: Option<String>,
    /// Bytes that are still to be freed after a destroy.
    pub freeing: u64,
    /// Bytes that were lost by errors while freeing.
    pub leaked: u64,
    /// Everything that was printed.
    pub properties: Properties,
}

/// What [`list`] printed. Without pools ZFS prints nothing at all.
pub fn parse(text: &str) -> Result<Vec<Pool>, ParseError> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(default, deserialize_with = "json::values")]
        pools: Vec<Printed>,
    }
    #[derive(Deserialize)]
    struct Printed {
        name: String,
        #[serde(deserialize_with = "json::count")]
        pool_guid: u64,
        #[serde(default)]
        state: Health,
        #[serde(default)]
        properties: Properties,
    }
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let pool = |Printed {
                    name,
                    pool_guid,
                    state,
                    properties,
                }: Printed| {
        let count = |name| properties.number(name).unwrap_or(0);
        let text = |name| properties.text(name).map(str::to_owned);
        Pool {
            name,
            guid: pool_guid,
            health: text("health").map_or(state, Health::from),
            size: count("size"),
            allocated: count("allocated"),
            free: count("free"),
            checkpoint: properties.number("checkpoint"),
            expandable: properties.number("expandsize"),
            fragmentation: properties.number("fragmentation"),
            capacity: properties.number("capacity"),
            dedup_ratio: properties
                .get("dedupratio")
                .and_then(crate::property::Property::hundredths),
            altroot: text("altroot"),
            read_only: properties.flag("readonly").unwrap_or(false),
            ashift: count("ashift"),
            comment: text("comment"),
            freeing: count("freeing"),
            leaked: count("leaked"),
            properties,
        }
    };
    let answer: Answer = json::parse("zpool", text)?;
    Ok(answer.pools.into_iter().map(pool).collect())
}
