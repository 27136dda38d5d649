//! Settings: the vendor's file, and over it, key by key, the administrator's.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use sigmavault_facts::Files;
use sigmavault_service::settings::{self, SettingsError};

/// Defaults that come with the package.
pub const VENDOR_PATH: &str = "/usr/lib/sigmavault/api.toml";

/// The administrator's settings.
pub const ADMIN_PATH: &str = "/etc/sigmavault/api.toml";

/// Settings of the service. The defaults equal the vendor's file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Config {
    /// Where to listen; a loopback address.
    pub listen: SocketAddr,
    /// Host names that clients may use, in addition to the address and `localhost`.
    pub allowed_hosts: Vec<String>,
    /// Seconds until an unfinished request is answered with status 504.
    pub request_timeout_seconds: u64,
    /// Largest body of a request, in bytes.
    pub body_limit_bytes: usize,
    /// Maximum number of connections of one user. Idle ones make room for further ones.
    pub connection_limit: usize,
    /// Seconds that requests under way get to finish when the service stops.
    pub shutdown_seconds: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 3000)),
            allowed_hosts: Vec::new(),
            request_timeout_seconds: 10,
            body_limit_bytes: 1 << 20,
            connection_limit: 256,
            shutdown_seconds: 10,
        }
    }
}

impl Config {
    /// Reads the vendor's and over it the administrator's file, where they exist; or only `named`, which must exist.
    pub fn load(files: &Files, named: Option<&Path>) -> Result<Self, SettingsError> {
        let config: Self = settings::load(files, &[VENDOR_PATH, ADMIN_PATH], named)?;
        config.checked()
    }

    /// Rejects values that would leave the service exposed or unusable.
    pub fn checked(self) -> Result<Self, SettingsError> {
        let range = |key, problem: &str| Err(SettingsError::range(key, problem));
        if !self.listen.ip().is_loopback() {
            let problem = format!(
                "{} is not a loopback address; use 127.0.0.1 or [::1]",
                self.listen.ip()
            );
            return Err(SettingsError::range("listen", problem));
        }
        if !(1..=600).contains(&self.request_timeout_seconds) {
            return range("request-timeout-seconds", "must be from 1 to 600");
        }
        if !(1..=600).contains(&self.shutdown_seconds) {
            return range("shutdown-seconds", "must be from 1 to 600");
        }
        if !(1..=65_536).contains(&self.connection_limit) {
            return range("connection-limit", "must be from 1 to 65536");
        }
        if !(1024..=1 << 30).contains(&self.body_limit_bytes) {
            return range("body-limit-bytes", "must be from 1024 to 1073741824");
        }
        Ok(self)
    }

    /// Time until an unfinished request is answered with status 504.
    pub const fn request_timeout(&self) -> Duration {
        Duration::from_secs(self.request_timeout_seconds)
    }

    /// Time that requests under way get to finish when the service stops.
    pub const fn shutdown_timeout(&self) -> Duration {
        Duration::from_secs(self.shutdown_seconds)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn load(vendor: &str, admin: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("usr/lib/sigmavault/api.toml", vendor),
            ("etc/sigmavault/api.toml", admin),
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Config::load(&Files::new(folder.path()), None).map_err(|error| error.to_string())
    }

    #[test]
    fn the_vendors_file_says_what_is_built_in() {
        let vendor = include_str!("../../../../units/api/api.toml");
        assert_eq!(load(vendor, ""), Ok(Config::default()));
        let keys: toml::Table = toml::from_str(vendor).unwrap();
        assert_eq!(keys.len(), 6, "every key stands in the vendor's file");
    }

    #[test]
    fn the_administrator_wins_key_by_key() {
        let config = load(
            "listen = \"127.0.0.1:1\"\nshutdown-seconds = 5",
            "listen = \"[::1]:2\"",
        )
        .unwrap();
        assert_eq!(
            (config.listen.to_string().as_str(), config.shutdown_seconds),
            ("[::1]:2", 5)
        );
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(
            load("", "listen = \"0.0.0.0:3000\""),
            Err("setting `listen`: 0.0.0.0 is not a loopback address; use 127.0.0.1 or [::1]".into())
        );
        assert_eq!(
            load("", "request-timeout-seconds = 0"),
            Err("setting `request-timeout-seconds`: must be from 1 to 600".into())
        );
        let syntax = load("", "\nlisten = ").unwrap_err();
        assert!(
            syntax.starts_with("/etc/sigmavault/api.toml, line 2: "),
            "{syntax}"
        );
        let unknown = load("", "lisen = \"127.0.0.1:1\"").unwrap_err();
        assert!(
            unknown.contains("unknown field `lisen`, expected one of `listen`"),
            "{unknown}"
        );
    }

    #[test]
    fn a_named_file_must_be_there() {
        let error = Config::load(&Files::default(), Some(Path::new("/nonexistent/api.toml"))).unwrap_err();
        assert!(
            error.to_string().starts_with("cannot read /nonexistent/api.toml"),
            "{error}"
        );
    }
}
