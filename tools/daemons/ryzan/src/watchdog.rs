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

/// Asks for `/health` as any client would.
async fn ask(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(8192).read_to_end(&mut answer).await?;
    if answer.starts_with(b"HTTP/1.1 200 ") {
        Ok(())
    } else {
        let answer = String::from_utf8_lossy(&answer);
        let line = answer.lines().next().unwrap_or_default();
        Err(io::Error::other(format!("{address} answered {line:?}")))
    }
}
