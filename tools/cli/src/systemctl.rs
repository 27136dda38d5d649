//! The service manager, asked through systemctl(1).

use serde::Deserialize;
use sigmavault_types::system::{FailedUnit, ServiceManager};

use crate::program::Run;

/// State and failed units; an error within when systemd does not answer.
pub fn state(run: Run<'_>) -> ServiceManager {
    let ask = || {
        let state = run(&["systemctl", "show", "--property=SystemState", "--value"])?;
        let failed = run(&[
            "systemctl",
            "list-units",
            "--state=failed",
            "--output=json",
            "--no-pager",
        ])?;
        Ok((state.trim().to_owned(), failed_units(&failed)?))
    };
    match ask() {
        Ok((state, failed_units)) => ServiceManager {
            state: Some(state).filter(|state| !state.is_empty()),
            failed_units,
            error: None,
        },
        Err(error) => ServiceManager {
            state: None,
            failed_units: Vec::new(),
            error: Some(error),
        },
    }
}

fn failed_units(json: &str) -> Result<Vec<FailedUnit>, String> {
    #[derive(Deserialize)]
    struct Unit {
        unit: String,
        description: String,
    }
    let units: Vec<Unit> =
        serde_json::from_str(json).map_err(|error| format!("systemctl list-units gave no JSON: {error}"))?;
    Ok(units
        .into_iter()
        .map(|unit| FailedUnit {
            name: unit.unit,
            description: unit.description,
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_and_failed_units() {
        let found = state(&|arguments| {
            match arguments[1] {
            "show" => Ok("degraded\n".into()),
            _ => Ok(r#"[{"unit":"smbd.service","load":"loaded","active":"failed","sub":"failed","description":"Samba"}]"#
                .into()),
        }
        });
        let failed = FailedUnit {
            name: "smbd.service".into(),
            description: "Samba".into(),
        };
        assert_eq!(
            found,
            ServiceManager {
                state: Some("degraded".into()),
                failed_units: vec![failed],
                error: None
            }
        );
    }

    #[test]
    fn without_systemd_the_reason_is_kept() {
        let found = state(&|_| Err("cannot run systemctl: not found".into()));
        assert_eq!(found.state, None);
        assert_eq!(found.error.as_deref(), Some("cannot run systemctl: not found"));
        let broken = state(&|_| Ok("running".into()));
        assert!(
            broken
                .error
                .unwrap()
                .starts_with("systemctl list-units gave no JSON: ")
        );
    }
}
