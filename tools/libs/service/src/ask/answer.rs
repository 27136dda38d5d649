//! An answer: its status, and its body when that is asked for.

use std::io::{self, BufRead, BufReader, Read};

use super::body::{Body, Chunk, Framing};
use super::connection::Connection;
use super::error::AskError;
use super::events::Events;

/// Most bytes before the body.
const HEAD: u64 = 64 << 10;

/// Most heads that are read: interim answers and the final one.
const INTERIM: usize = 8;

/// Most header fields.
const FIELDS: usize = 64;

/// An answer whose body is still to come.
#[derive(Debug)]
pub struct Answer {
    status: u16,
    body: Body,
    limit: u64,
}

impl Answer {
    /// Reads the head of the answer; `limit` is for its body.
    pub(super) fn read(connection: Connection, limit: u64) -> Result<Self, AskError> {
        let mut reader = BufReader::new(connection);
        let (status, framing) = last_head(&mut reader).map_err(AskError::Broken)?;
        Ok(Self {
            status,
            body: Body::new(reader, framing),
            limit,
        })
    }

    /// The status code.
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Whether the status is 2xx.
    pub const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// The whole body.
    pub fn bytes(self) -> Result<Vec<u8>, AskError> {
        let mut bytes = Vec::new();
        let read = self.body.take(self.limit + 1).read_to_end(&mut bytes);
        match read {
            Err(error) => Err(AskError::Broken(error)),
            Ok(count) if count as u64 > self.limit => Err(AskError::Broken(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("the answer is larger than {} bytes", self.limit),
            ))),
            Ok(_) => Ok(bytes),
        }
    }

    /// The body as events, each as soon as it has come.
    pub fn events(self) -> Events<impl BufRead> {
        Events::new(BufReader::new(self.body), self.limit)
    }
}

/// Status and framing of the answer, after any interim ones (RFC 9110, section 15.2).
fn last_head(reader: &mut impl BufRead) -> io::Result<(u16, Framing)> {
    for _ in 0..INTERIM {
        let (status, framing) = parse(&head(reader)?)?;
        if !matches!(status, 100 | 102..=199) {
            return Ok((status, framing));
        }
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidData,
        "the answer has too many interim answers",
    ))
}

/// All before the body, the empty line included.
fn head(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut reader = reader.take(HEAD);
    loop {
        let before = head.len();
        if reader.read_until(b'\n', &mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if before > 0 && matches!(&head[before..], b"\r\n" | b"\n") {
            return Ok(head);
        }
    }
}

/// The status, and how the end of the body is known.
fn parse(head: &[u8]) -> io::Result<(u16, Framing)> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    response
        .parse(head)
        .map_err(|_| invalid("the answer is not HTTP"))?;
    let status = response.code.ok_or_else(|| invalid("the answer has no status"))?;
    let value = |name: &str| {
        let mut fields = response.headers.iter();
        fields
            .find(|field| field.name.eq_ignore_ascii_case(name))
            .map(|field| String::from_utf8_lossy(field.value).to_ascii_lowercase())
    };
    let framing = if matches!(status, 204 | 304) {
        Framing::Length(0)
    } else if value("transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
        Framing::Chunked(Chunk::Next)
    } else if let Some(length) = value("content-length") {
        let length = length.trim().parse();
        Framing::Length(length.map_err(|_| invalid("the length of the answer is not a number"))?)
    } else {
        Framing::Close
    };
    Ok((status, framing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interim_answers_are_passed_over() {
        let interim = "HTTP/1.1 100 Continue\r\n\r\n";
        let last = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n";
        let read = |text: String| last_head(&mut text.as_bytes()).ok();
        assert_eq!(read(format!("{interim}{last}")), Some((200, Framing::Length(7))));
        assert_eq!(read(format!("{}{last}", interim.repeat(8))), None);
    }

    #[test]
    fn the_head_says_how_the_body_ends() {
        for (head, expected) in [
            ("HTTP/1.1 200 OK\r\n\r\n", Some((200, Framing::Close))),
            (
                "HTTP/1.0 200 OK\r\nContent-Length: 7\r\n\r\n",
                Some((200, Framing::Length(7))),
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\nContent-Length: 7\r\n\r\n",
                Some((200, Framing::Chunked(Chunk::Next))),
            ),
            ("HTTP/1.1 204 No Content\r\n\r\n", Some((204, Framing::Length(0)))),
            ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", None),
            ("SSH-2.0-OpenSSH\r\n\r\n", None),
        ] {
            assert_eq!(parse(head.as_bytes()).ok(), expected, "{head}");
        }
    }

    #[test]
    fn a_head_without_end_is_given_up() {
        let endless = io::repeat(b'a');
        assert!(head(&mut BufReader::new(endless)).is_err());
        assert_eq!(
            head(&mut &b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody"[..]).unwrap(),
            b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n"
        );
    }
}
