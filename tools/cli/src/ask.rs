//! `sigmavault ask`: a question to the local language model, over its socket.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

/// How long nothing may come; the service sends something every 10 s.
const SILENCE: Duration = Duration::from_mins(1);

/// Most bytes that are read from a pipe.
const INPUT: u64 = 4 << 20;

/// No answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The service cannot be reached.
    #[error(
        "the language model does not answer at {path} ({source}); see: systemctl status sigmavault-ryzan.service"
    )]
    Unreachable {
        /// The socket.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The socket is not for this user.
    #[error("the socket {path} is for root and the group sigmavault; try: sudo sigmavault ask ...")]
    NotAllowed {
        /// The socket.
        path: String,
    },
    /// The service answered with an error.
    #[error("{0}")]
    Refused(String),
    /// The answer broke off or is something else.
    #[error("the answer broke off: {0}; see: journalctl -u sigmavault-ryzan.service")]
    Broken(String),
    /// Nothing to ask.
    #[error("there is no question; write one behind the command, or pipe one in")]
    Nothing,
    /// Standard input cannot be read.
    #[error("cannot read the question from standard input: {0}")]
    Input(io::Error),
    /// The answer cannot be written.
    #[error("cannot print: {0}")]
    Output(io::Error),
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The model, by name, alias or `auto`.
    pub model: String,
    /// What the model is told first.
    pub system: Option<String>,
    /// The question.
    pub text: String,
}

/// The question of the command line and, after it, what is piped in.
pub fn question_text(words: &[String], piped: Option<impl Read>) -> Result<String, AskError> {
    let mut text = words.join(" ");
    if let Some(piped) = piped {
        let mut input = String::new();
        piped
            .take(INPUT)
            .read_to_string(&mut input)
            .map_err(AskError::Input)?;
        let input = input.trim_end();
        if !input.is_empty() {
            if !text.is_empty() {
                text.push_str("\n\n");
            }
            text.push_str(input);
        }
    }
    if text.trim().is_empty() {
        return Err(AskError::Nothing);
    }
    Ok(text)
}

impl Question {
    fn body(&self, stream: bool) -> Value {
        let mut messages = Vec::new();
        if let Some(system) = &self.system {
            messages.push(json!({"role": "system", "content": system}));
        }
        messages.push(json!({"role": "user", "content": self.text}));
        json!({"model": self.model, "messages": messages, "stream": stream})
    }
}

/// The whole answer, as the service gives it.
pub fn whole(socket: &Path, question: &Question) -> Result<Value, AskError> {
    let mut reader = ask(socket, &question.body(false))?;
    let mut body = String::new();
    reader.read_to_string(&mut body).map_err(broken)?;
    serde_json::from_str(&body).map_err(|error| AskError::Broken(error.to_string()))
}

/// Writes the answer as it comes, ending with a line's end.
pub fn stream(socket: &Path, question: &Question, out: &mut dyn Write) -> Result<(), AskError> {
    let reader = BufReader::new(ask(socket, &question.body(true))?);
    let mut last = String::new();
    for line in reader.lines() {
        let line = line.map_err(broken)?;
        let Some(data) = line.strip_prefix("data: ") else {
            continue;
        };
        if data == "[DONE]" {
            if !last.is_empty() && !last.ends_with('\n') {
                out.write_all(b"\n").map_err(AskError::Output)?;
            }
            return Ok(());
        }
        let chunk: Value = serde_json::from_str(data).map_err(|error| AskError::Broken(error.to_string()))?;
        if let Some(message) = chunk["error"]["message"].as_str() {
            return Err(AskError::Refused(message.to_owned()));
        }
        if let Some(text) = chunk["choices"][0]["delta"]["content"]
            .as_str()
            .filter(|text| !text.is_empty())
        {
            out.write_all(text.as_bytes())
                .and_then(|()| out.flush())
                .map_err(AskError::Output)?;
            text.clone_into(&mut last);
        }
    }
    Err(AskError::Broken("it has no end".to_owned()))
}

/// Sends the question; the body of the answer when it is none of an error.
fn ask(socket: &Path, body: &Value) -> Result<Body, AskError> {
    let path = socket.display().to_string();
    let unreachable = |source: io::Error| match source.kind() {
        io::ErrorKind::PermissionDenied => AskError::NotAllowed { path: path.clone() },
        _ => AskError::Unreachable {
            path: path.clone(),
            source,
        },
    };
    let mut connection = UnixStream::connect(socket).map_err(unreachable)?;
    connection.set_read_timeout(Some(SILENCE)).map_err(unreachable)?;
    let body = body.to_string();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    connection
        .write_all(head.as_bytes())
        .and_then(|()| connection.write_all(body.as_bytes()))
        .map_err(unreachable)?;
    let (status, mut body) = Body::open(connection).map_err(broken)?;
    if status == 200 {
        return Ok(body);
    }
    let mut text = String::new();
    body.read_to_string(&mut text).map_err(broken)?;
    let message = serde_json::from_str::<Value>(&text)
        .ok()
        .and_then(|value| value["error"]["message"].as_str().map(str::to_owned));
    Err(AskError::Refused(message.unwrap_or_else(|| {
        format!("the service answered with status {status}")
    })))
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn broken(error: io::Error) -> AskError {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            AskError::Broken(format!("nothing came for {} s", SILENCE.as_secs()))
        }
        _ => AskError::Broken(error.to_string()),
    }
}

/// The body of an HTTP/1.1 answer: in chunks (RFC 9112, 7.1), or until the connection ends.
struct Body {
    reader: BufReader<UnixStream>,
    chunked: bool,
    left: u64,
    ended: bool,
}

impl Body {
    fn open(connection: UnixStream) -> io::Result<(u16, Self)> {
        let mut reader = BufReader::new(connection);
        let status = line(&mut reader)?;
        let code = status
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3)?.parse().ok())
            .ok_or_else(|| io::Error::other("the answer is not HTTP"))?;
        let mut chunked = false;
        loop {
            let header = line(&mut reader)?.to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            chunked |= header.starts_with("transfer-encoding:") && header.contains("chunked");
        }
        let body = Self {
            reader,
            chunked,
            left: 0,
            ended: false,
        };
        Ok((code, body))
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.chunked {
            return self.reader.read(buffer);
        }
        if self.ended {
            return Ok(0);
        }
        if self.left == 0 {
            let length = line(&mut self.reader)?;
            let length = length.split(';').next().unwrap_or_default().trim();
            self.left =
                u64::from_str_radix(length, 16).map_err(|_| io::Error::other("a chunk has no length"))?;
            if self.left == 0 {
                self.ended = true;
                return Ok(0);
            }
        }
        let count = self.reader.by_ref().take(self.left).read(buffer)?;
        self.left -= count as u64;
        if count == 0 && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if self.left == 0 {
            line(&mut self.reader)?;
        }
        Ok(count)
    }
}

/// A line without its end; at most 64 KiB.
fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if reader.take(64 << 10).read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(line)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::os::unix::net::UnixListener;

    use super::*;

    /// What a service that answers with this says to the question.
    fn answered(answer: &str) -> (Result<String, String>, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ryzan.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let answer = answer.to_owned();
        let service = std::thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"}") {
                let mut buffer = [0; 1024];
                let count = connection.read(&mut buffer).unwrap();
                request.extend_from_slice(&buffer[..count]);
            }
            connection.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(request).unwrap()
        });
        let question = Question {
            model: "auto".into(),
            system: Some("Be brief.".into()),
            text: "How full?".into(),
        };
        let mut out = Vec::new();
        let result = stream(&path, &question, &mut out);
        let request = service.join().unwrap();
        let text = String::from_utf8(out).unwrap();
        (result.map(|()| text).map_err(|error| error.to_string()), request)
    }

    #[test]
    fn an_answer_in_pieces_is_printed_with_a_line_end() {
        let mut answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
        // Chunks end wherever they like.
        for chunk in [
            "data: {\"choices\":[{\"delta\":{\"content\":\"40",
            "\"}}]}\n\n: waiting\n\ndata: {\"choices\":[{",
            "\"delta\":{\"content\":\" %\"}}]}\n\ndata: [DONE]\n\n",
            "",
        ] {
            write!(answer, "{:x}\r\n{chunk}\r\n", chunk.len()).unwrap();
        }
        let (text, request) = answered(&answer);
        assert_eq!(text, Ok("40 %\n".into()));
        let body: Value = serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
        assert_eq!(
            body,
            json!({"model": "auto", "stream": true, "messages": [
                {"role": "system", "content": "Be brief."}, {"role": "user", "content": "How full?"}]})
        );
    }

    #[test]
    fn errors_are_one_line() {
        let (text, _) = answered(
            "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 55\r\n\r\n{\"error\": {\"message\": \"no model is on this machine\"}}",
        );
        assert_eq!(text, Err("no model is on this machine".into()));
        let (text, _) =
            answered("HTTP/1.1 200 OK\r\n\r\ndata: {\"error\": {\"message\": \"it failed\"}}\n\n");
        assert_eq!(text, Err("it failed".into()));
        let (text, _) = answered("HTTP/1.1 200 OK\r\n\r\ndata: {\"choices\": []}\n\n");
        assert_eq!(
            text,
            Err("the answer broke off: it has no end; see: journalctl -u sigmavault-ryzan.service".into())
        );
        let question = Question {
            model: "auto".into(),
            system: None,
            text: "?".into(),
        };
        let error = whole(Path::new("/nonexistent/ryzan.sock"), &question).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the language model does not answer at /nonexistent/ryzan.sock (No such file or directory (os error 2)); \
             see: systemctl status sigmavault-ryzan.service"
        );
    }

    #[test]
    fn the_question_comes_from_words_and_a_pipe() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let text = |given: &[&str], piped: Option<&'static str>| {
            question_text(&words(given), piped.map(str::as_bytes)).map_err(|error| error.to_string())
        };
        assert_eq!(text(&["How", "full?"], None), Ok("How full?".into()));
        assert_eq!(text(&["Sum up:"], Some("a\nb\n")), Ok("Sum up:\n\na\nb".into()));
        assert_eq!(text(&[], Some("a")), Ok("a".into()));
        assert_eq!(
            text(&[], Some(" \n")),
            Err("there is no question; write one behind the command, or pipe one in".into())
        );
    }
}
