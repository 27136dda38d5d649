//! What a machine gets from outside: units and a script as systemd credentials.
//!
//! systemd takes credentials from SMBIOS type 11 strings (`systemd.system-credentials(7)`), and
//! `systemd-debug-generator(8)` turns those with certain names into units and drop-ins. The image itself holds
//! nothing for tests.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::error::Error;
use crate::guest::JOURNAL_PORT;

/// Name of the credential that carries the script.
const SCRIPT_CREDENTIAL: &str = "sigmavault-smoke.sh";
/// Runs the script.
const UNIT: &str = "sigmavault-smoke.service";
/// Name of the credential that carries the journal's script.
const JOURNAL_CREDENTIAL: &str = "sigmavault-smoke-journal.sh";
const JOURNAL_SCRIPT: &str = include_str!("journal.sh");
/// Sends the journal out, from early on until the machine is off.
const JOURNAL_UNIT: &str = "sigmavault-smoke-journal.service";

/// One systemd credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Name, as `systemd-creds --system` lists it.
    pub name: String,
    /// Contents.
    pub value: String,
}

impl Credential {
    /// As an SMBIOS type 11 string.
    pub fn oem_string(&self) -> String {
        format!(
            "io.systemd.credential.binary:{}={}",
            self.name,
            STANDARD.encode(&self.value)
        )
    }
}

/// The credentials that make a machine run a bash script from early on, with `environment` as `systemd.exec(5)`
/// writes it, and send its journal out. The script runs once more with the argument `gone` when it has ended.
pub fn script_credentials(script: &str, environment: &str) -> Vec<Credential> {
    // Neither unit is ordered after a target or delays one (Type=exec): both start as soon as there is a
    // system manager, so that a boot that hangs is reported as well.
    let unit = format!(
        "[Unit]
Description=Checks of the running system, asked for from outside the machine
ConditionPathExists=!/etc/initrd-release
DefaultDependencies=no
After=systemd-journald.socket
Conflicts=shutdown.target
Before=shutdown.target

[Service]
Type=exec
LoadCredential={SCRIPT_CREDENTIAL}
Environment={environment}
ExecStart=/bin/bash %d/{SCRIPT_CREDENTIAL}
ExecStopPost=/bin/bash %d/{SCRIPT_CREDENTIAL} gone
TimeoutStopSec=10
"
    );
    // No Conflicts=shutdown.target: it ends with the machine, after the last lines of the journal.
    let journal = format!(
        "[Unit]
Description=The journal, sent outside the machine
ConditionPathExists=!/etc/initrd-release
DefaultDependencies=no
After=systemd-journald.socket
IgnoreOnIsolate=yes

[Service]
Type=exec
LoadCredential={JOURNAL_CREDENTIAL}
ExecStart=/bin/bash %d/{JOURNAL_CREDENTIAL} /dev/virtio-ports/{JOURNAL_PORT}
"
    );
    let wants = format!("[Unit]\nWants={UNIT} {JOURNAL_UNIT}\n");
    [
        (SCRIPT_CREDENTIAL.to_owned(), script.to_owned()),
        (JOURNAL_CREDENTIAL.to_owned(), JOURNAL_SCRIPT.to_owned()),
        (format!("systemd.extra-unit.{UNIT}"), unit),
        (format!("systemd.extra-unit.{JOURNAL_UNIT}"), journal),
        (
            "systemd.unit-dropin.sysinit.target~sigmavault-smoke".to_owned(),
            wants,
        ),
    ]
    .map(|(name, value)| Credential { name, value })
    .into()
}

/// Writes each credential's SMBIOS string to a file in `folder`, for QEMU.
pub fn write_oem_strings(credentials: &[Credential], folder: &Path) -> Result<Vec<PathBuf>, Error> {
    credentials
        .iter()
        .enumerate()
        .map(|(index, credential)| {
            let path = folder.join(format!("oem-string-{index}"));
            fs::write(&path, credential.oem_string()).map_err(Error::io("write", &path))?;
            Ok(path)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_systemd_looks_for() {
        let all = script_credentials("exit", "");
        let names: Vec<String> = all.into_iter().map(|credential| credential.name).collect();
        assert_eq!(
            names,
            [
                "sigmavault-smoke.sh",
                "sigmavault-smoke-journal.sh",
                "systemd.extra-unit.sigmavault-smoke.service",
                "systemd.extra-unit.sigmavault-smoke-journal.service",
                "systemd.unit-dropin.sysinit.target~sigmavault-smoke",
            ]
        );
    }

    #[test]
    fn an_oem_string_is_one_line_of_base64() {
        let credential = Credential {
            name: "a.b".into(),
            value: "x\ny".into(),
        };
        assert_eq!(credential.oem_string(), "io.systemd.credential.binary:a.b=eAp5");
    }

    #[test]
    fn units_name_their_environment_and_ports() {
        let all = script_credentials("exit", "LIMIT=300 DISK=SV-A");
        assert_eq!(all[0].value, "exit");
        assert!(all[2].value.contains("\nEnvironment=LIMIT=300 DISK=SV-A\n"));
        assert!(all[2].value.contains("ConditionPathExists=!/etc/initrd-release"));
        assert!(
            all[3]
                .value
                .contains("smoke-journal.sh /dev/virtio-ports/org.sigmavault.journal\n")
        );
    }

    #[test]
    fn oem_strings_are_files_for_qemu() {
        let folder = tempfile::tempdir().unwrap();
        let credential = Credential {
            name: "a.b".into(),
            value: "x\ny".into(),
        };
        let files = write_oem_strings(&[credential.clone(), credential], folder.path()).unwrap();
        let names = ["oem-string-0", "oem-string-1"];
        assert_eq!(files, names.map(|name| folder.path().join(name)));
        assert_eq!(
            fs::read_to_string(&files[1]).unwrap(),
            "io.systemd.credential.binary:a.b=eAp5"
        );
    }
}
