//! What happens to pools: zpool-events(8). It prints text only; [`Events`] reads it as it comes.

use std::collections::VecDeque;

use super::command::{option, zpool};
use crate::run::Invocation;

/// Bytes of the longest line that is read; more of it is dropped.
const LINE_LIMIT: usize = 64 << 10;
/// Values of the largest event; more of them are dropped.
const VALUE_LIMIT: usize = 512;

/// Prints the events that the kernel still has, of a pool or of all; with `follow`, goes on with those that come.
pub fn events(pool: Option<&str>, follow: bool) -> Invocation {
    zpool("events")
        .args(option(follow, "-f"))
        .args(["-H", "-v", "--"])
        .args(pool)
}

/// Something that happened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// What: `sysevent.fs.zfs.scrub_finish`, `ereport.fs.zfs.checksum`, `resource.fs.zfs.statechange` ...
    pub class: String,
    /// Number, counted from 1 since the kernel's module was loaded.
    pub id: u64,
    /// When, in Unix seconds.
    pub seconds: u64,
    /// Nanoseconds after that.
    pub nanoseconds: u32,
    /// Name of the pool.
    pub pool: Option<String>,
    /// Number of the pool.
    pub pool_guid: Option<u64>,
    /// Number of the vdev.
    pub vdev_guid: Option<u64>,
    /// Path of the vdev.
    pub vdev_path: Option<String>,
    /// State of the vdev, such as `FAULTED`.
    pub vdev_state: Option<String>,
    /// Every value as it was printed, without the quotes of texts; those of a list inside have its name and a dot before them.
    pub values: Vec<(String, String)>,
}

impl Event {
    /// A value by its name.
    pub fn value(&self, name: &str) -> Option<&str> {
        let mut values = self.values.iter();
        values
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// A number by its name; one with a meaning behind it (`0x4 [SCRUB]`) too.
    pub fn number(&self, name: &str) -> Option<u64> {
        number(self.value(name)?.split(' ').next()?)
    }

    /// Takes one value.
    fn take(&mut self, name: String, value: &str) {
        let text = value.strip_prefix('"').map(without_end);
        let owned = || text.unwrap_or(value).to_owned();
        match name.as_str() {
            "class" => self.class = owned(),
            "pool" => self.pool = Some(owned()),
            "vdev_path" => self.vdev_path = Some(owned()),
            "vdev_state" => self.vdev_state = Some(owned()),
            "pool_guid" => self.pool_guid = number(value),
            "vdev_guid" => self.vdev_guid = number(value),
            "eid" => self.id = number(value).unwrap_or(0),
            "time" => {
                let mut parts = value.split(' ').filter_map(number);
                self.seconds = parts.next().unwrap_or(0);
                let nanoseconds = parts.next().and_then(|part| u32::try_from(part).ok());
                self.nanoseconds = nanoseconds.unwrap_or(0);
            }
            _ => {}
        }
        if self.values.len() < VALUE_LIMIT {
            self.values.push((name, owned()));
        }
    }
}

/// `0x1f`, or decimal.
fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// A text without its last quote and the number that may follow it, as in `"REMOVED" (0x3)`.
fn without_end(text: &str) -> &str {
    let named = text.strip_suffix(')').and_then(|text| text.rsplit_once("\" (0x"));
    match named {
        Some((text, _)) => text,
        None => text.strip_suffix('"').unwrap_or(text),
    }
}

/// Reads events from bytes that come in any pieces. It keeps one line and one event at most, both of limited size.
#[derive(Debug, Default)]
pub struct Events {
    line: Vec<u8>,
    event: Option<Event>,
    /// Names of the lists that the current line is in.
    within: Vec<String>,
    complete: VecDeque<Event>,
}

impl Events {
    /// Takes more bytes, and returns the events that they complete.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Event> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match piece.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (piece, false),
            };
            let room = LINE_LIMIT.saturating_sub(self.line.len());
            self.line.extend_from_slice(&text[..text.len().min(room)]);
            if ends {
                let line = std::mem::take(&mut self.line);
                self.line(&String::from_utf8_lossy(&line));
            }
        }
        self.complete.drain(..).collect()
    }

    /// The event that the end of the output completes.
    pub fn finish(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        self.line(&String::from_utf8_lossy(&line));
        self.line("");
        self.complete.pop_front()
    }

    fn line(&mut self, line: &str) {
        if line.trim().is_empty() {
            self.within.clear();
            self.complete.extend(self.event.take());
            return;
        }
        let Some(field) = line.strip_prefix("        ") else {
            // The first line of an event: a date in local time, a tab, the class.
            self.within.clear();
            self.complete.extend(self.event.take());
            if let Some((_, class)) = line.split_once('\t') {
                self.event = Some(Event {
                    class: class.trim().to_owned(),
                    ..Event::default()
                });
            }
            return;
        };
        let Some(event) = &mut self.event else { return };
        let field = field.trim_start();
        if field.starts_with("(end ") {
            self.within.pop();
            return;
        }
        let Some((name, value)) = field.split_once(" = ") else {
            return;
        };
        if value == "(embedded nvlist)" {
            if self.within.len() < VALUE_LIMIT {
                self.within.push(name.to_owned());
            }
            return;
        }
        let name = match self.within.as_slice() {
            [] => name.to_owned(),
            within => format!("{}.{name}", within.join(".")),
        };
        event.take(name, value.trim_end());
    }
}

/// The events of a whole output.
pub fn parse(text: &str) -> Vec<Event> {
    let mut events = Events::default();
    let mut found = events.feed(text.as_bytes());
    found.extend(events.finish());
    found
}
