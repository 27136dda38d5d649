//! The service manager, asked through systemctl(1).

use sigmavault_host::ParseError;
use sigmavault_host::run::{Run, RunError};
use sigmavault_host::systemctl::{failed_units, parse_units, system_state};
use sigmavault_types::system::{FailedUnit, ServiceManager};

/// systemctl gave no answer.
#[derive(Debug, thiserror::Error)]
enum SystemctlError {
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Parse(#[from] ParseError),
}

/// State and failed units; an error within when systemd does not answer.
pub fn state(run: &dyn Run) -> ServiceManager {
    match ask(run) {
        Ok((state, failed_units)) => ServiceManager {
            state: Some(state).filter(|state| !state.is_empty()),
            failed_units,
            error: None,
        },
        Err(error) => ServiceManager {
            state: None,
            failed_units: Vec::new(),
            error: Some(error.to_string()),
        },
    }
}

fn ask(run: &dyn Run) -> Result<(String, Vec<FailedUnit>), SystemctlError> {
    let state = run.text(&system_state())?.trim().to_owned();
    let units = parse_units(&run.text(&failed_units())?)?;
    let failed = units.into_iter().map(|unit| FailedUnit {
        name: unit.unit,
        description: unit.description,
    });
    Ok((state, failed.collect()))
}

#[cfg(test)]
mod tests {
    use sigmavault_host::run::{Invocation, Output, Scripted};

    use super::*;

    #[test]
    fn state_and_failed_units() {
        let found = state(&Scripted(|invocation: &Invocation| {
            Output::success(if invocation.arguments()[0] == "show" {
                "degraded\n"
            } else {
                r#"[{"unit":"smbd.service","load":"loaded","active":"failed","sub":"failed","description":"Samba"}]"#
            })
        }));
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
        let found = state(&Scripted(|_: &Invocation| Output::failure(1, "no bus")));
        assert_eq!(found.state, None);
        assert_eq!(
            found.error.as_deref(),
            Some("systemctl show --property=SystemState --value ended with exit status: 1: no bus")
        );
        let broken = state(&Scripted(|_: &Invocation| Output::success("running")));
        assert!(
            broken
                .error
                .unwrap()
                .starts_with("systemctl list-units printed something unexpected: ")
        );
    }
}
