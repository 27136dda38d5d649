//! A connection that is given up when the client takes nothing of what is sent for too long.
//!
//! An answer that nobody reads would hold its connection, its model and its text for ever.
//!
//! A connection that ends while the client still sends lingers (RFC 9112, section 9.6): closing at once would make the
//! kernel reset it, and the client would lose the answer that it has not read yet.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// How long a connection lingers.
const LINGER: Duration = Duration::from_secs(2);

/// The connection.
#[derive(Debug)]
pub(super) struct Patience<Stream> {
    stream: Stream,
    /// `None` waits for ever.
    limit: Option<Duration>,
    /// Runs while the client takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Whether the client may still send when the connection ends.
    linger: Arc<AtomicBool>,
    /// Runs while the connection lingers.
    lingering: Option<Pin<Box<Sleep>>>,
}

impl<Stream> Patience<Stream> {
    /// Gives up after `limit`. When `linger` is set in the end, reads what still comes before it closes.
    pub(super) const fn new(stream: Stream, limit: Option<Duration>, linger: Arc<AtomicBool>) -> Self {
        Self {
            stream,
            limit,
            stalled: None,
            linger,
            lingering: None,
        }
    }

    fn judge<T>(&mut self, context: &mut Context<'_>, went: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if went.is_ready() {
            self.stalled = None;
            return went;
        }
        let Some(limit) = self.limit else {
            return went;
        };
        let timer = self.stalled.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(timer.as_mut().poll(context));
        timer.as_mut().reset(Instant::now() + limit);
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the client takes nothing of its answer",
        )))
    }
}

impl<Stream: AsyncRead + Unpin> Patience<Stream> {
    /// Reads until the client ends, or for as long as the connection lingers.
    fn discard(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let timer = self.lingering.get_or_insert_with(|| Box::pin(sleep(LINGER)));
            if timer.as_mut().poll(context).is_ready() {
                return Poll::Ready(Ok(()));
            }
            let mut bytes = [0; 4096];
            let mut buffer = ReadBuf::new(&mut bytes);
            let went = ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer));
            if went.is_err() || buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<Stream: AsyncRead + Unpin> AsyncRead for Patience<Stream> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<Stream: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Patience<Stream> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let went = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judge(context, went)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let went = Pin::new(&mut self.stream).poll_flush(context);
        self.judge(context, went)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            let went = Pin::new(&mut self.stream).poll_shutdown(context);
            ready!(self.judge(context, went))?;
            if !self.linger.load(Ordering::Relaxed) {
                return Poll::Ready(Ok(()));
            }
        }
        self.discard(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let went = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.judge(context, went)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
