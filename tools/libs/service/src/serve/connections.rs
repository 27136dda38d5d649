//! Connections under way.

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use log::{debug, warn};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::OwnedSemaphorePermit;

use super::limits::Limits;
use super::patience::Patience;
use super::peer::Peer;

/// What answers requests, and the connections that they come over.
pub(super) struct Connections {
    router: TowerToHyperService<Router>,
    limits: Limits,
    under_way: GracefulShutdown,
}

impl Connections {
    pub(super) fn new(router: Router, limits: Limits) -> Self {
        Self {
            router: TowerToHyperService::new(router),
            limits,
            under_way: GracefulShutdown::new(),
        }
    }

    /// Answers one connection for as long as it lasts, and gives its permit back then.
    pub(super) fn serve<Stream>(&self, stream: Stream, peer: Peer, permit: OwnedSemaphorePermit)
    where
        Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let router = self.router.clone();
        let answer = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            router.call(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.headers)
            .serve_connection(TokioIo::new(Patience::new(stream, self.limits.stalled)), answer);
        let connection = self.under_way.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!("a connection ended: {error}");
            }
            drop(permit);
        });
    }

    /// Lets requests under way finish, for as long as that may take.
    pub(super) async fn finish(self) {
        let limit = self.limits.shutdown;
        if tokio::time::timeout(limit, self.under_way.shutdown())
            .await
            .is_err()
        {
            warn!("requests under way were cut off after {} s", limit.as_secs());
        }
    }
}
