//! An answer as signals.
//!
//! A signal that was begun is sent to its end: one that is cut off in the middle would cost the connection. So what
//! stops an answer is looked at only between signals.

use std::sync::Arc;
use std::time::Duration;

use log::debug;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use zbus::object_server::SignalEmitter;

use super::{Ryzan, sendable};
use crate::answer::{self, Answer, Event};
use crate::openai::chat::ChatRequest;
use crate::openai::error::ApiError;
use crate::state::Service;

/// Text that comes within this time goes into one signal: people read no faster, and the bus is everybody's.
const GATHER: Duration = Duration::from_millis(25);

/// Why an answer ended before its end.
enum Broken {
    /// Its caller stopped it or left.
    Stopped,
    /// The bus does not take signals any more.
    Bus(zbus::Error),
    /// It went wrong.
    Answer(ApiError),
}

/// Sends the answer to a request, until `stopped` is done or dropped.
pub async fn run(
    service: &Arc<Service>,
    request: ChatRequest,
    handle: u64,
    emitter: &SignalEmitter<'_>,
    mut stopped: oneshot::Receiver<()>,
) {
    let started = tokio::select! {
        _ = &mut stopped => Err(Broken::Stopped),
        answer = answer::chat(service, request) => answer.map_err(Broken::Answer),
    };
    let done = match started {
        Ok(answer) => tell(answer, handle, emitter, &mut stopped).await,
        Err(broken) => Err(broken),
    };
    match done {
        Ok(()) => {}
        Err(Broken::Stopped) => debug!("answer {handle} was stopped by its caller"),
        Err(Broken::Bus(error)) => debug!("answer {handle} has no reader: {error}"),
        Err(Broken::Answer(error)) => {
            if let Err(error) = Ryzan::chat_failed(emitter, handle, &sendable(&error.to_string())).await {
                debug!("answer {handle} has no reader: {error}");
            }
        }
    }
}

async fn tell(
    mut answer: Answer,
    handle: u64,
    emitter: &SignalEmitter<'_>,
    stopped: &mut oneshot::Receiver<()>,
) -> Result<(), Broken> {
    let mut calls = Vec::new();
    let mut gathered = String::new();
    let mut due = Instant::now();
    loop {
        // With nothing gathered there is nothing to be sent at any time.
        let until = if gathered.is_empty() {
            Instant::now() + Duration::from_hours(1)
        } else {
            due
        };
        let event = tokio::select! {
            _ = &mut *stopped => return Err(Broken::Stopped),
            event = timeout_at(until, answer.next()) => event,
        };
        let ended = match event {
            Err(_) => None,
            Ok(None) => return Ok(()),
            Ok(Some(Err(error))) => return Err(Broken::Answer(error)),
            Ok(Some(Ok(event))) => match event {
                Event::Content { text, .. } => {
                    if gathered.is_empty() {
                        due = due.max(Instant::now());
                    }
                    gathered.push_str(&sendable(&text));
                    None
                }
                Event::Reasoning(_) => None,
                Event::Call(call) => {
                    calls.push(json!({"id": call.id, "name": call.name, "arguments": call.arguments}));
                    None
                }
                Event::Finished { reason, .. } => Some(reason),
            },
        };
        if !gathered.is_empty() && (ended.is_some() || Instant::now() >= due) {
            Ryzan::chat_delta(emitter, handle, &gathered)
                .await
                .map_err(Broken::Bus)?;
            gathered.clear();
            due = Instant::now() + GATHER;
        }
        if let Some(reason) = ended {
            let calls = Value::Array(std::mem::take(&mut calls)).to_string();
            Ryzan::chat_finished(emitter, handle, reason.name(), &calls)
                .await
                .map_err(Broken::Bus)?;
        }
    }
}
