//! An answer as signals.
//!
//! Cancelling a signal in the middle would corrupt the connection, so a request to stop is checked only between signals.

use std::sync::Arc;
use std::time::Duration;

use log::debug;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::text::sendable;
use crate::answer::{self, Answer, Event};
use crate::caller::Caller;
use crate::openai::chat::ChatRequest;
use crate::openai::error::ApiError;
use crate::room::Share;
use crate::state::Service;

/// Text within this time is combined into one signal, to spare the shared bus.
const GATHER: Duration = Duration::from_millis(25);

/// The receiver of one answer's signals.
pub trait Signals: Sync {
    /// More of the answer.
    fn delta(&self, text: &str) -> impl Future<Output = zbus::Result<()>> + Send;
    /// The end: the reason, and the calls as a JSON array.
    fn finished(&self, reason: &str, calls_json: &str) -> impl Future<Output = zbus::Result<()>> + Send;
    /// The end of a failed answer.
    fn failed(&self, message: &str) -> impl Future<Output = zbus::Result<()>> + Send;
}

/// Why an answer ended early.
enum Broken {
    /// Its caller stopped it or left the bus.
    Stopped,
    /// The bus failed.
    Bus(zbus::Error),
    /// The answer failed.
    Answer(ApiError),
}

/// Sends the answer to a request until `stopped` is signalled or dropped.
pub async fn run(
    service: &Arc<Service>,
    caller: Caller,
    (request, share): (ChatRequest, Share),
    handle: u64,
    signals: &impl Signals,
    mut stopped: oneshot::Receiver<()>,
) {
    let started = tokio::select! {
        _ = &mut stopped => Err(Broken::Stopped),
        answer = answer::chat(service, caller, request, share) => answer.map_err(Broken::Answer),
    };
    let done = match started {
        Ok(answer) => tell(answer, signals, &mut stopped).await,
        Err(broken) => Err(broken),
    };
    match done {
        Ok(()) => {}
        Err(Broken::Stopped) => debug!("answer {handle} was stopped by its caller"),
        Err(Broken::Bus(error)) => debug!("answer {handle} has no reader: {error}"),
        Err(Broken::Answer(error)) => {
            if let Err(error) = signals.failed(&sendable(&error.to_string())).await {
                debug!("answer {handle} has no reader: {error}");
            }
        }
    }
}

async fn tell(
    mut answer: Answer,
    signals: &impl Signals,
    stopped: &mut oneshot::Receiver<()>,
) -> Result<(), Broken> {
    let mut calls = Vec::new();
    let mut gathered = String::new();
    let mut due = Instant::now();
    loop {
        // Without gathered text nothing is due.
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
                Event::Prompt(_) | Event::Reasoning(_) | Event::CallBegun(_) | Event::Arguments(_) => None,
                Event::Call(call) => {
                    calls.push(json!({"id": call.id, "name": call.name, "arguments": call.arguments}));
                    None
                }
                Event::Finished { reason, .. } => Some(reason),
            },
        };
        if !gathered.is_empty() && (ended.is_some() || Instant::now() >= due) {
            signals.delta(&gathered).await.map_err(Broken::Bus)?;
            gathered.clear();
            due = Instant::now() + GATHER;
        }
        if let Some(reason) = ended {
            let calls = Value::Array(std::mem::take(&mut calls)).to_string();
            signals
                .finished(reason.name(), &calls)
                .await
                .map_err(Broken::Bus)?;
        }
    }
}
