//! Liveness for the service manager: it hears from us only while a request over the network is really answered.

use std::io;
use std::net::SocketAddr;

use sigmavault_service::manager;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Checks liveness for as long as it is polled.
pub async fn run(address: SocketAddr) {
    manager::watchdog(address.to_string(), || ask(address)).await;
}

/// Asks for `/health/live` as any client would.
pub async fn ask(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(
            format!("GET /health/live HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes(),
        )
        .await?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer).await?;
    if answer.starts_with(b"HTTP/1.1 200 ") {
        Ok(())
    } else {
        let line: String = String::from_utf8_lossy(&answer)
            .lines()
            .next()
            .unwrap_or_default()
            .chars()
            .take(80)
            .collect();
        Err(io::Error::other(format!("{address} answered {line:?}")))
    }
}
