//! A file of which nothing is known before: not its length, not its hash.

use std::io::{self, Read};
use std::time::Duration;

use super::http::{Ask, Pin, RequestError};
use super::source::Source;
use super::tuning::Tuning;

/// How often a wait is asked whether to go on.
const NAP: Duration = Duration::from_millis(200);

/// The bytes of a URL from its first to its last, however often the connection breaks.
pub struct Stream<'a> {
    source: &'a Source,
    place: String,
    tuning: &'a Tuning,
    /// Waits, and says whether to go on.
    wait: &'a dyn Fn(Duration) -> bool,
    at: u64,
    total: Option<u64>,
    pin: Option<Pin>,
    body: Option<Box<dyn Read>>,
    failures: u32,
}

impl std::fmt::Debug for Stream<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream")
            .field("place", &self.place)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

impl<'a> Stream<'a> {
    /// Opens a URL. `wait` waits for a time and returns `false` to stop, which gives an error.
    pub fn open(
        source: &'a Source,
        url: &str,
        tuning: &'a Tuning,
        wait: &'a dyn Fn(Duration) -> bool,
    ) -> io::Result<Self> {
        let mut stream = Self {
            source,
            place: url.to_owned(),
            tuning,
            wait,
            at: 0,
            total: None,
            pin: None,
            body: None,
            failures: 0,
        };
        stream.connect()?;
        Ok(stream)
    }

    /// Its length in bytes, if the server says it.
    pub const fn total(&self) -> Option<u64> {
        self.total
    }

    fn connect(&mut self) -> io::Result<()> {
        loop {
            let (why, wait) = match self.request() {
                Ok(()) => return Ok(()),
                Err(RequestError::Refused(why)) => return Err(io::Error::other(why)),
                Err(RequestError::Length(found)) => {
                    return Err(changed(&format!("it has {found} bytes now")));
                }
                Err(RequestError::Broken { why, wait }) => (why, wait),
            };
            self.failed(io::Error::other(why), wait)?;
        }
    }

    fn request(&mut self) -> Result<(), RequestError> {
        let mut answer = self.source.get(&Ask {
            place: self.place.clone(),
            start: self.at,
            end: self.total,
            total: self.total,
            pin: self.pin.clone(),
        })?;
        match (&self.pin, &answer.pin) {
            (Some(known), Some(found)) if !known.agrees(found) => {
                return Err(RequestError::Refused(changed("").to_string()));
            }
            (None, Some(_)) => self.pin = answer.pin.take(),
            _ => {}
        }
        self.total = self.total.or(answer.total);
        // A server without support for ranges sends the beginning again.
        let again = self.at.saturating_sub(answer.from);
        let skipped = io::copy(&mut (&mut answer.body).take(again), &mut io::sink());
        match skipped {
            Ok(skipped) if skipped == again => {}
            Ok(_) => return Err(RequestError::broken("the server closed the connection")),
            Err(error) => return Err(RequestError::broken(error.to_string())),
        }
        self.body = Some(answer.body);
        Ok(())
    }

    /// Counts a failure and waits; the error if there were too many, or if it is to stop.
    fn failed(&mut self, error: io::Error, wait: Option<Duration>) -> io::Result<()> {
        self.failures += 1;
        if self.failures >= self.tuning.attempts {
            return Err(error);
        }
        let doubled = self
            .tuning
            .first_wait
            .saturating_mul(1 << (self.failures - 1).min(16));
        let mut left = wait.unwrap_or(doubled.min(self.tuning.longest_wait));
        while !left.is_zero() {
            let nap = left.min(NAP);
            if !(self.wait)(nap) {
                return Err(io::Error::other("stopped"));
            }
            left -= nap;
        }
        Ok(())
    }
}

fn changed(how: &str) -> io::Error {
    io::Error::other(format!("the file has changed on the server meanwhile {how}"))
}

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Not a byte more than was announced.
        let left = self.total.map_or(u64::MAX, |total| total.saturating_sub(self.at));
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        loop {
            let Some(body) = &mut self.body else {
                self.connect()?;
                continue;
            };
            let why = match body.read(&mut buffer[..most]) {
                Ok(0) if self.total.is_none() => return Ok(0),
                Ok(0) => io::Error::other("the server closed the connection"),
                Ok(length) => {
                    self.at += length as u64;
                    self.failures = 0;
                    return Ok(length);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => error,
            };
            self.body = None;
            self.failed(why, None)?;
        }
    }
}
