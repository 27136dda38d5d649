//! Clients that want as much memory and time as they can get.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::daemon::Daemon;
use crate::http::count;
use crate::{conversation, process};

/// Clients at a time.
pub const CLIENTS: usize = 32;

/// How long they go on.
pub const TIME: Duration = Duration::from_mins(1);

/// Somewhat less than the largest body that the service reads.
const LARGE: usize = 7_800_000;

/// What was seen while they went on.
#[derive(Debug, Default)]
pub struct Seen {
    /// The largest resident set less the caches that the service reported then, in bytes.
    pub beside_caches: u64,
    /// Their requests.
    pub requests: usize,
    /// The slowest answer to a client of the same user that asked for 8 tokens once a second, and again when it was refused.
    pub slowest: Duration,
    /// How often that client was refused, because the user had enough requests waiting.
    pub refused: usize,
}

/// Lets them go on.
pub fn run(daemon: &Daemon) -> anyhow::Result<Seen> {
    let (stop, requests) = (AtomicBool::new(false), AtomicUsize::new(0));
    let bodies = bodies();
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (stop, requests, bodies, socket) = (&stop, &requests, &bodies, daemon.socket_path());
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    bodies[client % bodies.len()].send(socket);
                    requests.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let seen = watch(daemon);
        stop.store(true, Ordering::Relaxed);
        seen
    })
    .map(|seen| Seen {
        requests: requests.load(Ordering::Relaxed),
        ..seen
    })
}

fn watch(daemon: &Daemon) -> anyhow::Result<Seen> {
    let mut seen = Seen::default();
    let began = Instant::now();
    std::thread::scope(|scope| {
        let honest = scope.spawn(|| {
            let (mut slowest, mut refused) = (Duration::ZERO, 0);
            while began.elapsed() < TIME {
                let asked = Instant::now();
                refused += daemon.chat_until_taken(&conversation::question("Hello", 8))?;
                slowest = slowest.max(asked.elapsed());
                std::thread::sleep(Duration::from_secs(1));
            }
            anyhow::Ok((slowest, refused))
        });
        while began.elapsed() < TIME {
            let status = daemon.status()?;
            let rss = process::memory(daemon.id())?.rss;
            let cache = count(&status, "/models/0/cache_bytes")?;
            seen.beside_caches = seen.beside_caches.max(rss.saturating_sub(cache));
            std::thread::sleep(Duration::from_millis(200));
        }
        match honest.join() {
            Ok(answered) => (seen.slowest, seen.refused) = answered?,
            Err(panic) => std::panic::resume_unwind(panic),
        }
        Ok(seen)
    })
}

/// What a client sends.
struct Attack {
    path: &'static str,
    body: Vec<u8>,
    /// How long it reads the answer.
    patience: Duration,
    /// How much it sends of what it announced.
    sent: usize,
}

impl Attack {
    fn new(path: &'static str, body: &Value, patience: Duration) -> Self {
        let body = body.to_string().into_bytes();
        Self {
            path,
            sent: body.len(),
            body,
            patience,
        }
    }

    /// Sends it, and reads as long as it wants to. The service may close at any time.
    fn send(&self, socket: &Path) {
        let Ok(mut stream) = UnixStream::connect(socket) else {
            std::thread::sleep(Duration::from_millis(10));
            return;
        };
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            self.path,
            self.body.len()
        );
        let _ = stream.set_write_timeout(Some(Duration::from_secs(5)));
        let _ = stream.set_read_timeout(Some(self.patience));
        let whole = stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(&self.body[..self.sent]));
        let began = Instant::now();
        let mut answer = [0; 4096];
        while whole.is_ok() && began.elapsed() < self.patience {
            if !matches!(stream.read(&mut answer), Ok(1..)) {
                break;
            }
        }
    }
}

fn bodies() -> Vec<Attack> {
    let chat = |more: Value| {
        let mut body =
            json!({"model": "auto", "max_tokens": 8, "messages": [{"role": "user", "content": "Hello"}]});
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        body
    };
    let minute = Duration::from_mins(1);
    let user = |text: String| json!({"messages": [{"role": "user", "content": text}]});
    let schema = |patterns: usize| {
        let properties: Map<String, Value> = (0..patterns)
            .map(|n| {
                (
                    format!("name{n}"),
                    json!({"type": "string", "pattern": format!("^[a-z]{{1,{}}}$", n % 50 + 1)}),
                )
            })
            .collect();
        json!({"type": "object", "properties": properties})
    };
    let tool = json!({"type": "function", "function": {"name": "f", "parameters": schema(3000)}});
    let format = json!({"type": "json_schema", "json_schema": {"name": "f", "schema": schema(1200)}});
    let many: Vec<String> = (0..128).map(|n| format!("Text number {n}")).collect();
    let mut half = Attack::new(
        "/v1/completions",
        &json!({"model": "auto", "prompt": "a ".repeat(LARGE / 2)}),
        Duration::from_secs(2),
    );
    half.sent /= 2;
    vec![
        Attack::new(
            "/v1/completions",
            &json!({"model": "auto", "prompt": "a<|im_end|>".repeat(LARGE / 11)}),
            minute,
        ),
        Attack::new(
            "/v1/chat/completions",
            &chat(user("word ".repeat(LARGE / 5))),
            minute,
        ),
        Attack::new(
            "/v1/chat/completions",
            &chat(json!({"stream": true, "max_tokens": 30_000})),
            Duration::from_millis(300),
        ),
        Attack::new("/tokenize", &json!({"content": "x".repeat(LARGE)}), minute),
        Attack::new("/v1/chat/completions", &chat(json!({"tools": [tool]})), minute),
        // No prompt has it, so that it is compiled.
        Attack::new(
            "/v1/chat/completions",
            &chat(json!({"response_format": format})),
            minute,
        ),
        Attack::new(
            "/v1/completions",
            &json!({"model": "auto", "prompt": many, "max_tokens": 2}),
            Duration::from_secs(5),
        ),
        half,
        Attack::new(
            "/v1/chat/completions",
            &chat(json!({"response_format": vec![0; 250_000]})),
            minute,
        ),
    ]
}
