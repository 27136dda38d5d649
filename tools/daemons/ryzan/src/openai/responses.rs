//! `POST /v1/responses`: the request. It has the meaning of a chat request in another notation.

use serde_json::{Map, Value, json};

use super::chat::{self, ChatRequest, Stream};
use super::error::ApiError;
use super::fields::Fields;
use super::messages::{self, Call, Message, Role};
use super::parameters::{Format, Parameters};
use super::tools::{Choice, Tools};

/// A response request.
#[derive(Debug, Clone, PartialEq)]
pub struct ResponseRequest {
    /// The equivalent chat request.
    pub chat: ChatRequest,
    /// Fields that the answer repeats unchanged.
    pub repeated: Map<String, Value>,
}

/// Fields that the answer repeats, with their defaults.
fn repeated(body: &Value) -> Map<String, Value> {
    [
        ("instructions", Value::Null),
        ("max_output_tokens", Value::Null),
        ("metadata", json!({})),
        ("parallel_tool_calls", json!(true)),
        ("reasoning", json!({"effort": null, "summary": null})),
        ("temperature", Value::Null),
        ("text", json!({"format": {"type": "text"}})),
        ("tool_choice", json!("auto")),
        ("tools", json!([])),
        ("top_p", Value::Null),
    ]
    .into_iter()
    .map(|(name, default)| {
        let value = body.get(name).filter(|value| !value.is_null()).cloned();
        (name.to_owned(), value.unwrap_or(default))
    })
    .collect()
}

impl ResponseRequest {
    /// Reads a request.
    pub fn read(body: Value) -> Result<Self, ApiError> {
        let repeated = repeated(&body);
        let mut fields = Fields::of(body, "")?;
        let model = chat::model(&mut fields)?;
        let mut messages = Vec::new();
        if let Some(instructions) = fields.text("instructions")? {
            messages.push(Message::new(Role::System, instructions));
        }
        input(fields.raw("input"), &mut messages)?;
        let parameters = Parameters {
            max_tokens: fields.count("max_output_tokens", 1..=usize::MAX)?,
            temperature: fields.number("temperature", 0.0..=2.0)?,
            top_p: fields.number("top_p", 0.0..=1.0)?,
            ..Parameters::default()
        };
        let tools = Tools::read(&mut fields)?;
        let format = format(&mut fields)?;
        if format != Format::Text && !matches!(tools.choice, Choice::Auto | Choice::Never) {
            return Err(ApiError::invalid(
                "text.format",
                "an answer that must call a function cannot have a format",
            ));
        }
        let thinking = match fields.object("reasoning")? {
            None => None,
            Some(mut reasoning) => {
                let effort = reasoning.text("effort")?;
                reasoning.leave();
                chat::thinking(effort.as_deref(), "reasoning.effort")?
            }
        };
        let stream = Stream::read(&mut fields)?;
        refuse_the_rest(fields)?;
        Ok(Self {
            chat: ChatRequest {
                model,
                messages,
                parameters,
                tools,
                format,
                logprobs: None,
                thinking,
                continues: false,
                stream,
            },
            repeated,
        })
    }
}

fn format(fields: &mut Fields) -> Result<Format, ApiError> {
    let Some(mut text) = fields.object("text")? else {
        return Ok(Format::Text);
    };
    let format = text.object("format")?.map(Format::read).transpose()?;
    text.only(
        "verbosity",
        &[json!("medium")],
        "state the desired length in the instructions",
    )?;
    text.leave();
    Ok(format.unwrap_or_default())
}

fn refuse_the_rest(mut fields: Fields) -> Result<(), ApiError> {
    fields.ignore(&chat::LABELS);
    for (name, harmless, why) in [
        ("store", vec![json!(false)], "answers are not stored"),
        (
            "previous_response_id",
            vec![],
            "answers are not stored; send the conversation as input",
        ),
        (
            "conversation",
            vec![],
            "conversations are not stored; send the conversation as input",
        ),
        ("background", vec![json!(false)], "answers are not stored"),
        (
            "prompt",
            vec![],
            "prompts are not stored; send instructions and input",
        ),
        (
            "service_tier",
            vec![json!("auto"), json!("default")],
            "there is only one tier",
        ),
        (
            "truncation",
            vec![json!("disabled")],
            "conversations are never truncated silently; send less",
        ),
        ("top_logprobs", vec![json!(0)], "use /v1/chat/completions"),
        (
            "max_tool_calls",
            vec![],
            "only functions that the client runs are supported",
        ),
    ] {
        fields.only(name, &harmless, why)?;
    }
    // Among them `include`, which asks for parts that these answers do not have.
    fields.leave();
    Ok(())
}

fn input(value: Option<Value>, messages: &mut Vec<Message>) -> Result<(), ApiError> {
    let items = match value {
        Some(Value::String(text)) => {
            messages.push(Message::new(Role::User, text));
            return Ok(());
        }
        Some(Value::Array(items)) if !items.is_empty() => items,
        _ => {
            return Err(ApiError::invalid(
                "input",
                "input must be a string or an array of at least one item",
            ));
        }
    };
    for (index, value) in items.into_iter().enumerate() {
        item(Fields::of(value, &format!("input[{index}]"))?, messages)?;
    }
    Ok(())
}

fn item(mut fields: Fields, messages: &mut Vec<Message>) -> Result<(), ApiError> {
    let path = fields.path("type");
    let which = fields.text("type")?.unwrap_or_else(|| "message".to_owned());
    match which.as_str() {
        "message" => {
            let at = fields.path("role");
            let role = messages::role(&fields.required::<String>("role", "a string")?, &at)?;
            let at = fields.path("content");
            let content: Value = fields.required("content", "a string or an array of parts")?;
            messages.push(Message::new(role, messages::content(content, &at)?));
        }
        "function_call" => {
            let call = Call {
                id: fields.required("call_id", "a string")?,
                name: fields.required("name", "a string")?,
                arguments: fields.required("arguments", "a string with JSON")?,
            };
            // Calls of one answer follow each other here; a template expects one message.
            match messages.last_mut() {
                Some(last) if last.role == Role::Assistant => last.calls.push(call),
                _ => messages.push(Message {
                    calls: vec![call],
                    ..Message::new(Role::Assistant, "")
                }),
            }
        }
        "function_call_output" => {
            let at = fields.path("output");
            let id: String = fields.required("call_id", "the id of a call")?;
            let output: Value = fields.required("output", "a string or an array of parts")?;
            messages.push(Message {
                answers: Some(id),
                ..Message::new(Role::Tool, messages::content(output, &at)?)
            });
        }
        // Earlier reasoning is dropped, as the models' authors recommend.
        "reasoning" => return Ok(()),
        other => {
            return Err(ApiError::Invalid {
                message: format!(
                    "{path} is {other:?} and must be message, function_call, function_call_output or reasoning"
                ),
                param: Some(path),
                code: Some("unsupported_value"),
            });
        }
    }
    fields.leave();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Value) -> Result<ResponseRequest, String> {
        ResponseRequest::read(value).map_err(|error| error.to_string())
    }

    #[test]
    fn items_become_messages() {
        let request = read(json!({
            "model": "auto",
            "instructions": "Be brief.",
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": "How full?"}]},
                {"type": "reasoning", "id": "rs_1", "summary": []},
                {"type": "function_call", "id": "fc_1", "status": "completed", "call_id": "c1", "name": "space", "arguments": "{}"},
                {"type": "function_call", "call_id": "c2", "name": "space", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c1", "output": "40 %"},
                {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant",
                 "content": [{"type": "output_text", "text": "40 %.", "annotations": []}]}
            ],
            "max_output_tokens": 9,
            "text": {"format": {"type": "json_object"}}
        }))
        .unwrap();
        let roles: Vec<(Role, &str, usize)> = request
            .chat
            .messages
            .iter()
            .map(|message| (message.role, message.content.as_str(), message.calls.len()))
            .collect();
        assert_eq!(
            roles,
            [
                (Role::System, "Be brief.", 0),
                (Role::User, "How full?", 0),
                (Role::Assistant, "", 2),
                (Role::Tool, "40 %", 0),
                (Role::Assistant, "40 %.", 0),
            ]
        );
        assert_eq!(request.chat.parameters.max_tokens, Some(9));
        assert_eq!(request.chat.format, Format::Object);
        assert_eq!(request.repeated["instructions"], "Be brief.");
        assert_eq!(request.repeated["tool_choice"], "auto");
    }

    #[test]
    fn what_changes_nothing_is_left() {
        let known = read(json!({"input": "Hello"}));
        let more = json!({"input": "Hello", "include": ["reasoning.encrypted_content"], "client_metadata": {"a": "b"},
                          "prompt_cache_key": "x", "colour": "red"});
        assert_eq!(read(more), known);
    }

    #[test]
    fn what_is_not_kept_cannot_be_referred_to() {
        for (more, message) in [
            (
                json!({"previous_response_id": "resp_1"}),
                "previous_response_id is not supported: answers are not stored; send the conversation as input",
            ),
            (
                json!({"store": true}),
                "store is not supported: answers are not stored",
            ),
            (
                json!({"input": [{"type": "item_reference", "id": "x"}]}),
                "input[0].type is \"item_reference\" and must be message, function_call, function_call_output or reasoning",
            ),
            (
                json!({"input": []}),
                "input must be a string or an array of at least one item",
            ),
        ] {
            let mut body = json!({"input": "Hello"});
            for (key, value) in more.as_object().unwrap() {
                body[key] = value.clone();
            }
            assert_eq!(read(body), Err(message.to_owned()));
        }
    }
}
