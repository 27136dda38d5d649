//! Callers that leave the bus take their answers with them.

use std::sync::PoisonError;

use futures_util::StreamExt as _;
use zbus::Connection;
use zbus::fdo::DBusProxy;
use zbus::names::BusName;

use super::Streams;

/// Drops the answers of every caller that leaves, for as long as the connection lasts.
pub async fn start(bus: &Connection, streams: Streams) -> zbus::Result<()> {
    let mut left = DBusProxy::new(bus).await?.receive_name_owner_changed().await?;
    tokio::spawn(async move {
        while let Some(signal) = left.next().await {
            let Ok(change) = signal.args() else { continue };
            if let (BusName::Unique(name), true) = (change.name(), change.new_owner().is_none()) {
                // Dropping the sender stops the answer.
                streams
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .retain(|_, running| running.owner != *name);
            }
        }
    });
    Ok(())
}
