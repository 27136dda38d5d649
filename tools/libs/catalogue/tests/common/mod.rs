//! An HTTP server that serves one file and misbehaves on request.

#![allow(dead_code, clippy::unwrap_used, clippy::missing_panics_doc)]

pub mod place;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How one request is answered.
#[derive(Debug, Clone, Default)]
pub struct Behaviour {
    /// Bytes of the body after which the connection is cut.
    pub cut_after: Option<usize>,
    /// A status instead of the file, with the value of `Retry-After`.
    pub status: Option<(u16, Option<u64>)>,
    /// Whether `Range` is ignored.
    pub ignores_range: bool,
    /// A wrong value of `Content-Length`.
    pub says_length: Option<usize>,
    /// A wrong total in `Content-Range`.
    pub says_total: Option<usize>,
    /// The `ETag`, `"v1"` by default; none is sent if it is empty.
    pub etag: Option<String>,
    /// Whether `If-Range` is ignored.
    pub ignores_if_range: bool,
    /// The range of bytes that are sent inverted.
    pub corrupt: Option<(usize, usize)>,
    /// A wrong offset of the answer.
    pub shifted: Option<usize>,
    /// Extra bytes after the declared ones.
    pub excess: usize,
}

/// A received request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The path.
    pub path: String,
    /// `Range`.
    pub range: Option<String>,
    /// `If-Range`.
    pub if_range: Option<String>,
}

type Answers = dyn Fn(usize, &Seen) -> Behaviour + Send + Sync;

/// The server.
pub struct Server {
    /// Its URL.
    pub url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Serves `content`; `answers` determines how, by the number of the request and the request.
    pub fn start(
        content: Vec<u8>,
        answers: impl Fn(usize, &Seen) -> Behaviour + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/m/f.gguf", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (content, answers): (Arc<Vec<u8>>, Arc<Answers>) = (Arc::new(content), Arc::new(answers));
        let kept = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let (content, answers, seen) =
                    (Arc::clone(&content), Arc::clone(&answers), Arc::clone(&kept));
                thread::spawn(move || serve(&stream, &content, &*answers, &seen));
            }
        });
        Self { url, seen }
    }

    /// Serves `content` correctly.
    pub fn good(content: Vec<u8>) -> Self {
        Self::start(content, |_, _| Behaviour::default())
    }

    /// The requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The `Range` of each request.
    pub fn ranges(&self) -> Vec<Option<String>> {
        self.seen().into_iter().map(|seen| seen.range).collect()
    }
}

fn serve(stream: &TcpStream, content: &[u8], answers: &Answers, seen: &Mutex<Vec<Seen>>) {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut reader = BufReader::new(stream);
    while let Some(request) = request(&mut reader) {
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.push(request.clone());
            seen.len() - 1
        };
        if !answer(stream, content, &request, &answers(number, &request)) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
            return;
        }
    }
}

fn request(reader: &mut BufReader<&TcpStream>) -> Option<Seen> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|&length| length > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let (mut range, mut if_range) = (None, None);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|&length| length > 0)?;
        let line = line.trim();
        if line.is_empty() {
            return Some(Seen {
                path,
                range,
                if_range,
            });
        }
        match line.split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("range") => range = Some(value.to_owned()),
            Some((name, value)) if name.eq_ignore_ascii_case("if-range") => if_range = Some(value.to_owned()),
            _ => {}
        }
    }
}

/// Answers a request. Returns whether the connection can be reused.
fn answer(mut stream: &TcpStream, content: &[u8], seen: &Seen, how: &Behaviour) -> bool {
    if let Some((status, wait)) = how.status {
        let wait = wait.map_or_else(String::new, |wait| format!("Retry-After: {wait}\r\n"));
        let head = format!("HTTP/1.1 {status} No\r\n{wait}Content-Length: 0\r\n\r\n");
        return stream.write_all(head.as_bytes()).is_ok();
    }
    let etag = how.etag.as_deref().unwrap_or("\"v1\"");
    let asked = seen.range.as_deref().and_then(|range| {
        let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
        Some((from.parse::<usize>().ok()?, to.parse::<usize>().ok()? + 1))
    });
    let same = how.ignores_if_range || seen.if_range.as_deref().is_none_or(|tag| tag == etag);
    let asked = asked.filter(|_| !how.ignores_range && same);
    let (from, to) = asked.unwrap_or((0, content.len()));
    let from = how.shifted.filter(|_| asked.is_some()).unwrap_or(from);
    let mut body = content[from..to].to_vec();
    if let Some((first, last)) = how.corrupt {
        for at in first.max(from)..last.min(to) {
            body[at - from] ^= 0xff;
        }
    }
    let length = how.says_length.unwrap_or(body.len());
    let total = how.says_total.unwrap_or(content.len());
    let tag = if etag.is_empty() {
        String::new()
    } else {
        format!("ETag: {etag}\r\n")
    };
    let head = match asked {
        Some(_) => format!(
            "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {from}-{}/{total}\r\n{tag}Content-Length: {length}\r\n\r\n",
            to - 1
        ),
        None => format!("HTTP/1.1 200 OK\r\n{tag}Content-Length: {length}\r\n\r\n"),
    };
    body.extend(vec![0x55; how.excess]);
    let whole = how.cut_after.is_none_or(|cut| cut >= body.len());
    body.truncate(how.cut_after.unwrap_or(usize::MAX));
    stream.write_all(head.as_bytes()).is_ok()
        && stream.write_all(&body).is_ok()
        && whole
        && length == body.len()
}
