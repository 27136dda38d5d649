//! Streamed answers: as server-sent events (WHATWG HTML, "Server-sent events"), or as lines of JSON.
//!
//! The body of the response owns the answer. When the client disconnects, the body is dropped and with it the answer,
//! which stops the computation.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use futures_util::stream;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::answer::{Answer, Event};
use crate::openai::error::ApiError;

/// Maximum time without data. A comment is sent while a long prompt is processed or computation is paused.
const SILENCE: Duration = Duration::from_secs(10);

/// One event on the wire.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// The event's name, when it has one.
    pub name: Option<&'static str>,
    /// Its data.
    pub data: Value,
}

impl Frame {
    /// An event without a name.
    pub const fn data(data: Value) -> Self {
        Self { name: None, data }
    }

    fn text(&self) -> String {
        match self.name {
            Some(name) => format!("event: {name}\ndata: {}\n\n", self.data),
            None => format!("data: {}\n\n", self.data),
        }
    }
}

/// Encodes the events of an answer for an endpoint.
pub trait Encode: Send + 'static {
    /// The media type of the stream.
    const MEDIA: &'static str = "text/event-stream";
    /// What is sent while there is nothing to send; empty sends nothing.
    const WAITING: &'static str = ": waiting\n\n";
    /// A frame on the wire.
    fn wire(frame: &Frame) -> String {
        frame.text()
    }
    /// Frames before the first event.
    fn begin(&mut self) -> Vec<Frame>;
    /// Frames of an event.
    fn event(&mut self, event: Event) -> Vec<Frame>;
    /// Frames of a failed answer.
    fn failed(&mut self, error: &ApiError) -> Vec<Frame>;
    /// The end of the stream, as on the wire.
    fn end(&self) -> &'static str;
}

struct State<E> {
    answer: Option<Answer>,
    encoder: E,
    ready: VecDeque<String>,
}

/// The response that streams an answer.
pub fn response<E: Encode>(answer: Answer, mut encoder: E) -> Response {
    let ready = encoder.begin().iter().map(E::wire).collect();
    let state = State {
        answer: Some(answer),
        encoder,
        ready,
    };
    let body = stream::unfold(state, |mut state| async move {
        let text = next(&mut state).await?;
        Some((Ok::<_, Infallible>(text), state))
    });
    streamed(Body::from_stream(body), E::MEDIA)
}

fn streamed(body: Body, media: &'static str) -> Response {
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    response
}

/// The response that streams the frames that `all` sends until it ends, for the endpoint of this encoder, which ends with `end`.
/// Dropping the response drops `all`.
pub fn frames<E: Encode>(
    all: impl Future<Output = ()> + Send + 'static,
    frames: mpsc::Receiver<Frame>,
    end: &'static str,
) -> Response {
    let mut tasks = JoinSet::new();
    tasks.spawn(all);
    let body = stream::unfold(Some((tasks, frames)), move |state| async move {
        let (tasks, mut frames) = state?;
        let text = match tokio::time::timeout(SILENCE, frames.recv()).await {
            Err(_) => E::WAITING.to_owned(),
            Ok(Some(frame)) => E::wire(&frame),
            Ok(None) => return Some((Ok::<_, Infallible>(end.to_owned()), None)),
        };
        Some((Ok(text), Some((tasks, frames))))
    });
    streamed(Body::from_stream(body), E::MEDIA)
}

async fn next<E: Encode>(state: &mut State<E>) -> Option<String> {
    loop {
        if let Some(text) = state.ready.pop_front() {
            return Some(text);
        }
        let answer = state.answer.as_mut()?;
        let frames = match tokio::time::timeout(SILENCE, answer.next()).await {
            Err(_) if E::WAITING.is_empty() => continue,
            Err(_) => return Some(E::WAITING.to_owned()),
            Ok(Some(Ok(event))) => state.encoder.event(event),
            Ok(Some(Err(error))) => state.encoder.failed(&error),
            Ok(None) => {
                state.answer = None;
                let end = state.encoder.end();
                return (!end.is_empty()).then(|| end.to_owned());
            }
        };
        state.ready.extend(frames.iter().map(E::wire));
    }
}
