//! A connection that keeps the limits of time.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::endpoint::Endpoint;
use super::limits::Limits;

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: Stream,
    limits: Limits,
    began: Instant,
}

impl Connection {
    pub(super) fn open(endpoint: &Endpoint, limits: Limits) -> io::Result<Self> {
        let began = Instant::now();
        let stream = match endpoint {
            Endpoint::Tcp(authority) => Stream::Tcp(tcp(authority, limits.connect)?),
            Endpoint::Unix(path) => Stream::Unix(UnixStream::connect(path)?),
        };
        Ok(Self {
            stream,
            limits,
            began,
        })
    }

    /// How long the next read or write may take.
    fn patience(&self) -> io::Result<Duration> {
        let Some(whole) = self.limits.whole else {
            return Ok(self.limits.silence);
        };
        let left = whole.saturating_sub(self.began.elapsed());
        if left.is_zero() {
            return Err(self.too_late());
        }
        Ok(left.min(self.limits.silence))
    }

    /// The error of a read or write; one that took too long says which limit it was.
    fn judge(&self, error: io::Error) -> io::Error {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => self.too_late(),
            _ => error,
        }
    }

    fn too_late(&self) -> io::Error {
        let text = match self.limits.whole.filter(|whole| self.began.elapsed() >= *whole) {
            Some(whole) => format!("no answer within {} s", whole.as_secs_f64()),
            None => format!("no data came for {} s", self.limits.silence.as_secs_f64()),
        };
        io::Error::new(io::ErrorKind::TimedOut, text)
    }
}

/// Connects to the first address that answers, within `limit` for all of them.
fn tcp(authority: &str, limit: Duration) -> io::Result<TcpStream> {
    let addresses = authority.to_socket_addrs()?;
    let began = Instant::now();
    let mut failed = io::Error::new(io::ErrorKind::NotFound, format!("{authority} has no address"));
    for address in addresses {
        let left = limit.saturating_sub(began.elapsed());
        if left.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let patience = Some(self.patience()?);
        match &mut self.stream {
            Stream::Tcp(stream) => stream
                .set_read_timeout(patience)
                .and_then(|()| stream.read(buffer)),
            Stream::Unix(stream) => stream
                .set_read_timeout(patience)
                .and_then(|()| stream.read(buffer)),
        }
        .map_err(|error| self.judge(error))
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let patience = Some(self.patience()?);
        match &mut self.stream {
            Stream::Tcp(stream) => stream
                .set_write_timeout(patience)
                .and_then(|()| stream.write(bytes)),
            Stream::Unix(stream) => stream
                .set_write_timeout(patience)
                .and_then(|()| stream.write(bytes)),
        }
        .map_err(|error| self.judge(error))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
