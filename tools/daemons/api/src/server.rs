//! The listener and what it serves.

use std::net::SocketAddr;
use std::time::Duration;

use sigmavault_service::serve::{BindError, Limits, Listeners};

use crate::router;
use crate::state::AppState;

/// How long a client may take to send its headers, and an idle connection may stay.
const HEADERS: Duration = Duration::from_secs(15);

/// A bound listener and what it serves.
#[derive(Debug)]
pub struct Server {
    listeners: Listeners,
    state: AppState,
}

impl Server {
    /// Binds the configured address.
    pub async fn bind(state: AppState) -> Result<Self, BindError> {
        let listeners = Listeners::bind("api", state.config.listen).await?;
        Ok(Self { listeners, state })
    }

    /// The address it is bound to, with the real port when port 0 was asked for.
    pub const fn address(&self) -> SocketAddr {
        self.listeners.address()
    }

    /// Serves until `stop` is done, then lets requests under way finish for the configured time.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self { listeners, state } = self;
        let limits = Limits {
            connections: state.config.connection_limit,
            headers: HEADERS,
            stalled: None,
            shutdown: state.config.shutdown_timeout(),
        };
        let router = router::service(state.clone());
        state.set_listening(true);
        let stopped = async {
            stop.await;
            state.set_listening(false);
        };
        listeners.run(router, limits, stopped).await;
    }
}
