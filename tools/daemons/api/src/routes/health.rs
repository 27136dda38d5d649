//! `/health`: is the service alive, is it ready, how is the system.

use axum::Json;
use axum::extract::State;
use sigmavault_facts::time::timestamp;
use sigmavault_facts::{report, verity};
use sigmavault_types::Problem;
use sigmavault_types::health::{Alive, Check, Health, HealthStatus};
use sigmavault_types::system::{Filesystem, ServiceManager};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::system::filesystems;
use crate::problem::ApiError;
use crate::state::AppState;

/// Percentage of free space below which a file system needs attention.
const LITTLE_SPACE_PERCENT: u64 = 5;

/// The paths of this module.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(live))
        .routes(routes!(ready))
        .routes(routes!(health_status))
}

/// Whether the service runs
///
/// Answers as long as the service can answer at all.
#[utoipa::path(
    get,
    path = "/health/live",
    tag = "health",
    responses((status = OK, description = "The service runs", body = Alive))
)]
pub async fn live() -> Json<Alive> {
    Json(Alive { status: Health::Ok })
}

/// Whether the service can do its work
///
/// It can when it listens and the hardware report of this boot can be read.
#[utoipa::path(
    get,
    path = "/health/ready",
    tag = "health",
    responses(
        (status = OK, description = "The service can do its work", body = Alive),
        (status = SERVICE_UNAVAILABLE, description = "Not yet; the detail says why", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub async fn ready(State(state): State<AppState>) -> Result<Json<Alive>, ApiError> {
    if !state.is_listening() {
        return Err(ApiError::NotReady {
            reason: "the service does not take connections".to_owned(),
        });
    }
    let check = hardware_report(&state);
    if check.status != Health::Ok {
        return Err(ApiError::NotReady { reason: check.detail });
    }
    Ok(Json(Alive { status: Health::Ok }))
}

/// How the system is
///
/// Every check with its result, and the worst of them. The status code is 200 whatever the checks say.
#[utoipa::path(
    get,
    path = "/health/status",
    tag = "health",
    operation_id = "health_status",
    responses((status = OK, description = "Every check and the worst of them", body = HealthStatus))
)]
pub async fn health_status(State(state): State<AppState>) -> Json<HealthStatus> {
    let checks = vec![
        hardware_report(&state),
        services(&state.services.state().await),
        root(&state),
        space(&filesystems(&state).await),
    ];
    Json(HealthStatus {
        status: checks
            .iter()
            .map(|check| check.status)
            .max()
            .unwrap_or(Health::Ok),
        time: timestamp(state.clock.now()),
        checks,
    })
}

fn check(name: &str, status: Health, detail: impl Into<String>) -> Check {
    Check {
        name: name.to_owned(),
        status,
        detail: detail.into(),
    }
}

fn hardware_report(state: &AppState) -> Check {
    let name = "hardware-report";
    match report::hardware(&state.files) {
        Ok(report) => check(name, Health::Ok, format!("model tier {}", report.model.tier)),
        Err(error) => check(
            name,
            Health::Failed,
            format!("{error}; see: systemctl status sigmavault-detect.service"),
        ),
    }
}

fn services(manager: &ServiceManager) -> Check {
    let name = "services";
    match (
        &manager.error,
        manager.failed_units.as_slice(),
        manager.state.as_deref(),
    ) {
        (Some(error), ..) => check(name, Health::Failed, error),
        (None, [], state) => {
            // A system that is starting or stopping is healthy.
            let ill = matches!(state, Some("degraded" | "maintenance"));
            let health = if ill { Health::Degraded } else { Health::Ok };
            check(name, health, format!("systemd is {}", state.unwrap_or("unknown")))
        }
        (None, failed, _) => {
            let names: Vec<&str> = failed.iter().map(|unit| unit.name.as_str()).collect();
            let detail = format!("failed: {}; see: systemctl --failed", names.join(", "));
            check(name, Health::Degraded, detail)
        }
    }
}

fn root(state: &AppState) -> Check {
    let root = verity::root_state(&state.files);
    check(
        "root-verification",
        if root.verified {
            Health::Ok
        } else {
            Health::Degraded
        },
        root.detail,
    )
}

fn space(filesystems: &[Filesystem]) -> Check {
    let name = "space";
    let is_full = |filesystem: &&Filesystem| {
        let (Some(size), Some(available)) = (filesystem.size_bytes, filesystem.available_bytes) else {
            return false;
        };
        !filesystem.read_only && available < size / 100 * LITTLE_SPACE_PERCENT
    };
    let points = |found: Vec<&Filesystem>| {
        found
            .iter()
            .map(|filesystem| filesystem.mount_point.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let silent: Vec<_> = filesystems
        .iter()
        .filter(|filesystem| filesystem.size_bytes.is_none())
        .collect();
    let full: Vec<_> = filesystems.iter().filter(is_full).collect();
    if !silent.is_empty() {
        check(
            name,
            Health::Degraded,
            format!("does not answer: {}; check its disks", points(silent)),
        )
    } else if !full.is_empty() {
        let detail = format!(
            "less than {LITTLE_SPACE_PERCENT} % left on {}; free some space",
            points(full)
        );
        check(name, Health::Degraded, detail)
    } else {
        check(
            name,
            Health::Ok,
            format!("at least {LITTLE_SPACE_PERCENT} % left everywhere"),
        )
    }
}

#[cfg(test)]
mod tests {
    use sigmavault_types::system::FailedUnit;

    use super::*;

    fn filesystem(mount_point: &str, read_only: bool, space: Option<(u64, u64)>) -> Filesystem {
        Filesystem {
            mount_point: mount_point.into(),
            source: String::new(),
            kind: "ext4".into(),
            read_only,
            size_bytes: space.map(|(size, _)| size),
            available_bytes: space.map(|(_, available)| available),
        }
    }

    #[test]
    fn full_and_silent_file_systems_are_named() {
        let root = filesystem("/", true, Some((1000, 0)));
        let full = filesystem("/srv/a", false, Some((1000, 49)));
        let half = filesystem("/srv/b", false, Some((1000, 50)));
        let gone = filesystem("/srv/c", false, None);
        assert_eq!(space(&[root.clone(), half]).status, Health::Ok);
        let check = space(&[root.clone(), full]);
        assert_eq!(
            (check.status, check.detail.as_str()),
            (Health::Degraded, "less than 5 % left on /srv/a; free some space")
        );
        assert_eq!(
            space(&[root, gone]).detail,
            "does not answer: /srv/c; check its disks"
        );
    }

    #[test]
    fn services_by_state_and_failures() {
        let manager = |state: Option<&str>, failed: &[&str], error: Option<&str>| ServiceManager {
            state: state.map(str::to_owned),
            failed_units: failed
                .iter()
                .map(|name| FailedUnit {
                    name: (*name).to_owned(),
                    description: String::new(),
                })
                .collect(),
            error: error.map(str::to_owned),
        };
        assert_eq!(services(&manager(Some("running"), &[], None)).status, Health::Ok);
        assert_eq!(services(&manager(Some("starting"), &[], None)).status, Health::Ok);
        assert_eq!(
            services(&manager(Some("maintenance"), &[], None)).status,
            Health::Degraded
        );
        let failed = services(&manager(Some("degraded"), &["smbd.service"], None));
        assert_eq!(failed.detail, "failed: smbd.service; see: systemctl --failed");
        assert_eq!(
            services(&manager(None, &[], Some("no bus"))).status,
            Health::Failed
        );
    }
}
