//! What the machine is given from outside: units and a script as systemd credentials.
//!
//! systemd takes credentials from SMBIOS type 11 strings (`systemd.system-credentials(7)`), and
//! `systemd-debug-generator(8)` makes units and drop-ins of those that are named so. Nothing of this is in
//! the image.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::error::Error;
use super::machine::JOURNAL_PORT;

/// Bash functions with which a script in the guest reports, and nothing else.
pub const REPORTING: &str = include_str!("report.sh");
/// The script that the unit runs.
const SCRIPT: &str = concat!(include_str!("report.sh"), include_str!("guest.sh"));
/// Serial numbers of the disks for the pool.
pub const DISK_SERIALS: [&str; 2] = ["SVSMOKE-A", "SVSMOKE-B"];
/// Name of the credential that carries it.
const SCRIPT_CREDENTIAL: &str = "sigmavault-smoke.sh";
/// Runs the checks.
const UNIT: &str = "sigmavault-smoke.service";
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

/// The credentials that make a machine test itself. `boot_limit` is how long it waits for its default target.
pub fn credentials(boot_limit: Duration) -> Vec<Credential> {
    let seconds = boot_limit.as_secs();
    let [disk_a, disk_b] = DISK_SERIALS;
    script_credentials(
        SCRIPT,
        &format!("SMOKE_BOOT_LIMIT={seconds} SMOKE_DISK_A={disk_a} SMOKE_DISK_B={disk_b}"),
    )
}

/// The credentials that make a machine run a bash script from early on, with `environment` as `systemd.exec(5)`
/// writes it, and send its journal out. The script runs once more with the argument `gone` when it has ended.
pub fn script_credentials(script: &str, environment: &str) -> Vec<Credential> {
    // Neither unit is ordered after a target nor holds one up (Type=exec): both start as soon as there is a
    // system manager, so that a boot that hangs is told of as well.
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
    // No Conflicts=shutdown.target: it ends with the machine, after the journal's last words.
    let journal = format!(
        "[Unit]
Description=The journal, sent outside the machine
ConditionPathExists=!/etc/initrd-release
DefaultDependencies=no
After=systemd-journald.socket
IgnoreOnIsolate=yes

[Service]
Type=exec
ExecStart=/bin/bash -c 'until [[ -c /dev/virtio-ports/{JOURNAL_PORT} ]]; do sleep 0.2; done; exec journalctl -b -f --no-tail -o short-monotonic --no-hostname >/dev/virtio-ports/{JOURNAL_PORT}'
"
    );
    let wants = format!("[Unit]\nWants={UNIT} {JOURNAL_UNIT}\n");
    [
        (SCRIPT_CREDENTIAL.to_owned(), script.to_owned()),
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
    use super::super::checks::REGISTRY;
    use super::super::report::{Event, Parser};
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    /// All SMBIOS tables together take at most 64 KiB; the firmware's own take little of it.
    const STRINGS_LIMIT: usize = 48 * 1024;

    fn all() -> Vec<Credential> {
        credentials(Duration::from_mins(5))
    }

    #[test]
    fn names_are_those_systemd_looks_for() {
        let names: Vec<String> = all().into_iter().map(|credential| credential.name).collect();
        assert_eq!(
            names,
            [
                "sigmavault-smoke.sh",
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
    fn the_strings_fit_into_smbios() {
        let total: usize = all()
            .iter()
            .map(|credential| credential.oem_string().len() + 1)
            .sum();
        assert!(total < STRINGS_LIMIT, "{total} bytes");
    }

    #[test]
    fn the_script_uses_the_report_port() {
        assert!(SCRIPT.contains(&format!(
            "\nport=/dev/virtio-ports/{}\n",
            super::super::machine::REPORT_PORT
        )));
    }

    #[test]
    fn units_name_their_ports_disks_and_limit() {
        let all = all();
        assert!(
            all[1].value.contains(
                "\nEnvironment=SMOKE_BOOT_LIMIT=300 SMOKE_DISK_A=SVSMOKE-A SMOKE_DISK_B=SVSMOKE-B\n"
            )
        );
        assert!(all[1].value.contains("ConditionPathExists=!/etc/initrd-release"));
        assert!(all[2].value.contains("/dev/virtio-ports/org.sigmavault.journal"));
    }

    #[test]
    fn the_script_is_bash() {
        let status = Command::new("bash").args(["-n", "-c", SCRIPT]).status().unwrap();
        assert!(status.success());
    }

    /// The script runs exactly the checks that are judged, and has a function for each.
    #[test]
    fn the_script_knows_every_check() {
        let run: Vec<&str> = SCRIPT
            .lines()
            .filter_map(|line| line.strip_prefix("run "))
            .filter_map(|line| line.split(' ').next())
            .collect();
        let functions: Vec<&str> = SCRIPT
            .lines()
            .filter_map(|line| line.strip_prefix("check_")?.strip_suffix("() {"))
            .collect();
        let sorted = |mut names: Vec<&'static str>| {
            names.sort_unstable();
            names
        };
        let expected = sorted(REGISTRY.map(|check| check.name).to_vec());
        assert_eq!(sorted(run), expected);
        assert_eq!(sorted(functions), expected);
    }

    /// Runs the script's own reporting functions.
    fn fact_of_the_script(value: &str) -> Vec<Result<Event, String>> {
        let program = format!("{REPORTING}\ncheck=c\nfact key \"$VALUE\" 3>&1");
        let output = Command::new("bash")
            .args(["-c", &program])
            .env("VALUE", value)
            .output()
            .unwrap();
        Parser::default().feed(&output.stdout)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn what_the_script_escapes_is_read_back(value in "([ -~]|\n|\t|\"|\\\\|é|☃){0,60}") {
            let value = value.trim_end_matches('\n').to_owned();
            let fact = Event::Fact { check: "c".into(), key: "key".into(), value: value.clone() };
            prop_assert_eq!(fact_of_the_script(&value), [Ok(fact)]);
        }
    }

    #[test]
    fn control_characters_become_spaces() {
        let events = fact_of_the_script("a\u{1b}[0mb\r");
        let fact = Event::Fact {
            check: "c".into(),
            key: "key".into(),
            value: "a [0mb ".into(),
        };
        assert_eq!(events, [Ok(fact)]);
    }
}
