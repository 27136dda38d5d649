//! Liveness for the service manager: it hears from us only while a request over the network is really answered.

use std::io;
use std::net::SocketAddr;

use log::error;
use sd_notify::NotifyState;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Checks liveness three times in each period, for as long as it is polled, and tells the service manager when it is
/// given. Does nothing when the service manager runs no watchdog.
pub async fn run(address: SocketAddr) {
    let Some(period) = sd_notify::watchdog_enabled() else {
        return;
    };
    let interval = period / 3;
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match tokio::time::timeout(interval, ask(address)).await {
            Ok(Ok(())) => notify(&[NotifyState::Watchdog]),
            Ok(Err(error)) => error!("not alive: {error}"),
            Err(_) => error!(
                "not alive: no answer from {address} within {} ms",
                interval.as_millis()
            ),
        }
    }
}

/// Tells the service manager; without one this does nothing.
pub fn notify(state: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(state) {
        error!("cannot tell the service manager: {error}");
    }
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
