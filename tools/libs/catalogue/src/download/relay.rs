//! Requests carried out by another process, so that the one that writes the files, usually root, meets nothing of the network but
//! bytes and a few lengths.
//!
//! The process reads one request, a line of JSON, and answers with a line of JSON: [`Head`]. If that has a body, frames follow: a
//! length (u32, little-endian, at most [`LONGEST_FRAME`]) and as many bytes. A length of 0 is the end; [`BROKEN`] is followed by a
//! frame with the reason for an early end.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::http::{Answer, Ask, Http, Pin, RequestError};

/// The longest frame in bytes.
const LONGEST_FRAME: usize = 256 << 10;

/// The longest line in bytes: a URL, or a reason.
const LONGEST_LINE: u64 = 64 << 10;

/// The longest reason of an early end that is read, in bytes.
const LONGEST_REASON: usize = 4096;

/// In the place of a length: the body ended early.
const BROKEN: u32 = u32::MAX;

/// The answer to a request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Head {
    /// A body follows.
    Body {
        from: u64,
        total: Option<u64>,
        pin: Option<Pin>,
    },
    Broken {
        why: String,
        wait_seconds: Option<u64>,
    },
    Refused(String),
    Length(u64),
}

/// The two ends of a connection to a process that answers one request. Dropping the second ends the process.
pub type Connection = (Box<dyn Write>, Box<dyn Read>);

/// Starts a process that runs [`serve`].
pub struct Relay(Box<dyn Fn() -> io::Result<Connection>>);

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Relay")
    }
}

impl Relay {
    /// Starts processes by this function.
    pub fn new(start: impl Fn() -> io::Result<Connection> + 'static) -> Self {
        Self(Box::new(start))
    }

    pub(super) fn get(&self, ask: &Ask) -> Result<Answer, RequestError> {
        let started = (self.0)();
        let (mut input, output) = started.map_err(|error| {
            RequestError::Refused(format!("cannot start the process that downloads: {error}"))
        })?;
        let ended =
            |error: io::Error| RequestError::broken(format!("the process that downloads ended: {error}"));
        line(&mut input, ask).map_err(ended)?;
        drop(input);
        let mut output = BufReader::with_capacity(LONGEST_FRAME, output);
        let head = read_line(&mut output).map_err(ended)?;
        match serde_json::from_slice(&head).map_err(|error| ended(error.into()))? {
            Head::Body { from, total, pin } => Ok(Answer {
                from,
                total,
                pin,
                body: Box::new(Body {
                    output,
                    left: 0,
                    ended: false,
                }),
            }),
            Head::Broken { why, wait_seconds } => Err(RequestError::Broken {
                why,
                wait: wait_seconds.map(Duration::from_secs),
            }),
            Head::Refused(why) => Err(RequestError::Refused(why)),
            Head::Length(found) => Err(RequestError::Length(found)),
        }
    }
}

/// Carries out the request that `input` holds, and writes the answer.
pub fn serve(input: &mut dyn BufRead, output: &mut dyn Write, http: &Http) -> io::Result<()> {
    let ask: Ask = serde_json::from_slice(&read_line(input)?)?;
    let mut answer = match http.get(&ask) {
        Ok(answer) => answer,
        Err(error) => {
            let head = match error {
                RequestError::Broken { why, wait } => Head::Broken {
                    why,
                    wait_seconds: wait.map(|wait| wait.as_secs()),
                },
                RequestError::Refused(why) => Head::Refused(why),
                RequestError::Length(found) => Head::Length(found),
            };
            return line(output, &head);
        }
    };
    line(
        output,
        &Head::Body {
            from: answer.from,
            total: answer.total,
            pin: answer.pin,
        },
    )?;
    let mut buffer = vec![0; LONGEST_FRAME];
    loop {
        match answer.body.read(&mut buffer) {
            Ok(length) => {
                frame(output, &buffer[..length])?;
                if length == 0 {
                    return output.flush();
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                output.write_all(&BROKEN.to_le_bytes())?;
                let why = error.to_string();
                frame(output, &why.as_bytes()[..why.len().min(LONGEST_REASON)])?;
                return output.flush();
            }
        }
    }
}

fn frame(output: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    output.write_all(&length.to_le_bytes())?;
    output.write_all(bytes)
}

fn line(output: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec(value)?;
    text.push(b'\n');
    output.write_all(&text)?;
    output.flush()
}

fn read_line(input: &mut dyn BufRead) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    input.take(LONGEST_LINE).read_until(b'\n', &mut text)?;
    if text.ends_with(b"\n") {
        Ok(text)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

/// The frames of a body as its bytes.
struct Body<R> {
    output: R,
    /// Bytes left of the current frame.
    left: usize,
    ended: bool,
}

impl<R: Read> Body<R> {
    fn length(&mut self) -> io::Result<u32> {
        let mut length = [0; 4];
        self.output.read_exact(&mut length)?;
        Ok(u32::from_le_bytes(length))
    }

    fn begin_frame(&mut self) -> io::Result<()> {
        let length = self.length()?;
        if length == BROKEN {
            let length = usize::try_from(self.length()?).unwrap_or(usize::MAX);
            let mut why = vec![0; length.min(LONGEST_REASON)];
            self.output.read_exact(&mut why)?;
            return Err(io::Error::other(String::from_utf8_lossy(&why).into_owned()));
        }
        self.left = usize::try_from(length).unwrap_or(usize::MAX);
        if self.left > LONGEST_FRAME {
            return Err(io::Error::other("the process that downloads broke its own rules"));
        }
        self.ended = length == 0;
        Ok(())
    }
}

impl<R: Read> Read for Body<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !self.ended && !buffer.is_empty() {
            self.begin_frame()?;
        }
        let most = self.left.min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let length = self.output.read(&mut buffer[..most])?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(frames: &[u8]) -> Result<Vec<u8>, String> {
        let mut all = Vec::new();
        let mut body = Body {
            output: frames,
            left: 0,
            ended: false,
        };
        match body.read_to_end(&mut all) {
            Ok(_) => Ok(all),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn a_body_ends_where_it_says_so() {
        let mut frames = Vec::new();
        for piece in [&b"abc"[..], b"d", b""] {
            frame(&mut frames, piece).unwrap();
        }
        assert_eq!(bytes(&frames), Ok(b"abcd".to_vec()));
        for length in 0..frames.len() {
            assert!(bytes(&frames[..length]).is_err(), "cut at {length}");
        }
        let mut broken = frames[..7].to_vec();
        broken.extend(BROKEN.to_le_bytes());
        frame(&mut broken, b"no route").unwrap();
        assert_eq!(bytes(&broken), Err("no route".into()));
        let huge = [0xfe, 0xff, 0xff, 0xff];
        assert_eq!(
            bytes(&huge),
            Err("the process that downloads broke its own rules".into())
        );
    }

    fn answered(said: Vec<u8>) -> Result<Answer, RequestError> {
        let relay = Relay::new(move || {
            let said: Box<dyn Read> = Box::new(io::Cursor::new(said.clone()));
            Ok((Box::new(io::sink()), said))
        });
        relay.get(&Ask {
            place: "https://example.org/f".into(),
            start: 0,
            end: Some(3),
            total: Some(3),
            pin: None,
        })
    }

    #[test]
    fn a_process_that_says_nothing_is_an_error() {
        for said in [
            &b""[..],
            b"\n",
            b"{}\n",
            b"{\"body\":{\"from\":0}",
            &vec![b'x'; 100_000],
        ] {
            match answered(said.to_vec()) {
                Err(RequestError::Broken { why, .. }) => {
                    assert!(why.starts_with("the process that downloads ended: "), "{why}");
                }
                other => panic!("{:?}", other.map(|answer| answer.from)),
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_is_said_is_read_without_panic(said in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = bytes(&said);
            let _ = answered(said);
        }
    }
}
