//! Connections under way.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use log::{debug, warn};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, sleep_until};

use super::lent::lend;
use super::limits::Limits;
use super::patience::Patience;
use super::peer::Peer;
use super::slots::{Slot, Slots};

/// How long a connection that makes room for others may take to end.
const GRACE: Duration = Duration::from_secs(1);

/// The most bytes of a connection in memory that nobody has read yet, and so of a header.
const BUFFER: usize = 32 << 10;

/// What answers requests, and the connections that they come over.
pub(super) struct Connections {
    router: TowerToHyperService<Router>,
    limits: Limits,
    /// Tells connections to end. Every one of them holds a receiver.
    stop: watch::Sender<bool>,
}

impl Connections {
    pub(super) fn new(router: Router, limits: Limits) -> Self {
        Self {
            router: TowerToHyperService::new(router),
            limits,
            stop: watch::Sender::new(false),
        }
    }

    /// Answers one connection for as long as it lasts, once its user has a place for it, and gives its permit back then.
    pub(super) fn serve<Stream>(
        &self,
        stream: Stream,
        peer: Peer,
        slots: &Arc<Slots>,
        permit: OwnedSemaphorePermit,
    ) where
        Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (router, limits, slots) = (self.router.clone(), self.limits, Arc::clone(slots));
        let mut stop = self.stop.subscribe();
        tokio::spawn(async move {
            let slot = tokio::select! {
                slot = slots.enter(peer.uid()) => slot,
                _ = stop.changed() => None,
            };
            match slot {
                Some(slot) => run(router, limits, stream, peer, Arc::new(slot), stop).await,
                None => debug!("a connection of {peer:?} is closed: too many wait"),
            }
            drop(permit);
        });
    }

    /// Lets requests under way finish, for as long as that may take.
    pub(super) async fn finish(self) {
        let limit = self.limits.shutdown;
        self.stop.send_replace(true);
        if tokio::time::timeout(limit, self.stop.closed()).await.is_err() {
            warn!("requests under way were cut off after {} s", limit.as_secs());
        }
    }
}

async fn run<Stream>(
    router: TowerToHyperService<Router>,
    limits: Limits,
    stream: Stream,
    peer: Peer,
    slot: Arc<Slot>,
    mut stop: watch::Receiver<bool>,
) where
    Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let linger = Arc::new(AtomicBool::new(false));
    let stream = Patience::new(stream, limits.stalled, Arc::clone(&linger));
    let own = Arc::clone(&slot);
    let answer = service_fn(move |request: Request<Incoming>| {
        own.busy();
        let under_way = UnderWay(Arc::clone(&own));
        let (router, linger) = (router.clone(), Arc::clone(&linger));
        async move {
            let waits = request.headers().contains_key(header::EXPECT);
            let (parts, body) = request.into_parts();
            let (body, left) = lend(body);
            let mut request = Request::from_parts(parts, body);
            request.extensions_mut().insert(peer);
            let mut response: Response = router.call(request).await?;
            if !left.settle(waits).await {
                linger.store(true, Ordering::Relaxed);
                response
                    .headers_mut()
                    .insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response.map(|body| Answer {
                body,
                _under_way: under_way,
            }))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.headers)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), answer);
    let mut connection = std::pin::pin!(connection);
    let (mut stopping, mut retired) = (*stop.borrow(), None);
    if stopping {
        connection.as_mut().graceful_shutdown();
    }
    loop {
        let until = retired.unwrap_or_else(Instant::now);
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    debug!("a connection ended: {error}");
                }
                return;
            }
            _ = stop.changed(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
            () = slot.retired(), if retired.is_none() => {
                retired = Some(Instant::now() + GRACE);
                connection.as_mut().graceful_shutdown();
            }
            // A request that came in the same moment is answered.
            () = sleep_until(until), if retired.is_some() => {
                if !slot.is_busy() {
                    return;
                }
                retired = Some(Instant::now() + GRACE);
            }
        }
    }
}

/// A request whose answer is not complete.
struct UnderWay(Arc<Slot>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.idle();
    }
}

/// The body of an answer. The connection works as long as there is one.
struct Answer {
    body: axum::body::Body,
    _under_way: UnderWay,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
