use std::io;
use std::path::PathBuf;

/// Text that is not in the expected format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{expected} expected, found {found:?}")]
pub struct Malformed {
    /// What was expected.
    pub expected: &'static str,
    /// What was found, cut to a readable length.
    pub found: String,
}

impl Malformed {
    /// Notes what was expected and the start of what was found.
    pub fn new(expected: &'static str, found: &str) -> Self {
        Self {
            expected,
            found: found.chars().take(80).collect(),
        }
    }
}

/// A fact that could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FactError {
    /// Reading failed.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Listing a folder failed.
    #[error("cannot list {}: {source}", path.display())]
    List {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is longer than expected for its kind.
    #[error("{} is longer than {limit} bytes: not read", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
    /// The contents are malformed.
    #[error("{} is not as expected: {source}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Malformed,
    },
    /// A JSON file is damaged or of another version.
    #[error("{} is damaged: {source}; {next}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        source: serde_json::Error,
        /// What to do.
        next: &'static str,
    },
}

impl FactError {
    /// Whether the file does not exist.
    pub fn is_missing(&self) -> bool {
        match self {
            Self::Read { source, .. } | Self::List { source, .. } => source.kind() == io::ErrorKind::NotFound,
            _ => false,
        }
    }
}
