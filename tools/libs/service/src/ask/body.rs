//! The body of an answer (RFC 9112, sections 6 and 7.1).

use std::io::{self, BufRead, BufReader, Read};

use super::connection::Connection;

/// Most bytes of the line that says how long a chunk is.
const CHUNK_LINE: u64 = 4096;

/// How the end of a body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes are still to come.
    Length(u64),
    /// In chunks.
    Chunked(Chunk),
    /// The connection ends.
    Close,
}

/// Where in the chunks a body stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunk {
    /// Before the line with the length of a chunk.
    Next,
    /// So many bytes of a chunk are still to come; never 0.
    Within(u64),
    /// After the last chunk.
    Ended,
}

/// The body of an answer.
#[derive(Debug)]
pub(super) struct Body {
    reader: BufReader<Connection>,
    framing: Framing,
}

impl Body {
    pub(super) const fn new(reader: BufReader<Connection>, framing: Framing) -> Self {
        Self { reader, framing }
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.framing == Framing::Chunked(Chunk::Next) {
            self.framing = Framing::Chunked(match chunk_length(&mut self.reader)? {
                0 => Chunk::Ended,
                length => Chunk::Within(length),
            });
        }
        match self.framing {
            Framing::Close => self.reader.read(buffer),
            Framing::Length(0) | Framing::Chunked(Chunk::Ended | Chunk::Next) => Ok(0),
            Framing::Length(left) => {
                let count = some(self.reader.by_ref().take(left).read(buffer)?)?;
                self.framing = Framing::Length(left - count as u64);
                Ok(count)
            }
            Framing::Chunked(Chunk::Within(left)) => {
                let count = some(self.reader.by_ref().take(left).read(buffer)?)?;
                self.framing = Framing::Chunked(match left - count as u64 {
                    0 => {
                        if !line(&mut self.reader)?.is_empty() {
                            return Err(invalid("a chunk is longer than it says"));
                        }
                        Chunk::Next
                    }
                    left => Chunk::Within(left),
                });
                Ok(count)
            }
        }
    }
}

/// Refuses an end where more is to come.
fn some(count: usize) -> io::Result<usize> {
    if count == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(count)
}

fn chunk_length(reader: &mut impl BufRead) -> io::Result<u64> {
    let line = line(reader)?;
    let length = line.split(';').next().unwrap_or_default().trim();
    // Rust's numbers may begin with a sign.
    let digits = length.bytes().all(|byte| byte.is_ascii_hexdigit());
    u64::from_str_radix(length, 16)
        .ok()
        .filter(|_| digits)
        .ok_or_else(|| invalid("a chunk has no length"))
}

/// A line, without its end.
fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    some(reader.take(CHUNK_LINE).read_line(&mut line)?)?;
    let text = line
        .strip_suffix('\n')
        .ok_or_else(|| invalid("a line of a chunk has no end"))?;
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_chunks() {
        for (text, expected) in [
            ("5\r\n", Some(5)),
            ("1F;name=value\n", Some(31)),
            ("0\r\n", Some(0)),
            ("+5\r\n", None),
            ("\r\n", None),
            ("5", None),
            ("x\r\n", None),
        ] {
            assert_eq!(chunk_length(&mut text.as_bytes()).ok(), expected, "{text:?}");
        }
        let long = format!("5;{}\r\n", "x".repeat(5000));
        assert!(chunk_length(&mut long.as_bytes()).is_err());
    }
}
