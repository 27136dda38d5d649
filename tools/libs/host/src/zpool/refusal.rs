//! Why zpool(8) refuses something, told by its text.

/// Why something was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such pool.
    NoSuchPool,
    /// The pool has no such device, or there is none at this path.
    NoSuchDevice,
    /// A pool has this name already.
    Exists,
    /// The name is not one for a pool.
    InvalidName,
    /// Something below the pool's mount points is used.
    Busy,
    /// A device is in use, or has something on it.
    InUse {
        /// The device.
        device: String,
        /// By what, such as `part of exported pool 'tank'`.
        by: String,
        /// Whether the same call with `force` is accepted.
        forcible: bool,
    },
    /// One device was named twice.
    SameDevice,
    /// A device is too small.
    TooSmall,
    /// There are fewer devices than this redundancy needs.
    TooFewDevices,
    /// The vdevs would differ in redundancy.
    MixedRedundancy,
    /// The pool would lose data without this device.
    NoReplicas,
    /// The rest of the pool has no room for the data.
    OutOfSpace,
    /// A property does not exist, cannot be set, or has other values.
    InvalidProperty,
    /// A scrub or resilver runs.
    Scanning,
    /// What should end does not run; or there is no checkpoint.
    NothingToEnd,
    /// The pool has a checkpoint.
    CheckpointExists,
    /// The pool waits for its devices.
    Suspended,
    /// Another system has used the pool last, or uses it.
    OtherSystem,
    /// The pool cannot be imported as it is on its disks.
    Unavailable,
    /// A key is needed.
    KeyNotLoaded,
    /// The rights of the caller do not suffice.
    NotPermitted,
    /// Another reason.
    Other(String),
}

/// Words of a refusal, and what they mean. The first that is found counts.
const WORDS: &[(&str, Refusal)] = &[
    ("pool I/O is currently suspended", Refusal::Suspended),
    ("pool is suspended", Refusal::Suspended),
    ("no such pool available", Refusal::NoSuchPool),
    ("no such pool", Refusal::NoSuchPool),
    ("is not a pool", Refusal::NoSuchPool),
    ("no pools available to import", Refusal::NoSuchPool),
    ("no such device in pool", Refusal::NoSuchDevice),
    ("cannot resolve path", Refusal::NoSuchDevice),
    ("pool already exists", Refusal::Exists),
    ("a pool with that name already exists", Refusal::Exists),
    ("name is reserved", Refusal::InvalidName),
    ("name must begin with a letter", Refusal::InvalidName),
    ("invalid character", Refusal::InvalidName),
    ("name is too long", Refusal::InvalidName),
    ("pool or dataset is busy", Refusal::Busy),
    ("pool is busy", Refusal::Busy),
    ("refer to the same device", Refusal::SameDevice),
    ("less than the minimum size", Refusal::TooSmall),
    ("device is too small", Refusal::TooSmall),
    ("requires at least", Refusal::TooFewDevices),
    ("mismatched replication level", Refusal::MixedRedundancy),
    ("no valid replicas", Refusal::NoReplicas),
    ("out of space", Refusal::OutOfSpace),
    ("is not a valid pool or vdev property", Refusal::InvalidProperty),
    ("is readonly", Refusal::InvalidProperty),
    ("invalid property", Refusal::InvalidProperty),
    ("must be one of", Refusal::InvalidProperty),
    ("' property: ", Refusal::InvalidProperty),
    ("currently scrubbing", Refusal::Scanning),
    ("currently resilvering", Refusal::Scanning),
    ("there is no active", Refusal::NothingToEnd),
    ("checkpoint does not exist", Refusal::NothingToEnd),
    ("checkpoint exists", Refusal::CheckpointExists),
    ("pool may be in use from other system", Refusal::OtherSystem),
    (
        "pool was previously in use from another system",
        Refusal::OtherSystem,
    ),
    ("is currently imported on another", Refusal::OtherSystem),
    (
        "one or more devices is currently unavailable",
        Refusal::Unavailable,
    ),
    ("no such device", Refusal::Unavailable),
    ("invalid vdev configuration", Refusal::Unavailable),
    ("Encryption key not loaded", Refusal::KeyNotLoaded),
    ("permission denied", Refusal::NotPermitted),
];

impl Refusal {
    /// The reason in what zpool(8) complained of.
    pub fn of(complaint: &str) -> Self {
        if let Some(used) = in_use(complaint) {
            return used;
        }
        let known = WORDS.iter().find(|(words, _)| complaint.contains(words));
        known.map_or_else(
            || Self::Other(complaint.trim().to_owned()),
            |(_, refusal)| refusal.clone(),
        )
    }
}

/// A device that is in use, of the list below `invalid vdev specification`.
fn in_use(complaint: &str) -> Option<Refusal> {
    let (_, list) = complaint.split_once("invalid vdev specification\n")?;
    let forcible = list.starts_with("use '-f'");
    let uses = [" is part of ", " contains a ", " is in use ", " is currently "];
    list.lines().find_map(|line| {
        let at = uses.iter().find_map(|words| line.find(words))?;
        let (device, by) = line.split_at_checked(at)?;
        let by = by.trim();
        Some(Refusal::InUse {
            device: device.to_owned(),
            by: by.strip_prefix("is ").unwrap_or(by).to_owned(),
            forcible,
        })
    })
}
