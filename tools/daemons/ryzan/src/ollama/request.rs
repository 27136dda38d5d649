//! `POST /api/chat` and `POST /api/generate`: the requests.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::options;
use super::wire::model_name;
use crate::models::Input;
use crate::openai::chat::{ChatRequest, Stream};
use crate::openai::completions::CompletionRequest;
use crate::openai::error::ApiError;
use crate::openai::fields::Fields;
use crate::openai::messages::{self, Call, Message, Role};
use crate::openai::parameters::Format;
use crate::openai::tools::Tools;

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// Nothing but to load the model.
    Load,
    /// The next message of a conversation.
    Chat(Box<ChatRequest>),
    /// The continuation of a text, without the chat template.
    Raw(Box<CompletionRequest>),
}

/// A request.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The model, by name, alias or `auto`.
    pub model: String,
    /// What is asked.
    pub ask: Ask,
    /// Whether the answer comes in pieces, as it does unless the request says otherwise.
    pub stream: bool,
}

impl Request {
    /// Reads a chat request.
    pub fn chat(body: Value) -> Result<Self, ApiError> {
        let mut fields = Fields::of(body, "")?;
        let (model, stream) = common(&mut fields)?;
        let given = fields.array("messages")?.unwrap_or_default();
        let messages = conversation(given)?;
        let chat = chat(&mut fields, &model, messages)?;
        fields.leave();
        let ask = if chat.messages.is_empty() {
            Ask::Load
        } else {
            Ask::Chat(Box::new(chat))
        };
        Ok(Self { model, ask, stream })
    }

    /// Reads a request to generate.
    pub fn generate(body: Value) -> Result<Self, ApiError> {
        let mut fields = Fields::of(body, "")?;
        let (model, stream) = common(&mut fields)?;
        options::no_images(&mut fields)?;
        for (name, harmless, why) in [
            (
                "suffix",
                json!(""),
                "these models continue text and do not fill gaps",
            ),
            (
                "template",
                json!(""),
                "a model's own chat template is used; set raw to use none",
            ),
            ("context", json!([]), "send the conversation to /api/chat"),
        ] {
            fields.only(name, &[harmless], why)?;
        }
        let prompt = fields.text("prompt")?.unwrap_or_default();
        let system = fields.text("system")?.filter(|system| !system.is_empty());
        let raw = fields.flag("raw")?;
        let mut messages = Vec::new();
        messages.extend(system.map(|system| Message::new(Role::System, system)));
        messages.push(Message::new(Role::User, prompt.clone()));
        let chat = chat(&mut fields, &model, messages)?;
        fields.leave();
        let ask = if prompt.is_empty() {
            Ask::Load
        } else if raw {
            if chat.format != Format::Text {
                return Err(ApiError::invalid(
                    "format",
                    "format needs the chat template; leave out raw",
                ));
            }
            Ask::Raw(Box::new(CompletionRequest {
                model: model.clone(),
                prompt: Input::Text(prompt),
                parameters: chat.parameters,
                logprobs: None,
                echo: false,
                stream: Stream::default(),
            }))
        } else {
            Ask::Chat(Box::new(chat))
        };
        Ok(Self { model, ask, stream })
    }
}

/// The model, and whether the answer is streamed.
fn common(fields: &mut Fields) -> Result<(String, bool), ApiError> {
    let model: String = fields.required("model", "the name of a model")?;
    let stream = fields.get("stream", "true or false")?.unwrap_or(true);
    Ok((model_name(&model), stream))
}

fn chat(fields: &mut Fields, model: &str, messages: Vec<Message>) -> Result<ChatRequest, ApiError> {
    for name in ["logprobs", "top_logprobs"] {
        fields.only(name, &[json!(false), json!(0)], "use /v1/chat/completions")?;
    }
    Ok(ChatRequest {
        model: model.to_owned(),
        continues: messages.last().is_some_and(Message::can_continue),
        messages,
        parameters: options::read(fields)?,
        tools: Tools::read(fields)?,
        format: options::format(fields)?,
        logprobs: None,
        thinking: options::think(fields)?,
        stream: Stream::default(),
    })
}

/// Reads messages. Calls have no ids here: results are those of the calls before them, in order.
fn conversation(given: Vec<Value>) -> Result<Vec<Message>, ApiError> {
    let mut all = Vec::with_capacity(given.len());
    let mut open: VecDeque<String> = VecDeque::new();
    let mut count = 0;
    for (index, value) in given.into_iter().enumerate() {
        let mut fields = Fields::of(value, &format!("messages[{index}]"))?;
        let path = fields.path("role");
        let role = messages::role(&fields.required::<String>("role", "a string")?, &path)?;
        options::no_images(&mut fields)?;
        let mut message = Message::new(role, fields.text("content")?.unwrap_or_default());
        match role {
            Role::Assistant => {
                let path = fields.path("tool_calls");
                for (index, value) in fields
                    .array("tool_calls")?
                    .unwrap_or_default()
                    .into_iter()
                    .enumerate()
                {
                    let mut call = Fields::of(value, &format!("{path}[{index}]"))?;
                    count += 1;
                    let id = call.text("id")?.unwrap_or_else(|| format!("call_{count}"));
                    open.push_back(id.clone());
                    message.calls.push(made(&mut call, id)?);
                    call.leave();
                }
            }
            Role::Tool => {
                let own = fields.text("tool_call_id")?;
                message.name = fields.text("tool_name")?.or(fields.text("name")?);
                message.answers = own.or_else(|| open.pop_front());
            }
            Role::System | Role::User => {}
        }
        fields.leave();
        all.push(message);
    }
    Ok(all)
}

fn made(call: &mut Fields, id: String) -> Result<Call, ApiError> {
    let at = call.path("function");
    let Some(mut function) = call.object("function")? else {
        return Err(ApiError::invalid(at.as_str(), format!("{at} is missing")));
    };
    let name = function.required("name", "a string")?;
    let arguments = match function.raw("arguments") {
        None => "{}".to_owned(),
        Some(Value::String(text)) => text,
        Some(value) => value.to_string(),
    };
    function.leave();
    Ok(Call { id, name, arguments })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openai::parameters::Parameters;

    fn chat_of(body: Value) -> ChatRequest {
        match Request::chat(body).unwrap().ask {
            Ask::Chat(chat) => *chat,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_chat_becomes_the_same_request_as_openais() {
        let schema = json!({"type": "object", "properties": {"pool": {"type": "string"}}});
        let tools = json!([{"type": "function", "function": {"name": "space", "parameters": schema}}]);
        let theirs = chat_of(json!({
            "model": "little:latest",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "How full?"},
                {"role": "assistant", "content": "", "thinking": "Hm.",
                 "tool_calls": [{"function": {"name": "space", "arguments": {"pool": "tank"}}}]},
                {"role": "tool", "content": "40 %", "tool_name": "space"}
            ],
            "tools": tools,
            "think": "low",
            "keep_alive": "5m",
            "options": {"num_predict": 9, "temperature": 0, "seed": 7, "stop": ["END", ""], "num_ctx": 4096}
        }));
        let ours = ChatRequest::read(json!({
            "model": "little",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "How full?"},
                {"role": "assistant", "content": "", "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": "space", "arguments": "{\"pool\":\"tank\"}"}}]},
                {"role": "tool", "content": "40 %", "tool_call_id": "call_1", "name": "space"}
            ],
            "tools": tools, "reasoning_effort": "low", "max_tokens": 9, "temperature": 0, "seed": 7, "stop": "END"
        }))
        .unwrap();
        assert_eq!(theirs, ours);
    }

    #[test]
    fn streams_are_the_default_and_nothing_asked_loads() {
        let request = Request::chat(json!({"model": "auto"})).unwrap();
        assert!(request.stream);
        assert_eq!(request.ask, Ask::Load);
        let request = Request::generate(json!({"model": "auto", "stream": false})).unwrap();
        assert!(!request.stream);
        assert_eq!(request.ask, Ask::Load);
    }

    #[test]
    fn generating_is_a_conversation_unless_raw() {
        let request = Request::generate(
            json!({"model": "auto", "prompt": "Hello", "system": "Be brief.", "format": "json"}),
        )
        .unwrap();
        let Ask::Chat(chat) = request.ask else { panic!() };
        assert_eq!(
            chat.messages,
            [
                Message::new(Role::System, "Be brief."),
                Message::new(Role::User, "Hello")
            ]
        );
        assert_eq!(chat.format, Format::Object);
        let request = Request::generate(
            json!({"model": "auto", "prompt": "Once", "raw": true, "options": {"num_predict": -1, "top_k": 0}}),
        )
        .unwrap();
        let Ask::Raw(raw) = request.ask else { panic!() };
        assert_eq!(raw.prompt, Input::Text("Once".into()));
        assert_eq!(
            raw.parameters,
            Parameters {
                max_tokens: Some(usize::MAX),
                top_k: Some(0),
                ..Parameters::default()
            }
        );
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        for (body, message) in [
            (
                json!({"prompt": "a"}),
                "model is missing; it must be the name of a model",
            ),
            (
                json!({"model": "a", "prompt": "a", "images": ["AAAA"]}),
                "images: these models read text only",
            ),
            (
                json!({"model": "a", "prompt": "a", "suffix": "b"}),
                "suffix is not supported: these models continue text and do not fill gaps",
            ),
            (
                json!({"model": "a", "prompt": "a", "context": [1]}),
                "context is not supported: send the conversation to /api/chat",
            ),
            (
                json!({"model": "a", "prompt": "a", "format": 1}),
                "format must be \"json\" or a JSON Schema, not a number",
            ),
            (
                json!({"model": "a", "prompt": "a", "options": {"temperature": 3}}),
                "options.temperature is 3 and must be a number from 0 to 2",
            ),
            (
                json!({"model": "a", "prompt": "a", "think": "hard"}),
                "think must be true, false, low, medium or high",
            ),
        ] {
            assert_eq!(Request::generate(body).unwrap_err().to_string(), message);
        }
        let body = json!({"model": "a", "messages": [{"role": "user", "content": "x", "images": ["AAAA"]}]});
        assert_eq!(
            Request::chat(body).unwrap_err().to_string(),
            "messages[0].images: these models read text only"
        );
    }
}
