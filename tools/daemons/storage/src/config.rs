//! Settings: `storage.toml`, the vendor's and over it, key by key, the administrator's.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use sigmavault_facts::Files;
use sigmavault_service::settings::{self, SettingsError};

/// Defaults that come with the package.
pub const VENDOR_PATH: &str = "/usr/lib/sigmavault/storage.toml";
/// The administrator's settings.
pub const ADMIN_PATH: &str = "/etc/sigmavault/storage.toml";

/// Settings of the service. The defaults equal the vendor's file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Config {
    /// Folder in which the service keeps policies, jobs and its audit records.
    pub state: PathBuf,
    /// Seconds after which everything is read again although no event told of a change.
    pub poll_seconds: u64,
    /// Seconds that a tool may take to tell how things are; after that, what is known is stale.
    pub read_seconds: u64,
    /// Seconds that a tool may take for a change.
    pub change_seconds: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            state: PathBuf::from("/var/lib/sigmavault/storage"),
            poll_seconds: 300,
            read_seconds: 10,
            change_seconds: 600,
        }
    }
}

impl Config {
    /// Reads the settings, or only those in `named`.
    pub fn load(files: &Files, named: Option<&Path>) -> Result<Self, SettingsError> {
        let config: Self = settings::load(files, &[VENDOR_PATH, ADMIN_PATH], named)?;
        let checks = [
            ("poll-seconds", config.poll_seconds, 5..=86_400),
            ("read-seconds", config.read_seconds, 1..=600),
            ("change-seconds", config.change_seconds, 10..=86_400),
        ];
        for (key, value, range) in checks {
            if !range.contains(&value) {
                let problem = format!("{value} is not from {} to {}", range.start(), range.end());
                return Err(SettingsError::range(key, problem));
            }
        }
        Ok(config)
    }

    /// How often everything is read again.
    pub const fn poll(&self) -> Duration {
        Duration::from_secs(self.poll_seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vendors_file_holds_the_defaults() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../units/storage/storage.toml");
        let config = Config::load(&Files::default(), Some(&path)).unwrap();
        assert_eq!(config, Config::default());
    }
}
