//! Settings: the vendor's file, and over it, key by key, the administrator's.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use sigmavault_facts::{FactError, Files};

/// Defaults that come with the package.
pub const VENDOR_PATH: &str = "/usr/lib/sigmavault/api.toml";

/// The administrator's settings.
pub const ADMIN_PATH: &str = "/etc/sigmavault/api.toml";

/// Settings of the service. Without any file they are as in the vendor's.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Config {
    /// Where to listen; a loopback address.
    pub listen: SocketAddr,
    /// Names, beside the address and `localhost`, that clients may call this service by.
    pub allowed_hosts: Vec<String>,
    /// Seconds until a request that is not answered gets status 504.
    pub request_timeout_seconds: u64,
    /// Largest body of a request, in bytes.
    pub body_limit_bytes: usize,
    /// Most connections at a time; more wait.
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

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("{0}; make it readable for the service, or name another one with --config")]
    Read(#[from] FactError),
    /// A file is not TOML.
    #[error("{}, line {line}: {message}; correct it and start the service again", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A key is unknown or a value has the wrong type.
    #[error("settings in {files}: {message}; correct them and start the service again")]
    Value {
        /// The files that were read.
        files: String,
        /// What is wrong.
        message: String,
    },
    /// A value is out of range.
    #[error("setting `{key}`: {problem}")]
    Range {
        /// The key.
        key: &'static str,
        /// What is wrong, and what is allowed.
        problem: String,
    },
}

impl Config {
    /// Reads the vendor's file and over it the administrator's, each where there is one; or only `named`, which must
    /// be there.
    pub fn load(files: &Files, named: Option<&Path>) -> Result<Self, ConfigError> {
        let mut table = toml::Table::new();
        let mut read = Vec::new();
        if let Some(path) = named {
            let files = Files::default();
            let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
            table = parse(&path, &files.text(&path)?)?;
            read.push(path.display().to_string());
        } else {
            for path in [VENDOR_PATH, ADMIN_PATH] {
                match files.text(path) {
                    Ok(text) => {
                        table.extend(parse(Path::new(path), &text)?);
                        read.push(path.to_owned());
                    }
                    Err(error) if error.is_missing() => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        let config: Self = table
            .try_into()
            .map_err(|error: toml::de::Error| ConfigError::Value {
                files: read.join(" and "),
                message: error.message().to_owned(),
            })?;
        config.checked()
    }

    /// Refuses values that would leave the service open, dead or useless.
    pub fn checked(self) -> Result<Self, ConfigError> {
        let range = |key, problem: &str| {
            Err(ConfigError::Range {
                key,
                problem: problem.to_owned(),
            })
        };
        if !self.listen.ip().is_loopback() {
            let problem = format!(
                "{} is not a loopback address; use 127.0.0.1 or [::1]",
                self.listen.ip()
            );
            return Err(ConfigError::Range {
                key: "listen",
                problem,
            });
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

    /// Time until a request that is not answered gets status 504.
    pub const fn request_timeout(&self) -> Duration {
        Duration::from_secs(self.request_timeout_seconds)
    }

    /// Time that requests under way get to finish when the service stops.
    pub const fn shutdown_timeout(&self) -> Duration {
        Duration::from_secs(self.shutdown_seconds)
    }
}

fn parse(path: &Path, text: &str) -> Result<toml::Table, ConfigError> {
    toml::from_str(text).map_err(|error| ConfigError::Syntax {
        path: path.to_owned(),
        line: error
            .span()
            .and_then(|span| text.get(..span.start))
            .map_or(1, |before| before.matches('\n').count() + 1),
        message: error.message().to_owned(),
    })
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
