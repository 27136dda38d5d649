//! Liveness for the service manager: it hears of life only while a request is really answered.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use log::error;

use crate::ask::{AskError, Client, Endpoint, Limits};
use crate::manager::{NotifyState, notify};

/// Bytes of an answer's body that are read; a longer one proves life as well.
const BODY: u64 = 8192;

/// How often the service manager wants to hear of life; none when it does not.
pub fn period() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

/// Starts a thread that asks the service itself for `path`, as any client would, three times in each period of the
/// watchdog, and tells the service manager each time the status is 200. Does nothing when the service manager runs no
/// watchdog.
///
/// The thread is its own, so that blocked threads of the service do not keep it from asking.
pub fn start(endpoint: Endpoint, path: &'static str) -> io::Result<()> {
    let Some(period) = period() else {
        return Ok(());
    };
    let interval = period / 3;
    thread::Builder::new()
        .name("watchdog".to_owned())
        .spawn(move || {
            let client = client(endpoint, interval);
            loop {
                let began = Instant::now();
                match ask(&client, path) {
                    Ok(()) => notify(&[NotifyState::Watchdog]),
                    Err(problem) => error!("not alive: {problem}"),
                }
                thread::sleep(interval.saturating_sub(began.elapsed()));
            }
        })
        .map(drop)
}

fn client(endpoint: Endpoint, limit: Duration) -> Client {
    let limits = Limits {
        connect: limit,
        silence: limit,
        whole: Some(limit),
        body: BODY,
    };
    Client::new(endpoint, limits)
}

/// Why the service is not alive.
#[derive(Debug, thiserror::Error)]
enum NotAlive {
    #[error("no answer from {0}: {1}")]
    Silent(Endpoint, AskError),
    #[error("{0} answered with status {1}")]
    Status(Endpoint, u16),
}

fn ask(client: &Client, path: &str) -> Result<(), NotAlive> {
    let asked = client.get(path).and_then(|answer| {
        let status = answer.status();
        match answer.bytes() {
            Err(AskError::Broken(error)) if error.kind() == io::ErrorKind::FileTooLarge => Ok(status),
            read => read.map(|_| status),
        }
    });
    match asked {
        Ok(200) => Ok(()),
        Ok(status) => Err(NotAlive::Status(client.endpoint().clone(), status)),
        Err(error) => Err(NotAlive::Silent(client.endpoint().clone(), error)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn only_status_200_is_alive() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let long = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n{}",
            "x".repeat(9000)
        );
        let answers = [
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_owned(),
            long,
            "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n".to_owned(),
            String::new(),
        ];
        let service = thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0; 1024];
                let count = stream.read(&mut request).unwrap();
                assert!(request[..count].starts_with(b"GET /health HTTP/1.1\r\n"));
                stream.write_all(answer.as_bytes()).unwrap();
                if answer.is_empty() {
                    thread::sleep(Duration::from_millis(400));
                }
            }
        });
        let client = client(address.into(), Duration::from_millis(200));
        let asked = || ask(&client, "/health").map_err(|error| error.to_string());
        assert_eq!(asked(), Ok(()));
        assert_eq!(asked(), Ok(()), "more than is read");
        assert_eq!(asked(), Err(format!("{address} answered with status 503")));
        assert_eq!(
            asked(),
            Err(format!("no answer from {address}: no answer within 0.2 s"))
        );
        service.join().unwrap();
    }
}
