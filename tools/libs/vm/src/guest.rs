//! The guest's reports: one JSON object per line over a virtio-serial port.
//!
//! The guest only states facts; a test outside judges whether they are right.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Name of the virtio-serial port over which the guest reports and takes orders.
pub const REPORT_PORT: &str = "org.sigmavault.smoke";
/// Name of the virtio-serial port into which the guest writes its journal.
pub const JOURNAL_PORT: &str = "org.sigmavault.journal";
/// Bash functions with which a script in the guest reports, and nothing else.
pub const REPORTING: &str = include_str!("report.sh");

/// One line of the guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Event {
    /// The unit started.
    Hello,
    /// What the guest does now, for the progress line.
    Phase {
        /// In words.
        name: String,
    },
    /// A check starts.
    Begin {
        /// Name of the check.
        check: String,
    },
    /// One observation.
    Fact {
        /// Name of the check it belongs to.
        check: String,
        /// What was observed.
        key: String,
        /// What it was; may have several lines.
        value: String,
    },
    /// A check is over.
    End {
        /// Name of the check.
        check: String,
        /// Exit status; 124 and 137 mean that it ran past its limit.
        status: u8,
        /// How long it took.
        ms: u64,
    },
    /// All checks are over; the guest waits for an order.
    Done,
    /// The unit's process ended.
    Gone {
        /// systemd's `$SERVICE_RESULT`.
        result: String,
        /// systemd's `$EXIT_STATUS`.
        status: String,
    },
}

/// Parses the guest's bytes into events.
#[derive(Debug, Default)]
pub struct Parser {
    pending: Vec<u8>,
}

impl Parser {
    /// Takes more bytes, cut anywhere, and returns what they complete: events, or lines that are not events.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Result<Event, String>> {
        self.pending.extend_from_slice(bytes);
        let Some(end) = self.pending.iter().rposition(|byte| *byte == b'\n') else {
            return Vec::new();
        };
        let rest = self.pending.split_off(end + 1);
        let complete = std::mem::replace(&mut self.pending, rest);
        complete
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.trim_ascii().is_empty())
            .map(|line| {
                let line = String::from_utf8_lossy(line);
                serde_json::from_str(line.trim()).map_err(|_| line.into_owned())
            })
            .collect()
    }
}

/// What one check of the guest observed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Section {
    /// Observations by key.
    pub facts: BTreeMap<String, String>,
    /// Exit status and duration, once it is over.
    pub end: Option<(u8, Duration)>,
}

impl Section {
    /// One observation, trimmed.
    pub fn fact(&self, key: &str) -> Option<&str> {
        self.facts.get(key).map(|value| value.trim())
    }

    /// Whether the check ran past its limit.
    pub fn timed_out(&self) -> bool {
        matches!(self.end, Some((124 | 137, _)))
    }
}

/// How the process of the guest's unit ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// systemd's `$SERVICE_RESULT`.
    pub result: String,
    /// systemd's `$EXIT_STATUS`.
    pub status: String,
}

/// Everything that the guest has reported so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guest {
    /// The unit started.
    pub hello: bool,
    /// All checks are over.
    pub done: bool,
    /// How the unit's process ended, once it has.
    pub gone: Option<Gone>,
    /// What the guest does now.
    pub phase: Option<String>,
    /// Observations by check.
    pub sections: BTreeMap<String, Section>,
    /// Lines that are not events.
    pub garbled: Vec<String>,
}

impl Guest {
    /// Takes what [`Parser::feed`] returned.
    pub fn note(&mut self, event: Result<Event, String>) {
        match event {
            // A machine that started again reports everything anew.
            Ok(Event::Hello) => {
                *self = Self {
                    hello: true,
                    ..Self::default()
                }
            }
            Ok(Event::Phase { name }) => self.phase = Some(name),
            Ok(Event::Begin { check }) => {
                self.phase = Some(check.clone());
                self.sections.entry(check).or_default();
            }
            Ok(Event::Fact { check, key, value }) => {
                self.sections.entry(check).or_default().facts.insert(key, value);
            }
            Ok(Event::End { check, status, ms }) => {
                self.sections.entry(check).or_default().end = Some((status, Duration::from_millis(ms)));
            }
            Ok(Event::Done) => self.done = true,
            Ok(Event::Gone { result, status }) => self.gone = Some(Gone { result, status }),
            Err(line) => self.garbled.push(line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    #[test]
    fn the_functions_use_the_report_port() {
        assert!(REPORTING.contains(&format!("\nport=/dev/virtio-ports/{REPORT_PORT}\n")));
    }

    #[test]
    fn the_functions_are_bash() {
        let status = Command::new("bash")
            .args(["-n", "-c", REPORTING])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Runs the script's own reporting functions.
    fn fact_of_the_script(value: &str) -> Vec<Result<Event, String>> {
        let program = format!("{REPORTING}\ncheck=c\nfact key \"$VALUE\" 3>&1");
        let output = Command::new("bash")
            .args(["-c", &program])
            .env("VALUE", value)
            .output()
            .unwrap();
        Parser::default().feed(&output.stdout)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn what_the_script_escapes_is_read_back(value in "([ -~]|\n|\t|\"|\\\\|é|☃){0,60}") {
            let value = value.trim_end_matches('\n').to_owned();
            let fact = Event::Fact { check: "c".into(), key: "key".into(), value: value.clone() };
            prop_assert_eq!(fact_of_the_script(&value), [Ok(fact)]);
        }
    }

    #[test]
    fn control_characters_become_spaces() {
        let events = fact_of_the_script("a\u{1b}[0mb\r");
        let fact = Event::Fact {
            check: "c".into(),
            key: "key".into(),
            value: "a [0mb ".into(),
        };
        assert_eq!(events, [Ok(fact)]);
    }

    #[test]
    fn lines_become_events() {
        let mut parser = Parser::default();
        assert_eq!(parser.feed(b"{\"type\":\"hel"), []);
        assert_eq!(
            parser.feed(
                b"lo\"}\n\n{\"type\":\"fact\",\"check\":\"zfs\",\"key\":\"scan\",\"value\":\"a\\nb\"}\r\n{"
            ),
            [
                Ok(Event::Hello),
                Ok(Event::Fact {
                    check: "zfs".into(),
                    key: "scan".into(),
                    value: "a\nb".into()
                })
            ]
        );
        assert_eq!(
            parser.feed(b"\"type\":\"end\",\"check\":\"zfs\",\"status\":124,\"ms\":60001}\n"),
            [Ok(Event::End {
                check: "zfs".into(),
                status: 124,
                ms: 60_001
            })]
        );
    }

    #[test]
    fn what_is_no_event_is_kept_as_it_came() {
        let mut parser = Parser::default();
        for line in [
            "{\"type\":\"hello\"",
            "{\"type\":\"phase\",\"name\":\"a\",\"more\":1}",
            "{\"type\":\"unknown\"}",
            "{\"type\":\"end\",\"check\":\"a\",\"status\":256,\"ms\":1}",
            "garbage",
        ] {
            assert_eq!(
                parser.feed(format!("{line}\n").as_bytes()),
                [Err(line.to_owned())]
            );
        }
        assert_eq!(parser.feed(b"\xff\n"), [Err("\u{fffd}".to_owned())]);
    }

    #[test]
    fn a_guest_adds_up() {
        let mut guest = Guest::default();
        let fact = |value: &str| Event::Fact {
            check: "api".into(),
            key: "status".into(),
            value: value.into(),
        };
        for event in [
            Ok(Event::Hello),
            Ok(Event::Begin { check: "api".into() }),
            Ok(fact("503 ")),
            Ok(fact("200 \n")),
            Ok(Event::End {
                check: "api".into(),
                status: 0,
                ms: 1500,
            }),
            Err("noise".into()),
            Ok(Event::Gone {
                result: "success".into(),
                status: "0".into(),
            }),
        ] {
            guest.note(event);
        }
        let section = &guest.sections["api"];
        assert_eq!(section.fact("status"), Some("200"));
        assert_eq!(section.end, Some((0, Duration::from_millis(1500))));
        assert!(guest.hello && !guest.done && !section.timed_out());
        assert_eq!(guest.phase.as_deref(), Some("api"));
        let gone = Gone {
            result: "success".into(),
            status: "0".into(),
        };
        assert_eq!(guest.gone, Some(gone));
        assert_eq!(guest.garbled, ["noise"]);
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            Just(Event::Hello),
            Just(Event::Done),
            ".{0,20}".prop_map(|name| Event::Phase { name }),
            ("[a-z-]{1,9}", ".{0,9}", "(.|\n|\t|\"|\\\\){0,40}")
                .prop_map(|(check, key, value)| Event::Fact { check, key, value }),
            ("[a-z]{1,9}", any::<u8>(), any::<u64>()).prop_map(|(check, status, ms)| Event::End {
                check,
                status,
                ms
            }),
            ("[a-z]{1,9}", "[0-9]{1,3}").prop_map(|(result, status)| Event::Gone { result, status }),
        ]
    }

    proptest! {
        #[test]
        fn events_survive_any_cut(events in proptest::collection::vec(event(), 0..12), piece in 1_usize..40) {
            let text: String =
                events.iter().map(|event| serde_json::to_string(event).unwrap() + "\n").collect();
            let mut parser = Parser::default();
            let read: Vec<_> = text.as_bytes().chunks(piece).flat_map(|bytes| parser.feed(bytes)).collect();
            prop_assert_eq!(read, events.into_iter().map(Ok).collect::<Vec<_>>());
        }

        #[test]
        fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut guest = Guest::default();
            for event in Parser::default().feed(&bytes) {
                guest.note(event);
            }
        }
    }
}
