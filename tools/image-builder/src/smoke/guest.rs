//! What a machine is given to test itself: a script that gathers the facts of all checks.

use std::time::Duration;

use sigmavault_vm::Credential;
use sigmavault_vm::credential::script_credentials;
use sigmavault_vm::guest::REPORTING;

/// The checks, for bash, behind the functions with which they report.
const CHECKS: &str = include_str!("guest.sh");
/// Serial numbers of the disks for the pool.
pub const DISK_SERIALS: [&str; 2] = ["SVSMOKE-A", "SVSMOKE-B"];

/// The script that the guest runs.
fn script() -> String {
    [REPORTING, CHECKS].concat()
}

/// The credentials that make a machine test itself. `boot_limit` is how long it waits for its default target.
pub fn credentials(boot_limit: Duration) -> Vec<Credential> {
    let seconds = boot_limit.as_secs();
    let [disk_a, disk_b] = DISK_SERIALS;
    script_credentials(
        &script(),
        &format!("SMOKE_BOOT_LIMIT={seconds} SMOKE_DISK_A={disk_a} SMOKE_DISK_B={disk_b}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smoke::checks::REGISTRY;
    use std::process::Command;

    /// All SMBIOS tables together take at most 64 KiB; the firmware's own take little of it.
    const STRINGS_LIMIT: usize = 48 * 1024;

    fn all() -> Vec<Credential> {
        credentials(Duration::from_mins(5))
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
    fn the_unit_names_disks_and_limit() {
        let all = all();
        let unit = all
            .iter()
            .find(|credential| credential.name.ends_with("sigmavault-smoke.service"));
        assert!(
            unit.unwrap().value.contains(
                "\nEnvironment=SMOKE_BOOT_LIMIT=300 SMOKE_DISK_A=SVSMOKE-A SMOKE_DISK_B=SVSMOKE-B\n"
            )
        );
    }

    #[test]
    fn the_script_is_bash() {
        let status = Command::new("bash")
            .args(["-n", "-c", &script()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// The script runs exactly the checks that are judged, and has a function for each.
    #[test]
    fn the_script_knows_every_check() {
        let run: Vec<&str> = CHECKS
            .lines()
            .filter_map(|line| line.strip_prefix("run "))
            .filter_map(|line| line.split(' ').next())
            .collect();
        let functions: Vec<&str> = CHECKS
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
}
