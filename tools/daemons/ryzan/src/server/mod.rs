//! The listeners: HTTP/1.1 over TCP on the loopback address and over a unix socket, with limits on connections and on
//! the time a client may take.

mod bucket;
mod layers;
mod patience;
mod peer;
mod socket;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use log::{debug, warn};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

pub use bucket::Bucket;
pub use layers::{JsonBody, REQUEST_ID, limits, outermost};
pub use peer::Peer;
pub use socket::SocketError;

use crate::state::Service;
use patience::Patience;

/// Listeners that could not be had.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The TCP address.
    #[error(
        "cannot listen on {address}: {source}; see who does with: ss -ltnp, or set another `listen` in /etc/sigmavault/ryzan.toml"
    )]
    Tcp {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The unix socket.
    #[error(transparent)]
    Socket(#[from] SocketError),
}

/// Bound listeners.
#[derive(Debug)]
pub struct Listeners {
    tcp: TcpListener,
    unix: UnixListener,
    address: SocketAddr,
    path: Option<PathBuf>,
}

impl Listeners {
    /// Binds the configured address and socket; a socket that the service manager hands over is taken instead.
    pub async fn bind(service: &Service) -> Result<Self, BindError> {
        let address = service.config.listen;
        let failed = |source| BindError::Tcp { address, source };
        let tcp = TcpListener::bind(address).await.map_err(failed)?;
        let address = tcp.local_addr().map_err(failed)?;
        let (unix, path) = socket::listener(&service.config.socket, &service.config.socket_group)?;
        Ok(Self {
            tcp,
            unix,
            address,
            path,
        })
    }

    /// Where the socket is, when it has a path.
    pub fn socket(&self) -> Option<PathBuf> {
        let address = self.unix.local_addr().ok()?;
        address.as_pathname().map(PathBuf::from)
    }

    /// The TCP address, with the real port when port 0 was asked for.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is done, then lets requests under way finish for the configured time.
    pub async fn run(self, service: &Arc<Service>, router: Router, stop: impl Future<Output = ()>) {
        // Each has its own, so that whoever holds every connection over TCP does not lock out those of the socket.
        let limit = service.config.connection_limit;
        let (over_tcp, over_socket) = (Arc::new(Semaphore::new(limit)), Arc::new(Semaphore::new(limit)));
        let patience = service.config.client_timeout();
        let connections = GracefulShutdown::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            let tcp = async {
                (
                    Arc::clone(&over_tcp).acquire_owned().await,
                    self.tcp.accept().await,
                )
            };
            let unix = async {
                (
                    Arc::clone(&over_socket).acquire_owned().await,
                    self.unix.accept().await,
                )
            };
            tokio::select! {
                () = &mut stop => break,
                (permit, accepted) = tcp => match accepted {
                    Ok((stream, address)) => {
                        serve(stream, Peer::Tcp(address), router.clone(), connections.watcher(), permit.ok(), patience);
                    }
                    Err(error) => refused(&error).await,
                },
                (permit, accepted) = unix => match accepted.and_then(|(stream, _)| Ok((stream.peer_cred()?.uid(), stream))) {
                    Ok((uid, stream)) => {
                        serve(stream, Peer::Unix { uid }, router.clone(), connections.watcher(), permit.ok(), patience);
                    }
                    Err(error) => refused(&error).await,
                },
            }
        }
        drop((self.tcp, self.unix));
        if let Some(path) = &self.path
            && let Err(error) = std::fs::remove_file(path)
        {
            debug!("cannot remove {}: {error}", path.display());
        }
        if tokio::time::timeout(service.config.shutdown_timeout(), connections.shutdown())
            .await
            .is_err()
        {
            warn!(
                "requests under way were cut off after {} s",
                service.config.shutdown_seconds
            );
        }
    }
}

/// Answers one connection for as long as it lasts.
fn serve<Stream>(
    stream: Stream,
    peer: Peer,
    router: Router,
    watcher: Watcher,
    permit: Option<tokio::sync::OwnedSemaphorePermit>,
    patience: Duration,
) where
    Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let answer = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .serve_connection(TokioIo::new(Patience::new(stream, patience)), answer);
    let connection = watcher.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            debug!("a connection ended: {error}");
        }
        drop(permit);
    });
}

async fn refused(error: &io::Error) {
    // Out of file descriptors, mostly: wait for some to be freed instead of spinning.
    warn!("cannot accept a connection: {error}");
    tokio::time::sleep(Duration::from_millis(200)).await;
}
