//! QEMU's control connection (QMP): one JSON object per line, answers in order, events in between.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Longest a command may take; a screenshot under emulation is the slowest.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// What can go wrong between us and QEMU.
#[derive(Debug, thiserror::Error)]
pub enum QmpError {
    /// The connection broke, usually because QEMU died.
    #[error("the control connection to QEMU broke: {0}")]
    Connection(#[from] io::Error),
    /// A line is not a QMP message.
    #[error("QEMU sent something that is not QMP: {0:?}")]
    Malformed(String),
    /// QEMU refused a command.
    #[error("QEMU refused {command}: {description}")]
    Refused {
        /// The command.
        command: String,
        /// QEMU's words.
        description: String,
    },
    /// No answer came.
    #[error("QEMU did not answer {command} within {} s", ANSWER_LIMIT.as_secs())]
    Silent {
        /// The command.
        command: String,
    },
}

/// One line from QEMU.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// The first line, before commands are accepted.
    Greeting,
    /// A command's result.
    Return(Value),
    /// A command's refusal, in QEMU's words.
    Error(String),
    /// Something happened.
    Event {
        /// `SHUTDOWN`, `STOP`, ...
        name: String,
        /// Details.
        data: Value,
    },
}

impl Message {
    /// Reads one line.
    pub fn parse(line: &str) -> Result<Self, QmpError> {
        let malformed = || QmpError::Malformed(line.chars().take(200).collect());
        let Ok(Value::Object(mut object)) = serde_json::from_str(line) else {
            return Err(malformed());
        };
        if object.contains_key("QMP") {
            return Ok(Self::Greeting);
        }
        if let Some(value) = object.remove("return") {
            return Ok(Self::Return(value));
        }
        if let Some(error) = object.get("error") {
            let description = error.get("desc").and_then(Value::as_str).ok_or_else(malformed)?;
            return Ok(Self::Error(description.to_owned()));
        }
        match object.get("event") {
            Some(Value::String(name)) => Ok(Self::Event {
                name: name.clone(),
                data: object.get("data").cloned().unwrap_or(Value::Null),
            }),
            _ => Err(malformed()),
        }
    }
}

/// Why the machine stopped running, as far as QEMU's events tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Halt {
    /// The guest switched itself off.
    PoweredOff,
    /// The guest reset itself, by order or by a triple fault.
    Reset,
    /// QEMU was told to quit from outside.
    Quit,
    /// The processor met something that the accelerator cannot run.
    InternalError,
}

impl Halt {
    /// How the machine stopped, if this event says so.
    pub fn of_event(name: &str, data: &Value) -> Option<Self> {
        match (name, data["reason"].as_str()) {
            ("SHUTDOWN", Some("guest-shutdown")) => Some(Self::PoweredOff),
            ("SHUTDOWN", Some("guest-reset")) => Some(Self::Reset),
            ("SHUTDOWN", _) => Some(Self::Quit),
            _ => None,
        }
    }
}

/// The control connection.
#[derive(Debug)]
pub struct Qmp {
    stream: UnixStream,
    pending: Vec<u8>,
    events: VecDeque<(String, Value)>,
}

impl Qmp {
    /// Waits for the greeting and leaves negotiation mode.
    pub fn negotiate(stream: UnixStream) -> Result<Self, QmpError> {
        stream.set_nonblocking(false)?;
        stream.set_write_timeout(Some(ANSWER_LIMIT))?;
        let mut qmp = Self {
            stream,
            pending: Vec::new(),
            events: VecDeque::new(),
        };
        match qmp.next_before(Instant::now() + ANSWER_LIMIT)? {
            Some(Message::Greeting) => {}
            Some(other) => return Err(QmpError::Malformed(format!("{other:?} before the greeting"))),
            None => {
                return Err(QmpError::Silent {
                    command: "the connection".into(),
                });
            }
        }
        qmp.execute("qmp_capabilities", &json!({}))?;
        Ok(qmp)
    }

    /// Runs one command and returns its result.
    pub fn execute(&mut self, command: &str, arguments: &Value) -> Result<Value, QmpError> {
        let mut line = json!({ "execute": command, "arguments": arguments }).to_string();
        line.push('\n');
        self.stream.write_all(line.as_bytes())?;
        let until = Instant::now() + ANSWER_LIMIT;
        loop {
            match self.next_before(until)? {
                Some(Message::Return(value)) => return Ok(value),
                Some(Message::Error(description)) => {
                    return Err(QmpError::Refused {
                        command: command.to_owned(),
                        description,
                    });
                }
                Some(Message::Event { name, data }) => self.events.push_back((name, data)),
                Some(Message::Greeting) => {}
                None => {
                    return Err(QmpError::Silent {
                        command: command.to_owned(),
                    });
                }
            }
        }
    }

    /// The events that came since the last call, without waiting. A closed connection ends the list.
    pub fn events(&mut self) -> Result<Vec<(String, Value)>, QmpError> {
        loop {
            match self.next_before(Instant::now()) {
                Ok(Some(Message::Event { name, data })) => self.events.push_back((name, data)),
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(QmpError::Connection(_)) if !self.events.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(self.events.drain(..).collect())
    }

    fn next_before(&mut self, until: Instant) -> Result<Option<Message>, QmpError> {
        loop {
            if let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.pending.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line);
                if line.trim().is_empty() {
                    continue;
                }
                return Message::parse(line.trim()).map(Some);
            }
            let left = until
                .saturating_duration_since(Instant::now())
                .max(Duration::from_millis(1));
            self.stream.set_read_timeout(Some(left))?;
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Ok(count) => self.pending.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    if Instant::now() >= until {
                        return Ok(None);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::{BufRead, BufReader};
    use std::thread;

    #[test]
    fn messages() {
        for (line, expected) in [
            (
                r#"{"QMP": {"version": {}, "capabilities": []}}"#,
                Message::Greeting,
            ),
            (
                r#"{"return": {"status": "running"}}"#,
                Message::Return(json!({"status": "running"})),
            ),
            (
                r#"{"error": {"class": "GenericError", "desc": "no"}}"#,
                Message::Error("no".into()),
            ),
            (
                r#"{"timestamp": {"seconds": 1}, "event": "SHUTDOWN", "data": {"guest": true}}"#,
                Message::Event {
                    name: "SHUTDOWN".into(),
                    data: json!({"guest": true}),
                },
            ),
            (
                r#"{"event": "STOP"}"#,
                Message::Event {
                    name: "STOP".into(),
                    data: Value::Null,
                },
            ),
        ] {
            assert_eq!(Message::parse(line).unwrap(), expected);
        }
        for line in [
            "",
            "{}",
            "[]",
            "null",
            r#"{"error": {}}"#,
            r#"{"event": 1}"#,
            "qemu: no",
        ] {
            assert!(
                matches!(Message::parse(line), Err(QmpError::Malformed(_))),
                "{line}"
            );
        }
    }

    #[test]
    fn ends_of_a_machine() {
        for (name, data, expected) in [
            (
                "SHUTDOWN",
                json!({"guest": true, "reason": "guest-shutdown"}),
                Some(Halt::PoweredOff),
            ),
            (
                "SHUTDOWN",
                json!({"guest": true, "reason": "guest-reset"}),
                Some(Halt::Reset),
            ),
            (
                "SHUTDOWN",
                json!({"guest": false, "reason": "host-qmp-quit"}),
                Some(Halt::Quit),
            ),
            ("RTC_CHANGE", json!({"offset": 0}), None),
        ] {
            assert_eq!(Halt::of_event(name, &data), expected);
        }
    }

    #[test]
    fn a_conversation() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let qemu = thread::spawn(move || {
            let mut write = theirs.try_clone().unwrap();
            let mut lines = BufReader::new(theirs).lines().map(Result::unwrap);
            writeln!(write, r#"{{"QMP": {{}}}}"#).unwrap();
            assert!(lines.next().unwrap().contains("qmp_capabilities"));
            writeln!(write, r#"{{"return": {{}}}}"#).unwrap();
            assert!(lines.next().unwrap().contains("query-status"));
            writeln!(
                write,
                "{{\"event\": \"STOP\"}}\n\n{{\"return\": {{\"status\": \"paused\"}}}}"
            )
            .unwrap();
            assert!(lines.next().unwrap().contains("nonsense"));
            writeln!(write, r#"{{"error": {{"desc": "unknown"}}}}"#).unwrap();
        });
        let mut qmp = Qmp::negotiate(ours).unwrap();
        assert_eq!(
            qmp.execute("query-status", &json!({})).unwrap()["status"],
            "paused"
        );
        assert_eq!(qmp.events().unwrap(), [("STOP".to_owned(), Value::Null)]);
        let refused = qmp.execute("nonsense", &json!({})).unwrap_err();
        assert_eq!(refused.to_string(), "QEMU refused nonsense: unknown");
        qemu.join().unwrap();
        assert!(matches!(qmp.events(), Err(QmpError::Connection(_))));
    }

    proptest! {
        #[test]
        fn any_line_is_a_message_or_an_error(line in ".{0,80}") {
            let _ = Message::parse(&line);
        }

        #[test]
        fn returns_survive(text in ".{0,40}", number: i64) {
            let value = json!({"text": text, "number": number});
            prop_assert_eq!(Message::parse(&json!({"return": value}).to_string()).unwrap(), Message::Return(value));
        }
    }
}
