//! systemctl(1): the service manager.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;

use crate::ParseError;
use crate::run::Invocation;

/// Asks for the state of the whole system: `running`, `degraded`, `starting`, ...
pub fn system_state() -> Invocation {
    Invocation::new("systemctl").args(["show", "--property=SystemState", "--value"])
}

/// Lists the units that failed, as JSON.
pub fn failed_units() -> Invocation {
    Invocation::new("systemctl").args(["list-units", "--state=failed", "--output=json", "--no-pager"])
}

/// A unit in a list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ListedUnit {
    /// Name with its kind, such as `smbd.service`.
    pub unit: String,
    /// What it is, for a person.
    pub description: String,
}

/// The units that [`failed_units`] printed.
pub fn parse_units(text: &str) -> Result<Vec<ListedUnit>, ParseError> {
    serde_json::from_str(text).map_err(|error| ParseError {
        program: "systemctl list-units",
        reason: error.to_string(),
    })
}

/// Asks how a unit is.
pub fn show(unit: &str) -> Invocation {
    let properties =
        "--property=LoadState,ActiveState,UnitFileState,ConditionResult,ConditionTimestampMonotonic";
    Invocation::new("systemctl").args(["show", properties, "--", unit])
}

/// How a unit is. States are those of systemd.unit(5) and systemctl(1); a property that was not printed is `unknown`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitState {
    /// `loaded`, `not-found`, `masked`, ...
    pub load: String,
    /// `active`, `inactive`, `failed`, ...
    pub active: String,
    /// `enabled`, `disabled`, ...
    pub file: String,
    /// Whether a condition was checked and kept it from starting.
    pub condition_unmet: bool,
}

/// What [`show`] printed.
pub fn parse_unit(text: &str) -> UnitState {
    let shown: HashMap<&str, &str> = text.lines().filter_map(|line| line.split_once('=')).collect();
    let of = |property| shown.get(property).copied().unwrap_or("unknown");
    UnitState {
        load: of("LoadState").to_owned(),
        active: of("ActiveState").to_owned(),
        file: of("UnitFileState").to_owned(),
        // A condition that was never checked shows as unmet too.
        condition_unmet: of("ConditionResult") == "no" && of("ConditionTimestampMonotonic") != "0",
    }
}

/// Lists the jobs that are not done yet, one a line.
pub fn list_jobs() -> Invocation {
    Invocation::new("systemctl").args(["list-jobs", "--no-legend", "--no-pager"])
}

/// Enables a unit of the system below a folder.
pub fn enable_below(root: &Path, unit: &str) -> Invocation {
    Invocation::new("systemctl")
        .arg(format!("--root={}", root.display()))
        .args(["enable", unit])
}

/// Starts the machine again.
pub fn reboot() -> Invocation {
    Invocation::new("systemctl").arg("reboot")
}

/// Switches the machine off.
pub fn poweroff() -> Invocation {
    Invocation::new("systemctl").arg("poweroff")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lists_of_units() {
        let text = r#"[{"unit":"smbd.service","load":"loaded","active":"failed","sub":"failed","description":"Samba"}]"#;
        let smbd = ListedUnit {
            unit: "smbd.service".into(),
            description: "Samba".into(),
        };
        assert_eq!(parse_units(text).unwrap(), [smbd]);
        assert_eq!(parse_units("[]").unwrap(), []);
        let error = parse_units("running").unwrap_err().to_string();
        assert!(
            error.starts_with("systemctl list-units printed something unexpected: "),
            "{error}"
        );
    }

    #[test]
    fn states_of_units() {
        for (text, load, active, file, condition_unmet) in [
            (
                "LoadState=loaded\nActiveState=inactive\nUnitFileState=enabled\nConditionResult=no\n\
                 ConditionTimestampMonotonic=81\n",
                "loaded",
                "inactive",
                "enabled",
                true,
            ),
            (
                "LoadState=loaded\nActiveState=active\nConditionResult=no\nConditionTimestampMonotonic=0\n",
                "loaded",
                "active",
                "unknown",
                false,
            ),
            ("", "unknown", "unknown", "unknown", false),
        ] {
            let expected = UnitState {
                load: load.to_owned(),
                active: active.to_owned(),
                file: file.to_owned(),
                condition_unmet,
            };
            assert_eq!(parse_unit(text), expected);
        }
    }

    proptest! {
        #[test]
        fn no_output_panics(text in "((LoadState|ActiveState)=?|[\\[\\]{}\",:a-z]|\\PC|\n){0,40}") {
            let _ = parse_units(&text);
            let _ = parse_unit(&text);
        }
    }
}
