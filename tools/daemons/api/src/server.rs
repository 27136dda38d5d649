//! The listener: HTTP/1.1 with limits on connections and on the time a client may take for its headers.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use log::{debug, warn};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::routes;
use crate::state::AppState;

/// How long a client may take to send its headers, and an idle connection may stay.
const HEADERS: Duration = Duration::from_secs(15);

/// A listener that could not be had.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen on {address}: {source}; see who does with: ss -ltnp, or set another `listen` in /etc/sigmavault/api.toml"
)]
pub struct BindError {
    address: SocketAddr,
    source: io::Error,
}

/// A bound listener and what it serves.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    state: AppState,
    address: SocketAddr,
}

impl Server {
    /// Binds the configured address.
    pub async fn bind(state: AppState) -> Result<Self, BindError> {
        let address = state.config.listen;
        let failed = |source| BindError { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self {
            listener,
            state,
            address,
        })
    }

    /// The address it is bound to, with the real port when port 0 was asked for.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is done, then lets requests under way finish for the configured time.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self { listener, state, .. } = self;
        let service = TowerToHyperService::new(routes::service(state.clone()));
        let permits = Arc::new(Semaphore::new(state.config.connection_limit));
        let connections = GracefulShutdown::new();
        let mut stop = std::pin::pin!(stop);
        state.set_listening(true);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                accepted = accept(&listener, &permits) => accepted,
            };
            let Some((stream, permit)) = accepted else {
                continue;
            };
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADERS)
                .serve_connection(TokioIo::new(stream), service.clone());
            let connection = connections.watch(connection);
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    debug!("a connection ended: {error}");
                }
                drop(permit);
            });
        }
        state.set_listening(false);
        drop(listener);
        if tokio::time::timeout(state.config.shutdown_timeout(), connections.shutdown())
            .await
            .is_err()
        {
            warn!(
                "requests under way were cut off after {} s",
                state.config.shutdown_seconds
            );
        }
    }
}

/// The next connection, once there is room for it.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, permit)),
        Err(error) => {
            // Out of file descriptors, mostly: wait for some to be freed instead of spinning.
            warn!("cannot accept a connection: {error}");
            tokio::time::sleep(Duration::from_millis(200)).await;
            None
        }
    }
}
