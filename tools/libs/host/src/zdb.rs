//! zdb(8): labels of devices that were or are members of pools. It prints text only.

use crate::run::Invocation;

/// Prints the label of a device, an absolute path, of the partition when the pool has made one. Exit code 1 means that a label is damaged, 2 that
/// there is none.
pub fn label(device: &str) -> Invocation {
    Invocation::new("zdb").args(["-l", device])
}

/// What a label says of the pool and of the device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Label {
    /// Name of the pool; spares and caches have none.
    pub pool: Option<String>,
    /// Number of the pool.
    pub pool_guid: Option<u64>,
    /// Number of the device.
    pub guid: Option<u64>,
    /// Number of the vdev that the device is part of.
    pub top_guid: Option<u64>,
    /// What the pool, or the device, was last.
    pub state: State,
    /// The transaction group of the label.
    pub txg: Option<u64>,
    /// Number of the system that used the pool last.
    pub host_id: Option<u64>,
    /// Its name.
    pub host_name: Option<String>,
    /// Note about the pool.
    pub comment: Option<String>,
    /// Path at which the device was last, where it is the only one or stands first.
    pub path: Option<String>,
}

/// What a pool, or a device, was last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum State {
    /// Imported.
    Active,
    /// Exported.
    Exported,
    /// Destroyed.
    Destroyed,
    /// The device is a spare.
    Spare,
    /// The device is a cache.
    Cache,
    /// Another one.
    #[default]
    Unknown,
}

impl State {
    /// By the number that a label holds (`pool_state_t`).
    fn of(number: u64) -> Self {
        match number {
            0 => Self::Active,
            1 => Self::Exported,
            2 => Self::Destroyed,
            3 => Self::Spare,
            4 => Self::Cache,
            _ => Self::Unknown,
        }
    }
}

/// The first label that [`label`] printed; none when there is none.
pub fn parse_label(text: &str) -> Option<Label> {
    let mut label = Label::default();
    let mut found = false;
    for line in text.lines() {
        let depth = line.len() - line.trim_start_matches(' ').len();
        let Some((name, value)) = line.trim().split_once(": ") else {
            continue;
        };
        let number = || value.parse().ok();
        let text = || Some(unquoted(value)).filter(|text| !text.is_empty());
        match (depth, name) {
            (4, "version") if found => break,
            (4, "version") => found = true,
            (4, "name") => label.pool = text(),
            (4, "pool_guid") => label.pool_guid = number(),
            (4, "guid") => label.guid = number(),
            (4, "top_guid") => label.top_guid = number(),
            (4, "state") => label.state = number().map_or(State::Unknown, State::of),
            (4, "txg") => label.txg = number(),
            (4, "hostid") => label.host_id = number(),
            (4, "hostname") => label.host_name = text(),
            (4, "comment") => label.comment = text(),
            (_, "path") if label.path.is_none() => label.path = text(),
            _ => {}
        }
    }
    found.then_some(label)
}

fn unquoted(value: &str) -> String {
    let inner = value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    inner.unwrap_or(value).to_owned()
}
