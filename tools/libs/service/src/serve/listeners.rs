//! Bound sockets, and the loop that takes their connections.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use log::{debug, warn};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::connections::Connections;
use super::limits::Limits;
use super::owner::owner;
use super::peer::Peer;
use super::slots::Slots;
use super::socket::{self, SocketError};

/// Listeners that could not be had.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The TCP address.
    #[error(
        "cannot listen on {address}: {source}; see who does with: ss -ltnp, or set another `listen` in /etc/sigmavault/{service}.toml"
    )]
    Tcp {
        /// The address.
        address: SocketAddr,
        /// The service, as in the name of its settings file.
        service: &'static str,
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
    service: &'static str,
    tcp: TcpListener,
    address: SocketAddr,
    unix: Option<Unix>,
}

#[derive(Debug)]
struct Unix {
    listener: UnixListener,
    /// Its path when it was made here, to be removed in the end.
    made: Option<PathBuf>,
}

impl Listeners {
    /// Binds an address for a service, named as in `/etc/sigmavault/NAME.toml`.
    pub async fn bind(service: &'static str, address: SocketAddr) -> Result<Self, BindError> {
        let failed = |source| BindError::Tcp {
            address,
            service,
            source,
        };
        let tcp = TcpListener::bind(address).await.map_err(failed)?;
        let address = tcp.local_addr().map_err(failed)?;
        Ok(Self {
            service,
            tcp,
            address,
            unix: None,
        })
    }

    /// Listens on a unix socket too: on the one that the service manager hands over, else on one made at `path` for
    /// the owner and `group`.
    pub fn and_socket(self, path: &Path, group: &str) -> Result<Self, BindError> {
        let (listener, made) = socket::listener(self.service, path, group)?;
        Ok(Self {
            unix: Some(Unix { listener, made }),
            ..self
        })
    }

    /// The TCP address, with the real port when port 0 was asked for.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the unix socket is, when there is one and it has a path.
    pub fn socket(&self) -> Option<PathBuf> {
        let address = self.unix.as_ref()?.listener.local_addr().ok()?;
        address.as_pathname().map(PathBuf::from)
    }

    /// Serves until `stop` is done, then lets requests under way finish.
    pub async fn run(self, router: Router, limits: Limits, stop: impl Future<Output = ()>) {
        let Self { tcp, unix, .. } = self;
        let (over_tcp, over_unix) = (Room::new(limits.connections), Room::new(limits.connections));
        let connections = Connections::new(router, limits);
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                accepted = accept_tcp(&tcp, &over_tcp) => match accepted {
                    Ok((permit, stream, peer)) => connections.serve(stream, peer, &over_tcp.slots, permit),
                    Err(error) => refused(&error).await,
                },
                accepted = accept_unix(unix.as_ref(), &over_unix) => match accepted {
                    Ok((permit, stream, peer)) => connections.serve(stream, peer, &over_unix.slots, permit),
                    Err(error) => refused(&error).await,
                },
            }
        }
        drop(tcp);
        if let Some(Unix { listener, made }) = unix {
            drop(listener);
            if let Some(path) = made
                && let Err(error) = std::fs::remove_file(&path)
            {
                debug!("cannot remove {}: {error}", path.display());
            }
        }
        connections.finish().await;
    }
}

/// How many times the connections of one user all users together may have.
const USERS: usize = 3;

/// The room for connections over one transport.
#[derive(Debug)]
struct Room {
    permits: Arc<Semaphore>,
    slots: Arc<Slots>,
}

impl Room {
    fn new(connections: usize) -> Self {
        let all = connections.saturating_mul(USERS).min(Semaphore::MAX_PERMITS);
        Self {
            permits: Arc::new(Semaphore::new(all)),
            slots: Slots::new(connections),
        }
    }

    /// Waits until there is room, for which an idle connection is asked to end.
    async fn permit(&self) -> io::Result<OwnedSemaphorePermit> {
        let permits = || Arc::clone(&self.permits);
        if let Ok(permit) = permits().try_acquire_owned() {
            return Ok(permit);
        }
        self.slots.retire_any();
        permits().acquire_owned().await.map_err(io::Error::other)
    }
}

/// The next connection over TCP, once there is room for it.
async fn accept_tcp(
    listener: &TcpListener,
    room: &Room,
) -> io::Result<(OwnedSemaphorePermit, TcpStream, Peer)> {
    let permit = room.permit().await?;
    let (stream, address) = listener.accept().await?;
    let uid = stream
        .local_addr()
        .and_then(|own| owner(address, own))
        .unwrap_or_else(|error| {
            debug!("cannot tell whose connection comes from {address}: {error}");
            None
        });
    Ok((permit, stream, Peer::Tcp { address, uid }))
}

/// The next connection over the unix socket, once there is room for it; never without one.
async fn accept_unix(
    unix: Option<&Unix>,
    room: &Room,
) -> io::Result<(OwnedSemaphorePermit, UnixStream, Peer)> {
    let Some(unix) = unix else {
        return pending().await;
    };
    let permit = room.permit().await?;
    let (stream, _) = unix.listener.accept().await?;
    let uid = stream.peer_cred()?.uid();
    Ok((permit, stream, Peer::Unix { uid }))
}

async fn refused(error: &io::Error) {
    // Out of file descriptors, mostly: wait for some to be freed instead of spinning.
    warn!("cannot accept a connection: {error}");
    tokio::time::sleep(Duration::from_millis(200)).await;
}
