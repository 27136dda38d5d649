//! Liveness for the service manager: it hears from us only while a request is really answered.

use std::io;
use std::path::{Path, PathBuf};

use sigmavault_service::manager;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

/// Checks liveness for as long as it is polled. It asks over the socket: over TCP, anybody on the machine could hold all connections and
/// so have the service killed.
pub async fn run(socket: PathBuf) {
    manager::watchdog(socket.display().to_string(), || ask(&socket)).await;
}

/// Asks for `/health` as any client would.
async fn ask(socket: &Path) -> io::Result<()> {
    let mut stream = UnixStream::connect(socket).await?;
    let request = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await?;
    let mut answer = Vec::new();
    stream.take(8192).read_to_end(&mut answer).await?;
    if answer.starts_with(b"HTTP/1.1 200 ") {
        Ok(())
    } else {
        let answer = String::from_utf8_lossy(&answer);
        let line = answer.lines().next().unwrap_or_default();
        Err(io::Error::other(format!(
            "{} answered {line:?}",
            socket.display()
        )))
    }
}
