//! The connection to the bus, and what is told on it.

use std::sync::Arc;

use log::warn;
use sigmavault_bus::storage::{NAME, PATH};
use sigmavault_types::storage::StorageEvent;
use tokio::sync::mpsc::UnboundedReceiver;
use zbus::object_server::InterfaceRef;
use zbus::{Connection, connection, fdo};

use super::object::Storage;
use super::tree::Tree;
use crate::service::{News, Service};

/// The most changes that are told one by one; of more, only that there were many.
const TOLD: usize = 200;

/// A service on a bus.
#[derive(Debug)]
pub struct Serving {
    /// The connection.
    pub bus: Connection,
}

/// Puts the service on a bus, for as long as the connection is kept, and tells its news there.
pub async fn serve(
    service: Arc<Service>,
    builder: connection::Builder<'_>,
    mut news: UnboundedReceiver<News>,
) -> zbus::Result<Serving> {
    let bus = builder
        .serve_at(PATH, fdo::ObjectManager)
        .serve_at(PATH, Storage::new(Arc::clone(&service)))
        .name(NAME)
        // Of two services one would be wrong about what was approved: the second does not start.
        .allow_name_replacements(false)
        .replace_existing_names(false)
        .build()
        .await?;
    let object = bus.object_server().interface::<_, Storage>(PATH).await?;
    let (connection, mut tree) = (bus.clone(), Tree::default());
    tokio::spawn(async move {
        while let Some(one) = news.recv().await {
            if let Err(error) = tell(&service, &connection, &object, &mut tree, one).await {
                warn!("cannot tell it on the bus: {error}");
            }
        }
    });
    Ok(Serving { bus })
}

async fn tell(
    service: &Service,
    bus: &Connection,
    object: &InterfaceRef<Storage>,
    tree: &mut Tree,
    news: News,
) -> zbus::Result<()> {
    let emitter = object.signal_emitter();
    match news {
        News::Changed(events) => {
            // Failures first: whoever waits for one should not wait for a thousand objects.
            for event in events.iter().take(TOLD) {
                changed(emitter, event).await?;
            }
            tree.show(bus.object_server(), &service.board.known().world)
                .await?;
            stale(object).await
        }
        News::Job(job) => {
            let json = serde_json::to_string(&job).unwrap_or_default();
            Storage::job_changed(emitter, &json).await
        }
        News::Stale => stale(object).await,
    }
}

async fn changed(emitter: &zbus::object_server::SignalEmitter<'_>, event: &StorageEvent) -> zbus::Result<()> {
    let json = serde_json::to_string(event).unwrap_or_default();
    Storage::changed(emitter, &json).await
}

async fn stale(object: &InterfaceRef<Storage>) -> zbus::Result<()> {
    let emitter = object.signal_emitter();
    let storage = object.get().await;
    storage.stale_since_changed(emitter).await?;
    storage.stale_reason_changed(emitter).await
}
