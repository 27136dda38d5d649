//! The object and its methods.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};
use zbus::fdo::DBusProxy;
use zbus::message::Header;
use zbus::names::{BusName, UniqueName};
use zbus::object_server::SignalEmitter;
use zbus::{Connection, OwnedVariant, Variant};

use super::authority;
use super::error::BusError;
use super::stream::{self, Signals};
use super::streams::Streams;
use super::text::sendable;
use crate::answer::{self, Event};
use crate::body;
use crate::caller::Caller;
use crate::openai::chat::ChatRequest;
use crate::openai::error::ApiError;
use crate::room::Share;
use crate::state::Service;

/// The object.
#[derive(Debug)]
pub struct Ryzan {
    service: Arc<Service>,
    streams: Streams,
}

impl Ryzan {
    /// The object of a service; `streams` are its answers under way.
    pub const fn new(service: Arc<Service>, streams: Streams) -> Self {
        Self { service, streams }
    }

    /// The caller, when their user may use the service.
    async fn member(&self, bus: &Connection, owner: &UniqueName<'_>) -> Result<Caller, BusError> {
        let name = BusName::Unique(owner.clone());
        let uid = DBusProxy::new(bus).await?.get_connection_unix_user(name).await;
        let uid = uid.map_err(|error| {
            BusError::NotAuthorized(format!("the bus does not say whose call this is: {error}"))
        })?;
        if self.service.admits(uid).await {
            return Ok(Caller { uid });
        }
        let group = &self.service.config.socket_group;
        Err(ApiError::not_a_member(uid, group).into())
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
        #[zbus(connection)] bus: &Connection,
        model: &str,
        messages_json: &str,
    ) -> Result<String, BusError> {
        let owner = sender(&header)?;
        let caller = self.member(bus, &owner).await?;
        let (handle, mut stopped) = self.streams.begin(owner, caller)?;
        let text = async {
            let (request, share) = request(&self.service, caller, model, messages_json).await?;
            let mut answer = answer::chat(&self.service, caller, request, share).await?;
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
        self.streams.end(handle);
        done
    }

    /// The same in pieces: the signals `ChatDelta`, then `ChatFinished` or `ChatFailed`, carry the handle that this
    /// returns. It ends when the caller leaves the bus.
    async fn chat_stream(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] bus: &Connection,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
        model: &str,
        messages_json: &str,
    ) -> Result<u64, BusError> {
        let owner = sender(&header)?;
        let caller = self.member(bus, &owner).await?;
        let (request, share) = request(&self.service, caller, model, messages_json).await?;
        let (handle, stopped) = self.streams.begin(owner.clone(), caller)?;
        let receiver = Receiver {
            emitter: emitter.into_owned().set_destination(BusName::Unique(owner)),
            handle,
        };
        let (service, streams) = (Arc::clone(&self.service), self.streams.clone());
        tokio::spawn(async move {
            stream::run(&service, caller, (request, share), handle, &receiver, stopped).await;
            streams.end(handle);
        });
        Ok(handle)
    }

    /// Stops an answer; only its caller can. Whether it was still under way.
    #[allow(clippy::needless_pass_by_value, reason = "so the macro hands it over")]
    fn cancel_chat(&self, #[zbus(header)] header: Header<'_>, handle: u64) -> Result<bool, BusError> {
        let owner = sender(&header)?;
        Ok(self.streams.stop(handle, &owner))
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
        // A password dialog shows the name: it must be a model's own, and no text of the caller's.
        let id = self.service.models.resolve(model)?;
        authority::check(bus, &header, authority::LOAD, &id).await?;
        let known = self.service.models.is_loaded(&id);
        self.service.models.load(&id).await?;
        Ok(!known)
    }

    /// Unloads a model once the requests that use it are done; polkit decides whether the caller may.
    async fn unload_model(
        &self,
        #[zbus(header)] header: Header<'_>,
        #[zbus(connection)] bus: &Connection,
        model: &str,
    ) -> Result<(), BusError> {
        let id = self.service.models.resolve(model)?;
        authority::check(bus, &header, authority::UNLOAD, &id).await?;
        self.service.models.unload(&id)?;
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

/// The caller's end of a streamed answer.
struct Receiver {
    emitter: SignalEmitter<'static>,
    handle: u64,
}

impl Signals for Receiver {
    async fn delta(&self, text: &str) -> zbus::Result<()> {
        Ryzan::chat_delta(&self.emitter, self.handle, text).await
    }

    async fn finished(&self, reason: &str, calls_json: &str) -> zbus::Result<()> {
        Ryzan::chat_finished(&self.emitter, self.handle, reason, calls_json).await
    }

    async fn failed(&self, message: &str) -> zbus::Result<()> {
        Ryzan::chat_failed(&self.emitter, self.handle, message).await
    }
}

async fn request(
    service: &Service,
    caller: Caller,
    model: &str,
    messages_json: &str,
) -> Result<(ChatRequest, Share), ApiError> {
    let (value, share) = body::parse(service, caller, messages_json)
        .await
        .map_err(|error| match error {
            ApiError::Invalid { message, .. } => {
                ApiError::invalid("messages_json", format!("messages_json: {message}"))
            }
            error => error,
        })?;
    let mut body = match value {
        Value::Array(messages) => json!({ "messages": messages }),
        other => other,
    };
    if let Some(body) = body.as_object_mut() {
        let model = if model.is_empty() { "auto" } else { model };
        body.insert("model".to_owned(), json!(model));
        body.remove("stream");
    }
    ChatRequest::read(body).map(|request| (request, share))
}

fn sender(header: &Header<'_>) -> Result<UniqueName<'static>, BusError> {
    header
        .sender()
        .map(UniqueName::to_owned)
        .ok_or_else(|| BusError::InvalidArgument("the call has no sender; call over a bus".to_owned()))
}
