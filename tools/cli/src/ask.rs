//! `sigmavault ask`: a question to the local language model, over its socket.

use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use sigmavault_service::ask::{self, Answer, Client, Endpoint, Limits};

/// The service sends at least a comment every 10 s.
const LIMITS: Limits = Limits {
    connect: Duration::from_mins(1),
    silence: Duration::from_mins(1),
    whole: None,
    body: 64 << 20,
};

/// Size limit of piped input in bytes.
const INPUT: u64 = 4 << 20;

/// Why there is no answer.
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
    /// This user may not connect to the socket.
    #[error("the socket {path} is for root and the group sigmavault; try: sudo sigmavault ask ...")]
    NotAllowed {
        /// The socket.
        path: String,
    },
    /// The service answered with an error.
    #[error("{0}")]
    Refused(String),
    /// The answer is incomplete or malformed.
    #[error("the answer broke off: {0}; see: journalctl -u sigmavault-ryzan.service")]
    Broken(String),
    /// The question is empty.
    #[error("there is no question; write one after the command, or pipe one in")]
    Nothing,
    /// Standard input cannot be read.
    #[error("cannot read the question from standard input: {0}")]
    Input(io::Error),
    /// The answer cannot be written.
    #[error("cannot print: {0}")]
    Output(io::Error),
}

/// A question to the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The model, by name, alias or `auto`.
    pub model: String,
    /// The system prompt.
    pub system: Option<String>,
    /// The question.
    pub text: String,
}

/// The question from the command line, followed by piped input.
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

/// Returns the complete answer of the service.
pub fn whole(socket: &Path, question: &Question) -> Result<Value, AskError> {
    let body = ask(socket, &question.body(false))?.bytes();
    let body = body.map_err(|error| broken(socket, error))?;
    serde_json::from_slice(&body).map_err(|error| AskError::Broken(error.to_string()))
}

/// Writes the answer as it arrives, ending with a newline.
pub fn stream(socket: &Path, question: &Question, out: &mut dyn Write) -> Result<(), AskError> {
    let mut last = String::new();
    for event in ask(socket, &question.body(true))?.events() {
        let data = event.map_err(|error| broken(socket, error))?;
        if data == "[DONE]" {
            if !last.is_empty() && !last.ends_with('\n') {
                out.write_all(b"\n").map_err(AskError::Output)?;
            }
            return Ok(());
        }
        let chunk: Value =
            serde_json::from_str(&data).map_err(|error| AskError::Broken(error.to_string()))?;
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

/// Sends the question; error statuses become errors.
fn ask(socket: &Path, body: &Value) -> Result<Answer, AskError> {
    let client = Client::new(Endpoint::Unix(socket.to_owned()), LIMITS);
    let answer = client
        .post("/v1/chat/completions", body.to_string().as_bytes())
        .map_err(|error| broken(socket, error))?;
    let status = answer.status();
    if status == 200 {
        return Ok(answer);
    }
    let body = answer.bytes().map_err(|error| broken(socket, error))?;
    let message = serde_json::from_slice::<Value>(&body)
        .ok()
        .and_then(|value| value["error"]["message"].as_str().map(str::to_owned));
    Err(AskError::Refused(message.unwrap_or_else(|| {
        format!("the service answered with status {status}")
    })))
}

fn broken(socket: &Path, error: ask::AskError) -> AskError {
    let path = socket.display().to_string();
    match error {
        ask::AskError::Unreachable(source) if source.kind() == io::ErrorKind::PermissionDenied => {
            AskError::NotAllowed { path }
        }
        ask::AskError::Unreachable(source) => AskError::Unreachable { path, source },
        ask::AskError::Broken(source) => AskError::Broken(source.to_string()),
    }
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
            "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 53\r\n\r\n{\"error\": {\"message\": \"no model is on this machine\"}}",
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
            Err("there is no question; write one after the command, or pipe one in".into())
        );
    }
}
