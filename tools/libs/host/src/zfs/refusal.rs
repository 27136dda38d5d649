//! Why zfs(8) refuses something, told by its text.

/// Why something was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such dataset or snapshot.
    NoSuchDataset,
    /// The dataset that it should be in does not exist.
    NoSuchParent,
    /// There is a dataset or snapshot of this name.
    Exists,
    /// The name is not one for a dataset.
    InvalidName,
    /// Something uses it, such as a process with its folder there.
    Busy,
    /// There are datasets or snapshots below it, with these names.
    HasChildren(Vec<String>),
    /// There are clones of it, or below it, with these names.
    HasClones(Vec<String>),
    /// There are later snapshots or bookmarks, with these names.
    HasNewer(Vec<String>),
    /// The snapshot is held.
    Held,
    /// There is a hold by this tag already.
    HoldExists,
    /// There is no hold by this tag.
    NoSuchHold,
    /// The pool is full, or smaller than what was asked for.
    OutOfSpace,
    /// A quota is used up.
    QuotaExceeded,
    /// A quota or reservation is smaller than what is in use.
    LessThanUsed,
    /// A property does not exist, cannot be set, or has other values.
    InvalidProperty,
    /// It is no clone.
    NotAClone,
    /// Its key is not loaded.
    KeyNotLoaded,
    /// Its key is loaded already.
    KeyLoaded,
    /// The key is another one.
    WrongKey,
    /// The key is too short, too long, or not of its format.
    InvalidKey,
    /// The file with the key cannot be read.
    NoKeyFile,
    /// It is not encrypted, or not by a key of its own.
    NotAnEncryptionRoot,
    /// It is mounted already.
    Mounted,
    /// The pool was imported to be read only.
    ReadOnly,
    /// The pool waits for its devices.
    Suspended,
    /// The rights of the caller do not suffice.
    NotPermitted,
    /// Another reason.
    Other(String),
}

/// Words of a refusal, and what they mean. The first that is found counts.
const WORDS: &[(&str, Refusal)] = &[
    ("pool I/O is currently suspended", Refusal::Suspended),
    ("parent does not exist", Refusal::NoSuchParent),
    ("dataset does not exist", Refusal::NoSuchDataset),
    ("no such pool", Refusal::NoSuchDataset),
    ("could not find any snapshots to destroy", Refusal::NoSuchDataset),
    ("tag already exists", Refusal::HoldExists),
    ("no such tag", Refusal::NoSuchHold),
    ("it's being held", Refusal::Held),
    ("already mounted", Refusal::Mounted),
    ("already exists", Refusal::Exists),
    ("invalid character", Refusal::InvalidName),
    ("name is too long", Refusal::InvalidName),
    ("empty component", Refusal::InvalidName),
    ("is busy", Refusal::Busy),
    ("mountpoint or dataset is busy", Refusal::Busy),
    ("out of space", Refusal::OutOfSpace),
    ("size is greater than available space", Refusal::OutOfSpace),
    ("quota exceeded", Refusal::QuotaExceeded),
    ("size is less than current used", Refusal::LessThanUsed),
    ("invalid property", Refusal::InvalidProperty),
    ("is readonly", Refusal::InvalidProperty),
    ("must be one of", Refusal::InvalidProperty),
    ("bad numeric value", Refusal::InvalidProperty),
    ("not a cloned filesystem", Refusal::NotAClone),
    ("Incorrect key provided", Refusal::WrongKey),
    ("Key already loaded", Refusal::KeyLoaded),
    ("Passphrase too", Refusal::InvalidKey),
    ("Raw key too", Refusal::InvalidKey),
    ("Hex key too", Refusal::InvalidKey),
    ("Invalid hex", Refusal::InvalidKey),
    ("Failed to open key material file", Refusal::NoKeyFile),
    ("key is not loaded", Refusal::KeyNotLoaded),
    ("is not encrypted", Refusal::NotAnEncryptionRoot),
    ("Dataset not encrypted", Refusal::NotAnEncryptionRoot),
    (
        "Keys must be loaded for encryption root",
        Refusal::NotAnEncryptionRoot,
    ),
    (
        "only be performed on encryption roots",
        Refusal::NotAnEncryptionRoot,
    ),
    ("ncryption key not loaded", Refusal::KeyNotLoaded),
    ("ey must be loaded", Refusal::KeyNotLoaded),
    ("key not loaded", Refusal::KeyNotLoaded),
    ("pool is read-only", Refusal::ReadOnly),
    ("dataset is read-only", Refusal::ReadOnly),
    ("read-only", Refusal::ReadOnly),
    ("permission denied", Refusal::NotPermitted),
];

impl Refusal {
    /// The reason in what zfs(8) complained of.
    pub fn of(complaint: &str) -> Self {
        let names = || {
            let lines = complaint.lines().skip_while(|line| !line.starts_with("use '-"));
            let names = lines.skip(1).take_while(|line| !line.is_empty());
            names.map(str::to_owned).collect()
        };
        if complaint.contains("has dependent clones") {
            return Self::HasClones(names());
        }
        if complaint.contains("has children") {
            return Self::HasChildren(names());
        }
        if complaint.contains("more recent snapshots or bookmarks exist") {
            return Self::HasNewer(names());
        }
        let known = WORDS.iter().find(|(words, _)| complaint.contains(words));
        known.map_or_else(
            || Self::Other(complaint.trim().to_owned()),
            |(_, refusal)| refusal.clone(),
        )
    }
}
