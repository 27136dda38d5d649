//! Stops the answers of callers that leave the bus.

use futures_util::StreamExt as _;
use zbus::Connection;
use zbus::fdo::DBusProxy;
use zbus::names::BusName;

use super::streams::Streams;

/// Starts a task that stops the answers of every caller that leaves, while the connection lasts.
pub async fn start(bus: &Connection, streams: Streams) -> zbus::Result<()> {
    let mut left = DBusProxy::new(bus).await?.receive_name_owner_changed().await?;
    tokio::spawn(async move {
        while let Some(signal) = left.next().await {
            let Ok(change) = signal.args() else { continue };
            if let (BusName::Unique(name), true) = (change.name(), change.new_owner().is_none()) {
                streams.stop_all_of(name);
            }
        }
    });
    Ok(())
}
