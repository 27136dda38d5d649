//! `POST /v1/chat/completions`: the request.

use serde_json::{Value, json};

use super::error::ApiError;
use super::fields::Fields;
use super::messages::{self, Message};
use super::parameters::{Format, Parameters};
use super::tools::{Choice, Tools};

/// Maximum number of alternative tokens whose probabilities are returned.
pub const TOP_LOGPROBS: usize = 20;

/// A chat request.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatRequest {
    /// The model, by name, alias or `auto`.
    pub model: String,
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// How tokens are sampled.
    pub parameters: Parameters,
    /// The functions that may be called.
    pub tools: Tools,
    /// The format of the answer.
    pub format: Format,
    /// Number of alternative tokens whose probabilities are returned; `None` returns no probabilities.
    pub logprobs: Option<u8>,
    /// Whether the model may reason before it answers; `None` leaves it to the model's default.
    pub thinking: Option<bool>,
    /// Whether the answer continues the last message, the assistant's, instead of being a new one.
    pub continues: bool,
    /// Whether the answer is streamed, and whether usage ends the stream.
    pub stream: Stream,
}

/// Whether and how the answer is streamed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stream {
    /// The answer is streamed.
    pub on: bool,
    /// A last chunk reports usage.
    pub usage: bool,
}

impl Stream {
    /// Reads `stream` and `stream_options`.
    pub fn read(fields: &mut Fields) -> Result<Self, ApiError> {
        let on = fields.flag("stream")?;
        let usage = match fields.object("stream_options")? {
            None => false,
            Some(_) if !on => {
                return Err(ApiError::invalid(
                    "stream_options",
                    "stream_options is only for stream: true",
                ));
            }
            Some(mut options) => {
                let usage = options.flag("include_usage")?;
                options.leave();
                usage
            }
        };
        Ok(Self { on, usage })
    }
}

/// The longest name of a model, in bytes. Errors repeat it, and every prompt of a request has it.
const NAME: usize = 1000;

/// The model; `auto` when the request names none.
pub fn model(fields: &mut Fields) -> Result<String, ApiError> {
    let name = fields.text("model")?.unwrap_or_else(|| "auto".to_owned());
    if name.len() > NAME {
        return Err(ApiError::invalid(
            "model",
            format!(
                "model has {} bytes, and the name of a model has at most {NAME}",
                name.len()
            ),
        ));
    }
    Ok(name)
}

/// Fields without effect here: labels for accounts, caches and abuse reports, and hints about speed.
pub const LABELS: [&str; 8] = [
    "user",
    "metadata",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "prompt_cache_options",
    "prediction",
    "timeout",
];

/// Whether the model may reason, from the value of `reasoning_effort`.
pub fn thinking(effort: Option<&str>, path: &str) -> Result<Option<bool>, ApiError> {
    match effort {
        None => Ok(None),
        Some("none" | "minimal") => Ok(Some(false)),
        Some("low" | "medium" | "high" | "xhigh") => Ok(Some(true)),
        Some(other) => Err(ApiError::invalid(
            path,
            format!("{path} is {other:?} and must be none, minimal, low, medium, high or xhigh"),
        )),
    }
}

/// Reads `continue_final_message`.
fn continues(fields: &mut Fields, messages: &[Message]) -> Result<bool, ApiError> {
    let continues = fields.flag("continue_final_message")?;
    let begun = messages.last().is_some_and(Message::can_continue);
    if continues && !begun {
        return Err(ApiError::invalid(
            "continue_final_message",
            "continue_final_message is for a last message of the assistant, without calls",
        ));
    }
    Ok(continues)
}

impl ChatRequest {
    /// Reads a request.
    pub fn read(body: Value) -> Result<Self, ApiError> {
        let mut fields = Fields::of(body, "")?;
        let model = model(&mut fields)?;
        let messages = messages::read(fields.required("messages", "an array of messages")?)?;
        let mut parameters = Parameters::read(&mut fields)?;
        // `max_tokens` is the older name; when both are there the newer one counts.
        let older = fields.count("max_tokens", 1..=usize::MAX)?;
        parameters.max_tokens = fields.count("max_completion_tokens", 1..=usize::MAX)?.or(older);
        let tools = Tools::read(&mut fields)?;
        let format = fields
            .object("response_format")?
            .map(Format::read)
            .transpose()?
            .unwrap_or_default();
        if format != Format::Text && !tools.callable().is_empty() && tools.choice != Choice::Auto {
            return Err(ApiError::invalid(
                "response_format",
                "an answer that must call a function cannot have a response_format",
            ));
        }
        let wanted = fields.flag("logprobs")?;
        let top = fields.count("top_logprobs", 0..=TOP_LOGPROBS)?;
        let logprobs = match (wanted, top) {
            (false, Some(1..)) => {
                return Err(ApiError::invalid(
                    "top_logprobs",
                    "top_logprobs is only for logprobs: true",
                ));
            }
            (false, _) => None,
            (true, top) => Some(u8::try_from(top.unwrap_or(0)).unwrap_or(u8::MAX)),
        };
        let effort = fields.text("reasoning_effort")?;
        let thinking = thinking(effort.as_deref(), "reasoning_effort")?;
        let stream = Stream::read(&mut fields)?;
        fields.ignore(&LABELS);
        for (name, harmless, why) in [
            ("store", vec![json!(false)], "answers are not stored"),
            (
                "modalities",
                vec![json!(["text"])],
                "these models write text only",
            ),
            (
                "service_tier",
                vec![json!("auto"), json!("default")],
                "there is only one tier",
            ),
            (
                "verbosity",
                vec![json!("medium")],
                "state the desired length in a message",
            ),
            ("audio", vec![], "these models write text only"),
            (
                "web_search_options",
                vec![],
                "this service has no access to the web",
            ),
            ("functions", vec![], "use tools"),
            ("function_call", vec![], "use tool_choice"),
            ("grammar", vec![], "use response_format"),
            ("guided_json", vec![], "use response_format"),
            ("guided_regex", vec![], "use response_format"),
            ("guided_choice", vec![], "use response_format"),
            ("guided_grammar", vec![], "use response_format"),
            ("structured_outputs", vec![], "use response_format"),
        ] {
            fields.only(name, &harmless, why)?;
        }
        let continues = continues(&mut fields, &messages)?;
        fields.leave();
        Ok(Self {
            model,
            messages,
            parameters,
            tools,
            format,
            logprobs,
            thinking,
            continues,
            stream,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::messages::Role;
    use super::*;

    fn with(more: &Value) -> Result<ChatRequest, String> {
        let mut body = json!({"model": "auto", "messages": [{"role": "user", "content": "Hello"}]});
        for (key, value) in more.as_object().unwrap() {
            body[key] = value.clone();
        }
        ChatRequest::read(body).map_err(|error| error.to_string())
    }

    #[test]
    fn the_least_request() {
        assert_eq!(
            with(&json!({})),
            Ok(ChatRequest {
                model: "auto".into(),
                messages: vec![Message::new(Role::User, "Hello")],
                parameters: Parameters::default(),
                tools: Tools {
                    parallel: true,
                    ..Tools::default()
                },
                format: Format::Text,
                logprobs: None,
                thinking: None,
                continues: false,
                stream: Stream::default(),
            })
        );
    }

    #[test]
    fn everything_is_read() {
        let request = with(&json!({
            "max_tokens": 5, "max_completion_tokens": 7, "logprobs": true, "top_logprobs": 3, "stream": true,
            "stream_options": {"include_usage": true}, "reasoning_effort": "none", "user": "me", "store": false,
            "response_format": {"type": "json_object"}
        }))
        .unwrap();
        assert_eq!(request.parameters.max_tokens, Some(7));
        assert_eq!(request.logprobs, Some(3));
        assert_eq!(
            request.stream,
            Stream {
                on: true,
                usage: true
            }
        );
        assert_eq!(request.thinking, Some(false));
        assert_eq!(request.format, Format::Object);
    }

    #[test]
    fn what_changes_nothing_is_left() {
        let known = with(&json!({})).unwrap();
        let more =
            json!({"client_metadata": {"a": "b"}, "include": ["x"], "colour": "red", "cache_prompt": true});
        assert_eq!(with(&more), Ok(known));
    }

    #[test]
    fn what_would_be_ignored_is_refused() {
        for (more, message) in [
            (
                json!({"top_logprobs": 2}),
                "top_logprobs is only for logprobs: true",
            ),
            (
                json!({"logprobs": true, "top_logprobs": 21}),
                "top_logprobs is 21 and must be a whole number from 0 to 20",
            ),
            (
                json!({"stream_options": {"include_usage": true}}),
                "stream_options is only for stream: true",
            ),
            (
                json!({"store": true}),
                "store is not supported: answers are not stored",
            ),
            (
                json!({"max_tokens": 0}),
                "max_tokens is 0 and must be a whole number from 1",
            ),
            (
                json!({"modalities": ["text", "audio"]}),
                "modalities is not supported: these models write text only",
            ),
            (json!({"functions": []}), "functions is not supported: use tools"),
            (
                json!({"grammar": "x"}),
                "grammar is not supported: use response_format",
            ),
            (
                json!({"continue_final_message": true}),
                "continue_final_message is for a last message of the assistant, without calls",
            ),
            (
                json!({"messages": "Hello"}),
                "messages must be an array of messages, not a string",
            ),
        ] {
            assert_eq!(with(&more), Err(message.to_owned()));
        }
    }
}
