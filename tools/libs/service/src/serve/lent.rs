//! The body of a request, lent to whatever answers it, to know what was left unread.
//!
//! What a client still sends when it is answered would be taken for its next request. So the rest is read, or the answer
//! says that the connection ends.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

/// The largest rest that is read before the answer.
const SMALL: u64 = 64 << 10;

/// How long the rest is read.
const PATIENCE: Duration = Duration::from_secs(1);

/// The body in the handler's hands.
#[derive(Debug)]
pub(super) struct Lent {
    incoming: Option<Incoming>,
    left: Arc<Mutex<Left>>,
}

/// What the handler left.
#[derive(Debug, Default)]
pub(super) enum Left {
    /// Nothing.
    #[default]
    Nothing,
    /// The body has no end: it broke.
    Broken,
    /// More may come.
    Rest(Incoming),
}

/// What will be left.
#[derive(Debug)]
pub(super) struct Return(Arc<Mutex<Left>>);

/// Lends a body.
pub(super) fn lend(incoming: Incoming) -> (Lent, Return) {
    let left = Arc::<Mutex<Left>>::default();
    let body = Lent {
        incoming: Some(incoming),
        left: Arc::clone(&left),
    };
    (body, Return(left))
}

impl Lent {
    fn leave(&self, left: Left) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = left;
    }
}

impl Return {
    /// Reads a small rest, unless the client waits to be asked for it. Whether the connection can go on.
    pub(super) async fn settle(self, waits: bool) -> bool {
        let left = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        match left {
            Left::Nothing => true,
            Left::Broken => false,
            Left::Rest(_) if waits => false,
            Left::Rest(rest) if rest.size_hint().upper().is_none_or(|bytes| bytes > SMALL) => false,
            Left::Rest(rest) => tokio::time::timeout(PATIENCE, drain(rest)).await.unwrap_or(false),
        }
    }
}

/// Whether the body came to its end.
async fn drain(mut body: Incoming) -> bool {
    loop {
        match std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            None => return true,
            Some(Ok(_)) => {}
            Some(Err(_)) => return false,
        }
    }
}

impl Body for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(incoming) = &mut self.incoming else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(incoming).poll_frame(context));
        match &frame {
            Some(Ok(_)) => {}
            Some(Err(_)) => {
                self.incoming = None;
                self.leave(Left::Broken);
            }
            None => self.incoming = None,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(rest) = self.incoming.take().filter(|rest| !rest.is_end_stream()) {
            self.leave(Left::Rest(rest));
        }
    }
}
