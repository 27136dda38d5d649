//! `/api/v1/system`: status, metrics, hardware.

use axum::Json;
use axum::extract::State;
use sigmavault_facts::time::timestamp;
use sigmavault_facts::{mounts, report, status};
use sigmavault_types::hardware::HardwareReport;
use sigmavault_types::problem::Problem;
use sigmavault_types::system::{Filesystem, Metrics, SystemStatus};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::problem::ApiError;
use crate::sampler::Sample;
use crate::state::AppState;

/// The paths of this module.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(system_status))
        .routes(routes!(system_metrics))
        .routes(routes!(system_hardware))
}

/// The running system at a glance
#[utoipa::path(
    get,
    path = "/status",
    tag = "system",
    operation_id = "system_status",
    responses(
        (status = OK, description = "Version, profile, root, services, load, memory and model tier", body = SystemStatus),
        (status = "5XX", description = "The system did not tell", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub async fn system_status(State(state): State<AppState>) -> Result<Json<SystemStatus>, ApiError> {
    let services = state.services.state().await;
    Ok(Json(status::read(&state.files, state.clock.now(), services)?))
}

/// Counters and rates
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "system",
    operation_id = "system_metrics",
    responses(
        (status = OK, description = "Processor, memory, network, disks and file systems", body = Metrics),
        (status = "5XX", description = "The system did not tell", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub async fn system_metrics(State(state): State<AppState>) -> Result<Json<Metrics>, ApiError> {
    let sample = Sample::read(&state.files, state.clock.monotonic())?;
    let (sample, interval_seconds) = state.sampler.compare(sample);
    Ok(Json(Metrics {
        time: timestamp(state.clock.now()),
        uptime_seconds: status::uptime(&state.files)?,
        cpu: sample.cpu,
        load: status::load(&state.files)?,
        memory: status::memory(&state.files)?,
        network: sample.network,
        disks: sample.disks,
        filesystems: filesystems(&state).await,
        interval_seconds,
    }))
}

/// What the detector found on this boot
#[utoipa::path(
    get,
    path = "/hardware",
    tag = "system",
    operation_id = "system_hardware",
    responses(
        (status = OK, description = "Memory, processor, disks, sensors and the model tier with its reason",
            body = HardwareReport),
        (status = "5XX", description = "The detector has not run, or failed", body = Problem,
            content_type = "application/problem+json"),
    )
)]
pub async fn system_hardware(State(state): State<AppState>) -> Result<Json<HardwareReport>, ApiError> {
    report::hardware(&state.files)
        .map(Json)
        .map_err(ApiError::HardwareUnknown)
}

/// Mounted file systems that keep data, with their space, queried in parallel.
pub async fn filesystems(state: &AppState) -> Vec<Filesystem> {
    let text = state.files.text("/proc/self/mountinfo").unwrap_or_default();
    let questions: Vec<_> = mounts::with_data(mounts::parse(&text))
        .into_iter()
        .map(|mount| {
            let source = state.space.clone();
            tokio::spawn(async move {
                let space = source.of(&mount.point).await;
                Filesystem {
                    mount_point: mount.point,
                    source: mount.source,
                    kind: mount.kind,
                    read_only: mount.read_only,
                    size_bytes: space.map(|space| space.size_bytes),
                    available_bytes: space.map(|space| space.available_bytes),
                }
            })
        })
        .collect();
    let mut filesystems = Vec::with_capacity(questions.len());
    for question in questions {
        // A task that was cancelled or panicked has no result.
        filesystems.extend(question.await);
    }
    filesystems
}
