//! The state of systemd, over D-Bus (org.freedesktop.systemd1(5)).

use std::fmt::Debug;
use std::time::{Duration, Instant};

use sigmavault_types::system::{FailedUnit, ServiceManager};
use tokio::sync::Mutex;
use zbus::Connection;
use zbus::OwnedObjectPath;

use super::Answer;

/// Time limit of a query.
const PATIENCE: Duration = Duration::from_secs(2);

/// Lifetime of an answer, so that many clients share one query.
const FRESH: Duration = Duration::from_secs(1);

/// Source of the service manager's state.
pub trait Services: Debug + Send + Sync {
    /// State and failed units, or an error in their place.
    fn state(&self) -> Answer<'_, ServiceManager>;
}

/// A unit as `ListUnitsFiltered` gives it: name, description, load state, active state, sub state, followed unit,
/// object path, job id, job type, job path.
type Unit = (
    String,
    String,
    String,
    String,
    String,
    String,
    OwnedObjectPath,
    u32,
    String,
    OwnedObjectPath,
);

#[zbus::proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1"
)]
trait Manager {
    #[zbus(property(emits_changed_signal = "false"))]
    fn system_state(&self) -> zbus::Result<String>;

    fn list_units_filtered(&self, states: &[&str]) -> zbus::Result<Vec<Unit>>;
}

/// systemd on the system bus. The connection is opened on first use, and reopened after it broke.
#[derive(Debug, Default)]
pub struct Systemd {
    last: Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    bus: Option<Connection>,
    answer: Option<(Instant, ServiceManager)>,
}

impl Services for Systemd {
    fn state(&self) -> Answer<'_, ServiceManager> {
        Box::pin(async {
            let mut last = self.last.lock().await;
            if let Some((_, answer)) = last.answer.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
                return answer.clone();
            }
            let answer = match tokio::time::timeout(PATIENCE, ask_again(&mut last.bus)).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(error)) => {
                    last.bus = None;
                    silent(format!("systemd does not answer on the system bus: {error}"))
                }
                Err(_) => {
                    last.bus = None;
                    silent(format!("systemd did not answer within {} s", PATIENCE.as_secs()))
                }
            };
            last.answer = Some((Instant::now(), answer.clone()));
            answer
        })
    }
}

fn silent(error: String) -> ServiceManager {
    ServiceManager {
        state: None,
        failed_units: Vec::new(),
        error: Some(error),
    }
}

/// Queries systemd, and retries once if the open connection was lost since the last query.
async fn ask_again(bus: &mut Option<Connection>) -> zbus::Result<ServiceManager> {
    let kept = bus.is_some();
    match ask(bus).await {
        Err(error) if kept => {
            log::debug!("the connection to the system bus was lost: {error}");
            *bus = None;
            ask(bus).await
        }
        answer => answer,
    }
}

async fn ask(bus: &mut Option<Connection>) -> zbus::Result<ServiceManager> {
    let connection = match bus {
        Some(connection) => connection.clone(),
        None => bus.insert(Connection::system().await?).clone(),
    };
    let manager = ManagerProxy::new(&connection).await?;
    let state = manager.system_state().await?;
    let mut failed_units: Vec<FailedUnit> = manager
        .list_units_filtered(&["failed"])
        .await?
        .into_iter()
        .map(|(name, description, ..)| FailedUnit { name, description })
        .collect();
    failed_units.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(ServiceManager {
        state: Some(state),
        failed_units,
        error: None,
    })
}
