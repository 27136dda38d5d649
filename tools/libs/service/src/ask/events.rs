//! Server-sent events (WHATWG HTML, "Server-sent events").

use std::io::{self, BufRead, Read};

use super::error::AskError;

/// The data of one event after the other. Comments, and fields other than the data, are skipped; an event that the
/// end of the stream cuts off is dropped.
#[derive(Debug)]
pub struct Events<Reader> {
    reader: Reader,
    limit: u64,
}

impl<Reader: BufRead> Events<Reader> {
    /// Reads events of at most `limit` bytes.
    pub(super) const fn new(reader: Reader, limit: u64) -> Self {
        Self { reader, limit }
    }

    fn event(&mut self) -> io::Result<Option<String>> {
        let mut reader = Read::take(&mut self.reader, self.limit);
        let mut data: Option<String> = None;
        let mut line = String::new();
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return if reader.limit() == 0 {
                    Err(io::Error::new(
                        io::ErrorKind::FileTooLarge,
                        format!("an event is larger than {} bytes", self.limit),
                    ))
                } else {
                    Ok(None)
                };
            }
            let line = line.trim_end_matches(['\r', '\n']);
            if line.is_empty() {
                if data.is_some() {
                    return Ok(data);
                }
                // Comments between events do not add up.
                reader.set_limit(self.limit);
            } else if let Some(more) = line.strip_prefix("data:") {
                let more = more.strip_prefix(' ').unwrap_or(more);
                match &mut data {
                    None => data = Some(more.to_owned()),
                    Some(data) => {
                        data.push('\n');
                        data.push_str(more);
                    }
                }
            }
        }
    }
}

impl<Reader: BufRead> Iterator for Events<Reader> {
    type Item = Result<String, AskError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.event().map_err(AskError::Broken).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(text: &str, limit: u64) -> Vec<Result<String, String>> {
        Events::new(text.as_bytes(), limit)
            .take(9)
            .map(|event| event.map_err(|error| error.to_string()))
            .collect()
    }

    #[test]
    fn data_of_complete_events() {
        let text = ": waiting\n\nevent: delta\ndata: {\"a\": 1}\n\ndata:two\r\ndata: lines\r\n\r\nid: 3\n\ndata: cut off";
        assert_eq!(
            events(text, 100),
            [Ok("{\"a\": 1}".into()), Ok("two\nlines".into())]
        );
        assert_eq!(events("", 100), []);
    }

    #[test]
    fn an_event_without_end_is_given_up_and_waiting_is_not() {
        let waiting = ": waiting\n\n".repeat(20);
        assert_eq!(events(&format!("{waiting}data: a\n\n"), 32), [Ok("a".into())]);
        let long = format!("data: {}\n\n", "x".repeat(40));
        assert_eq!(
            events(&long, 32)[0],
            Err("an event is larger than 32 bytes".into())
        );
    }
}
