//! Settings of the boot check: the vendor's file, and over it, key by key, the administrator's.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use sigmavault_facts::Files;

/// Defaults that come with the package.
const VENDOR: &str = "/usr/lib/sigmavault/boot-check.toml";

/// The administrator's settings.
const ADMIN: &str = "/etc/sigmavault/boot-check.toml";

/// The criteria of a good boot.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Settings {
    /// Units that must run.
    pub units: Vec<String>,
    /// Pools that may be missing.
    pub ignore_pools: Vec<String>,
    /// Seconds until everything must be up.
    pub patience_seconds: u64,
    /// Seconds between the message that the boot is bad and the restart.
    pub reboot_seconds: u64,
}

impl Default for Settings {
    fn default() -> Self {
        let units = ["sigmavault-api.service", "NetworkManager.service", "dbus.service"];
        Self {
            units: units.map(str::to_owned).to_vec(),
            ignore_pools: Vec::new(),
            patience_seconds: 120,
            reboot_seconds: 30,
        }
    }
}

impl Settings {
    /// Reads both files. An invalid file is skipped with a note: a typo in it must not make a good slot bad.
    pub fn load(files: &Files) -> (Self, Vec<String>) {
        let mut table = toml::Table::new();
        let mut settings = Self::default();
        let mut notes = Vec::new();
        for path in [VENDOR, ADMIN] {
            let text = match files.text(path) {
                Ok(text) => text,
                Err(error) if error.is_missing() => continue,
                Err(error) => {
                    notes.push(format!("{error}; it is skipped"));
                    continue;
                }
            };
            let read = text.parse::<toml::Table>().and_then(|over| {
                let mut both = table.clone();
                both.extend(over);
                let settings: Self = both.clone().try_into()?;
                Ok((both, settings))
            });
            match read {
                Ok(read) => (table, settings) = read,
                Err(error) => notes.push(format!("{path} is skipped: {}; correct it", error.message())),
            }
        }
        (settings, notes)
    }

    /// Time until everything must be up; at most 10 minutes, within the deadline of the whole boot.
    pub fn patience(&self) -> Duration {
        Duration::from_secs(self.patience_seconds.min(600))
    }

    /// Time between the message and the restart.
    pub fn notice(&self) -> Duration {
        Duration::from_secs(self.reboot_seconds.min(120))
    }
}

/// The URL of the REST interface, from its own settings.
pub fn api(files: &Files) -> String {
    #[derive(Deserialize)]
    struct Api {
        listen: Option<SocketAddr>,
    }
    let listen = ["/etc/sigmavault/api.toml", "/usr/lib/sigmavault/api.toml"]
        .iter()
        .find_map(|path| toml::from_str::<Api>(&files.text(path).ok()?).ok()?.listen);
    let listen = listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 3000)));
    format!("http://{listen}")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn machine(texts: &[(&str, &str)]) -> (tempfile::TempDir, Files) {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(folder.path());
        for (path, text) in texts {
            fs::create_dir_all(files.path(path).parent().unwrap()).unwrap();
            fs::write(files.path(path), text).unwrap();
        }
        (folder, files)
    }

    #[test]
    fn the_vendors_file_holds_the_defaults() {
        let text = include_str!("../../../../units/boot/boot-check.toml");
        assert_eq!(toml::from_str::<Settings>(text).unwrap(), Settings::default());
    }

    #[test]
    fn the_administrators_keys_win() {
        let (_folder, files) = machine(&[(VENDOR, "patience-seconds = 60\n"), (ADMIN, "units = []\n")]);
        let (settings, notes) = Settings::load(&files);
        assert_eq!(
            (settings.patience_seconds, settings.units, notes),
            (60, Vec::new(), Vec::new())
        );
    }

    #[test]
    fn a_file_with_a_fault_is_left_out() {
        let (_folder, files) = machine(&[(VENDOR, "patience-seconds = 60\n"), (ADMIN, "unit = []\n")]);
        let (settings, notes) = Settings::load(&files);
        assert_eq!(settings.patience_seconds, 60);
        assert_eq!(settings.units, Settings::default().units);
        assert!(
            notes[0].starts_with("/etc/sigmavault/boot-check.toml is skipped: unknown field `unit`"),
            "{notes:?}"
        );
    }

    #[test]
    fn the_interface_is_where_its_settings_say() {
        assert_eq!(api(&machine(&[]).1), "http://127.0.0.1:3000");
        let own = "listen = \"127.0.0.1:8080\"\nconnection-limit = 1\n";
        let (_folder, files) = machine(&[
            ("/usr/lib/sigmavault/api.toml", "listen = \"127.0.0.1:3000\"\n"),
            ("/etc/sigmavault/api.toml", own),
        ]);
        assert_eq!(api(&files), "http://127.0.0.1:8080");
    }
}
