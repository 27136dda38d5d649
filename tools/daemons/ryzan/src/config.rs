//! Settings: `ryzan.toml`, the vendor's and over it, key by key, the administrator's.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use sigmavault_facts::Files;
use sigmavault_service::settings::{self, SettingsError};

use crate::cors;

/// Defaults that come with the package.
pub const VENDOR_PATH: &str = "/usr/lib/sigmavault/ryzan.toml";

/// The administrator's settings.
pub const ADMIN_PATH: &str = "/etc/sigmavault/ryzan.toml";

/// Settings of the service. The defaults equal the vendor's file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Config {
    /// Where to listen for TCP; a loopback address.
    pub listen: SocketAddr,
    /// Path of the unix socket, unless the service manager passes one.
    pub socket: PathBuf,
    /// The group that may connect to the socket.
    pub socket_group: String,
    /// Users who may load and unload models over the socket, in addition to root and the service's own.
    pub control_users: Vec<String>,
    /// Host names that clients may use over TCP, in addition to the address and `localhost`.
    pub allowed_hosts: Vec<String>,
    /// Origins of web pages that may ask over TCP, such as `https://chat.lan`, in addition to pages of this machine.
    pub allowed_origins: Vec<String>,
    /// Was a limit of requests per minute. It is accepted and has no effect.
    #[serde(rename = "requests-per-minute")]
    pub former_requests_per_minute: Option<u32>,
    /// Largest body of a request, in bytes.
    pub body_limit_bytes: usize,
    /// Maximum number of connections of one user, for TCP and the socket each. Idle ones make room for further ones.
    pub connection_limit: usize,
    /// Seconds that a client may take to send its headers or its body, or to read more of an answer.
    pub client_seconds: u64,
    /// Seconds that requests under way get to finish when the service stops.
    pub shutdown_seconds: u64,
    /// Models: which ones, and where.
    pub model: ModelConfig,
    /// The engine.
    pub engine: EngineConfig,
    /// When to yield to the file services.
    #[serde(rename = "yield")]
    pub yielding: YieldConfig,
}

/// The table `[model]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ModelConfig {
    /// Overrides the tier. The detector reads this; the service only accepts the key.
    pub tier: Option<String>,
    /// The model to load at start: a model, an alias, `auto` for the machine's tier, or `none`.
    pub load: String,
    /// The model for `/v1/embeddings` when the request says `auto`.
    pub embedding: String,
    /// The folder of models; if empty, the data pool's folder if there is one, else the system's.
    pub folder: PathBuf,
    /// Maximum size of weights and caches together, in percent of the machine's memory.
    pub memory_percent: u8,
}

/// The table `[engine]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct EngineConfig {
    /// Number of compute threads; 0 for one per physical core.
    pub threads: usize,
    /// Maximum number of requests computed at the same time; further ones wait.
    pub parallel_requests: usize,
    /// Maximum number of waiting requests; further ones get status 429.
    pub waiting_requests: usize,
    /// Maximum number of requests of one user that are computed or wait in the engine; further ones wait before it.
    pub user_requests: usize,
    /// Seconds that a request waits for others of the same user; then it gets status 429.
    pub queue_seconds: u64,
    /// Maximum size of the prefix cache, in MiB.
    pub cache_mebibytes: usize,
    /// Maximum size of a model's prefix cache on disk, in MiB; 0 for none.
    pub disk_cache_mebibytes: u64,
    /// Maximum length of prompt and answer together, in tokens; 0 for the model's own.
    pub context: usize,
    /// Default length of an answer in tokens.
    pub default_max_tokens: usize,
    /// Idle seconds after which the memory of weights is released; 0 for never.
    pub rest_seconds: u32,
}

/// The table `[yield]`. Pressures are percent of time in the last ten seconds (PSI avg10).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct YieldConfig {
    /// Whether to watch pressure at all.
    pub enabled: bool,
    /// Services whose own pressure counts while they run.
    pub units: Vec<String>,
    /// I/O pressure from which the number of threads is halved.
    pub io_halve: f32,
    /// I/O pressure from which computation pauses.
    pub io_pause: f32,
    /// CPU pressure from which the number of threads is halved. The service's own threads add to it, so it never pauses
    /// computation.
    pub cpu_halve: f32,
    /// Memory pressure (time in which all tasks stalled) from which computation pauses.
    pub memory_pause: f32,
    /// Seconds of pressure below three quarters of a bound before the pace rises by one step.
    pub calm_seconds: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8100)),
            socket: "/run/sigmavault/ryzan.sock".into(),
            socket_group: "sigmavault".into(),
            control_users: vec!["sigmavault".into()],
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            former_requests_per_minute: None,
            body_limit_bytes: 8 << 20,
            connection_limit: 64,
            client_seconds: 30,
            shutdown_seconds: 20,
            model: ModelConfig::default(),
            engine: EngineConfig::default(),
            yielding: YieldConfig::default(),
        }
    }
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self {
            tier: None,
            load: "auto".into(),
            embedding: "embedding".into(),
            folder: PathBuf::new(),
            memory_percent: 60,
        }
    }
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            threads: 0,
            parallel_requests: 4,
            waiting_requests: 32,
            user_requests: 16,
            queue_seconds: 60,
            cache_mebibytes: 512,
            disk_cache_mebibytes: 1024,
            context: 0,
            default_max_tokens: 2048,
            rest_seconds: 600,
        }
    }
}

impl Default for YieldConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            units: vec!["smbd.service".into(), "nfs-server.service".into()],
            io_halve: 20.0,
            io_pause: 50.0,
            cpu_halve: 60.0,
            memory_pause: 10.0,
            calm_seconds: 10,
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
        if let Some(origin) = self
            .allowed_origins
            .iter()
            .find(|origin| !cors::is_origin(origin))
        {
            let problem =
                format!("{origin:?} is no origin of a page; write it as https://HOST or http://HOST:PORT");
            return Err(SettingsError::range("allowed-origins", problem));
        }
        if !(1024..=1 << 30).contains(&self.body_limit_bytes) {
            return range("body-limit-bytes", "must be from 1024 to 1073741824");
        }
        if !(1..=65_536).contains(&self.connection_limit) {
            return range("connection-limit", "must be from 1 to 65536");
        }
        if !(1..=600).contains(&self.client_seconds) {
            return range("client-seconds", "must be from 1 to 600");
        }
        if !(1..=600).contains(&self.shutdown_seconds) {
            return range("shutdown-seconds", "must be from 1 to 600");
        }
        if !(5..=90).contains(&self.model.memory_percent) {
            return range("model.memory-percent", "must be from 5 to 90");
        }
        if self.engine.threads > 1024 {
            return range("engine.threads", "must be from 0 to 1024");
        }
        if !(1..=256).contains(&self.engine.parallel_requests) {
            return range("engine.parallel-requests", "must be from 1 to 256");
        }
        if self.engine.waiting_requests > 65_536 {
            return range("engine.waiting-requests", "must be from 0 to 65536");
        }
        if !(1..=65_536).contains(&self.engine.user_requests) {
            return range("engine.user-requests", "must be from 1 to 65536");
        }
        if !(1..=3600).contains(&self.engine.queue_seconds) {
            return range("engine.queue-seconds", "must be from 1 to 3600");
        }
        if self.engine.disk_cache_mebibytes > 1 << 20 {
            return range("engine.disk-cache-mebibytes", "must be from 0 to 1048576");
        }
        if self.engine.default_max_tokens == 0 {
            return range("engine.default-max-tokens", "must be 1 or more");
        }
        let pressures = &self.yielding;
        for (key, value) in [
            ("yield.io-halve", pressures.io_halve),
            ("yield.io-pause", pressures.io_pause),
            ("yield.cpu-halve", pressures.cpu_halve),
            ("yield.memory-pause", pressures.memory_pause),
        ] {
            if !(1.0..=100.0).contains(&value) {
                return range(key, "must be from 1 to 100");
            }
        }
        if pressures.io_halve > pressures.io_pause {
            return range("yield.io-halve", "must not be above yield.io-pause");
        }
        if !(1..=3600).contains(&pressures.calm_seconds) {
            return range("yield.calm-seconds", "must be from 1 to 3600");
        }
        Ok(self)
    }

    /// Time limit for clients.
    pub const fn client_timeout(&self) -> Duration {
        Duration::from_secs(self.client_seconds)
    }

    /// Time that a request waits for others of the same user.
    pub const fn queue_timeout(&self) -> Duration {
        Duration::from_secs(self.engine.queue_seconds)
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
            ("usr/lib/sigmavault/ryzan.toml", vendor),
            ("etc/sigmavault/ryzan.toml", admin),
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Config::load(&Files::new(folder.path()), None).map_err(|error| error.to_string())
    }

    #[test]
    fn the_vendors_file_says_what_is_built_in() {
        let vendor = include_str!("../../../../units/ryzan/ryzan.toml");
        assert_eq!(load(vendor, ""), Ok(Config::default()));
        let keys: toml::Table = toml::from_str(vendor).unwrap();
        let inner = |name: &str| keys[name].as_table().unwrap().len();
        assert_eq!(
            (keys.len(), inner("model"), inner("engine"), inner("yield")),
            (13, 4, 10, 7),
            "every key stands in the vendor's file, but for model.tier, which has no default"
        );
    }

    #[test]
    fn the_detectors_key_is_known_and_leaves_the_others() {
        let config = load("[model]\nload = \"mamba\"\n", "[model]\ntier = \"draft-350m\"\n").unwrap();
        assert_eq!(
            (config.model.tier.as_deref(), config.model.load.as_str()),
            (Some("draft-350m"), "mamba")
        );
    }

    #[test]
    fn a_limit_of_requests_per_minute_is_accepted_and_means_nothing() {
        let config = load("", "requests-per-minute = 100\n").unwrap();
        assert_eq!(config.former_requests_per_minute, Some(100));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, expected) in [
            (
                "listen = \"0.0.0.0:8100\"",
                "setting `listen`: 0.0.0.0 is not a loopback address; use 127.0.0.1 or [::1]",
            ),
            (
                "[yield]\nio-halve = 60.0",
                "setting `yield.io-halve`: must not be above yield.io-pause",
            ),
            (
                "allowed-origins = [\"https://chat.lan\", \"*\"]",
                "setting `allowed-origins`: \"*\" is no origin of a page; write it as https://HOST or http://HOST:PORT",
            ),
            (
                "[model]\nmemory-percent = 100",
                "setting `model.memory-percent`: must be from 5 to 90",
            ),
        ] {
            assert_eq!(load("", text), Err(expected.to_owned()));
        }
        let unknown = load("", "[engine]\nthread = 2").unwrap_err();
        assert!(
            unknown.contains("unknown field `thread`, expected one of `threads`"),
            "{unknown}"
        );
    }
}
