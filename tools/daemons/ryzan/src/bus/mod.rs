//! D-Bus: `org.sigmavault.Ryzan` at `/org/sigmavault/Ryzan` on the system bus.
//!
//! - [`authority`]: whether polkit lets the caller load and unload models
//! - [`stream`]: an answer as signals
//! - [`watch`]: callers that leave the bus take their answers with them
//!
//! Signals of a streamed answer go to the caller alone: what is said to the model is nobody else's.

mod authority;
mod stream;
mod watch;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use log::{info, warn};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use zbus::message::Header;
use zbus::names::{BusName, UniqueName};
use zbus::object_server::SignalEmitter;
use zbus::{Connection, OwnedVariant, Variant, connection};

use crate::answer::{self, Event};
use crate::openai::chat::ChatRequest;
use crate::openai::error::ApiError;
use crate::state::Service;

/// Name on the bus.
pub const NAME: &str = "org.sigmavault.Ryzan";

/// Path of the object.
pub const PATH: &str = "/org/sigmavault/Ryzan";

/// Most answers that are under way at a time.
const STREAMS: usize = 64;

/// Most of these for one caller, so that none has them all.
const OWN_STREAMS: usize = 16;

/// Errors on the bus.
#[derive(Debug, zbus::DBusError)]
#[zbus(prefix = "org.sigmavault.Ryzan.Error")]
pub enum BusError {
    /// The bus itself.
    #[zbus(error)]
    ZBus(zbus::Error),
    /// The arguments cannot be used.
    InvalidArgument(String),
    /// No model has this name.
    ModelNotFound(String),
    /// There is no model to answer with.
    NoModel(String),
    /// Too many answers are under way.
    Busy(String),
    /// Polkit says no.
    NotAuthorized(String),
    /// Computing went wrong.
    Failed(String),
}

impl From<ApiError> for BusError {
    fn from(error: ApiError) -> Self {
        let message = sendable(&error.to_string());
        match error {
            ApiError::ModelNotFound { .. } => Self::ModelNotFound(message),
            ApiError::NoModel { .. } => Self::NoModel(message),
            ApiError::Busy { .. } => Self::Busy(message),
            ApiError::Failed { .. } => Self::Failed(message),
            _ => Self::InvalidArgument(message),
        }
    }
}

/// An answer under way: whose it is, and the end of the line that stops it.
#[derive(Debug)]
struct Running {
    owner: UniqueName<'static>,
    stop: oneshot::Sender<()>,
}

type Streams = Arc<Mutex<HashMap<u64, Running>>>;

/// The object.
#[derive(Debug)]
struct Ryzan {
    service: Arc<Service>,
    streams: Streams,
    next: AtomicU64,
}

/// Puts the object on the bus. The connection must be kept.
pub async fn serve(service: Arc<Service>, builder: connection::Builder<'_>) -> zbus::Result<Connection> {
    let streams = Streams::default();
    let object = Ryzan {
        service,
        streams: Arc::clone(&streams),
        next: AtomicU64::new(1),
    };
    let bus = builder.serve_at(PATH, object).name(NAME).build().await?;
    watch::start(&bus, streams).await?;
    Ok(bus)
}

/// Puts the object on the system bus when there is one; without it the service works all the same.
pub async fn serve_on_system_bus(service: Arc<Service>) -> Option<Connection> {
    match serve(service, connection::Builder::system()).await {
        Ok(bus) => {
            info!("on the system bus as {NAME}");
            Some(bus)
        }
        Err(error) => {
            warn!("not on the system bus: {error}");
            None
        }
    }
}

#[zbus::interface(name = "org.sigmavault.Ryzan")]
impl Ryzan {
    /// The answer to a conversation: the text of the assistant's next message. `messages_json` is an array of messages
    /// as in `OpenAI`'s chat interface, or an object with `messages` and any other field of it. It ends when the caller
    /// leaves the bus.
    async fn chat(
        &self,
        #[zbus(header)] header: Header<'_>,
        model: &str,
        messages_json: &str,
    ) -> Result<String, BusError> {
        let owner = sender(&header)?;
        let request = request(model, messages_json)?;
        let (handle, mut stopped) = self.begin(owner)?;
        let text = async {
            let mut answer = answer::chat(&self.service, request).await?;
            let mut text = String::new();
            while let Some(event) = answer.next().await {
                if let Event::Content { text: more, .. } = event? {
                    text.push_str(&more);
                }
            }
            Ok::<_, BusError>(sendable(&text))
        };
        let done = tokio::select! {
            done = text => done,
            _ = &mut stopped => Err(BusError::Failed("the caller has left the bus".to_owned())),
        };
        self.streams
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&handle);
        done
    }

    /// The same in pieces: the signals `ChatDelta`, then `ChatFinished` or `ChatFailed`, carry the handle that this
    /// returns. It ends when the caller leaves the bus.
    #[allow(clippy::needless_pass_by_value, reason = "so the macro hands them over")]
    fn chat_stream(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
        model: &str,
        messages_json: &str,
    ) -> Result<u64, BusError> {
        let owner = sender(&header)?;
        let request = request(model, messages_json)?;
        let (handle, stopped) = self.begin(owner.clone())?;
        let emitter = emitter.into_owned().set_destination(BusName::Unique(owner));
        let (service, streams) = (Arc::clone(&self.service), Arc::clone(&self.streams));
        tokio::spawn(async move {
            stream::run(&service, request, handle, &emitter, stopped).await;
            streams
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&handle);
        });
        Ok(handle)
    }

    /// Stops an answer; only its caller can. Whether it was still under way.
    #[allow(clippy::needless_pass_by_value, reason = "so the macro hands it over")]
    fn cancel_chat(&self, #[zbus(header)] header: Header<'_>, handle: u64) -> Result<bool, BusError> {
        let owner = sender(&header)?;
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        if streams.get(&handle).is_some_and(|running| running.owner == owner) {
            let stopped = streams
                .remove(&handle)
                .is_some_and(|running| running.stop.send(()).is_ok());
            return Ok(stopped);
        }
        Ok(false)
    }

    /// `model`, `resolved_model`, `tokens_per_second`, `memory_bytes`, `context`, `tier`, `reason`, `pace`; empty texts
    /// and zeros where there is nothing to tell.
    fn get_status(&self) -> HashMap<String, OwnedVariant> {
        let status = self.service.models.status();
        let text = |value: Option<String>| Variant::from(value.unwrap_or_default());
        [
            ("model", text(status.model)),
            ("resolved_model", text(status.resolved_model)),
            ("tokens_per_second", Variant::from(status.tokens_per_second)),
            ("memory_bytes", Variant::from(status.memory_bytes)),
            ("context", Variant::from(status.context)),
            ("tier", text(status.tier)),
            ("reason", Variant::from(status.reason)),
            ("pace", Variant::from(status.pace.name())),
        ]
        .into_iter()
        // Nothing here holds a file descriptor, the only thing that could not be copied.
        .filter_map(|(key, value)| Some((key.to_owned(), OwnedVariant::try_from(value).ok()?)))
        .collect()
    }

    /// Loads a model, unless it is loaded already; polkit decides whether the caller may. True when it was not loaded
    /// before.
    async fn load_model(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] bus: &Connection,
        model: &str,
    ) -> Result<bool, BusError> {
        authority::check(bus, &header, authority::LOAD, model).await?;
        let known = self.service.models.is_loaded(model);
        self.service.models.load(model).await?;
        Ok(!known)
    }

    /// Unloads a model once the requests that use it are done; polkit decides whether the caller may.
    async fn unload_model(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] bus: &Connection,
        model: &str,
    ) -> Result<(), BusError> {
        authority::check(bus, &header, authority::UNLOAD, model).await?;
        self.service.models.unload(model)?;
        Ok(())
    }

    /// More of an answer.
    #[zbus(signal)]
    async fn chat_delta(emitter: &SignalEmitter<'_>, handle: u64, text: &str) -> zbus::Result<()>;

    /// The end of an answer: `stop`, `length` or `tool_calls`, and the calls as JSON (an array, empty without calls).
    #[zbus(signal)]
    async fn chat_finished(
        emitter: &SignalEmitter<'_>,
        handle: u64,
        reason: &str,
        calls_json: &str,
    ) -> zbus::Result<()>;

    /// The end of an answer that went wrong.
    #[zbus(signal)]
    async fn chat_failed(emitter: &SignalEmitter<'_>, handle: u64, message: &str) -> zbus::Result<()>;
}

impl Ryzan {
    /// Notes an answer that is under way; its handle, and what is done when it is to stop.
    fn begin(&self, owner: UniqueName<'static>) -> Result<(u64, oneshot::Receiver<()>), BusError> {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let own = streams.values().filter(|running| running.owner == owner).count();
        if streams.len() >= STREAMS || own >= OWN_STREAMS {
            return Err(BusError::Busy(format!(
                "{} answers are under way, {own} of them for you; try again later",
                streams.len()
            )));
        }
        let (stop, stopped) = oneshot::channel();
        let handle = self.next.fetch_add(1, Ordering::Relaxed);
        streams.insert(handle, Running { owner, stop });
        Ok((handle, stopped))
    }
}

fn request(model: &str, messages_json: &str) -> Result<ChatRequest, ApiError> {
    let value: Value = serde_json::from_str(messages_json)
        .map_err(|error| ApiError::invalid("messages_json", format!("messages_json is not JSON: {error}")))?;
    let mut body = match value {
        Value::Array(messages) => json!({ "messages": messages }),
        other => other,
    };
    if let Some(body) = body.as_object_mut() {
        let model = if model.is_empty() { "auto" } else { model };
        body.insert("model".to_owned(), json!(model));
        body.remove("stream");
    }
    ChatRequest::read(body)
}

/// A string on the bus has no NUL; one who sends it is put off the bus, and a model can write it.
fn sendable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn sender(header: &Header<'_>) -> Result<UniqueName<'static>, BusError> {
    header
        .sender()
        .map(UniqueName::to_owned)
        .ok_or_else(|| BusError::InvalidArgument("the call has no sender; call over a bus".to_owned()))
}
