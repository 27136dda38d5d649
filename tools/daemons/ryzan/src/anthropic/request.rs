//! `POST /v1/messages` and `POST /v1/messages/count_tokens`: the request.

use log::debug;
use serde_json::{Value, json};

use super::blocks;
use crate::openai::chat::{ChatRequest, Stream};
use crate::openai::error::ApiError;
use crate::openai::fields::Fields;
use crate::openai::messages::{Message, Role};
use crate::openai::parameters::{Format, Parameters};
use crate::openai::tools::Tools;

/// Maximum number of stop texts.
const STOPS: usize = 64;

/// What of a request is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// An answer, whose maximum length the request must say.
    Answer,
    /// The number of tokens.
    Count,
}

/// Reads a request. It has the meaning of a chat request in another notation.
pub fn read(body: Value, purpose: Purpose) -> Result<ChatRequest, ApiError> {
    let mut fields = Fields::of(body, "")?;
    let model: String = fields.required("model", "the name of a model")?;
    let mut messages = Vec::new();
    if let Some(system) = fields.raw("system") {
        messages.push(Message::new(Role::System, blocks::text(system, "system")?));
    }
    conversation(&mut fields, &mut messages)?;
    let length = fields.count("max_tokens", 1..=usize::MAX)?;
    if length.is_none() && purpose == Purpose::Answer {
        return Err(ApiError::Invalid {
            message: "max_tokens is missing; it must be a whole number from 1".to_owned(),
            param: Some("max_tokens".to_owned()),
            code: Some("missing_required_parameter"),
        });
    }
    let parameters = Parameters {
        max_tokens: length,
        temperature: fields.number("temperature", 0.0..=1.0)?,
        top_p: fields.number("top_p", 0.0..=1.0)?,
        top_k: fields.count("top_k", 0..=1_000_000)?,
        stop: stops(&mut fields)?,
        ..Parameters::default()
    };
    let tools = tools(&mut fields)?;
    let thinking = thinking(&mut fields)?;
    let format = format(&mut fields)?;
    let stream = Stream {
        on: fields.flag("stream")?,
        usage: true,
    };
    for (name, harmless) in [("mcp_servers", json!([])), ("container", Value::Null)] {
        fields.only(name, &[harmless], "nothing runs on a server's side; use tools")?;
    }
    fields.leave();
    Ok(ChatRequest {
        model,
        continues: messages.last().is_some_and(Message::can_continue),
        messages,
        parameters,
        tools,
        format,
        logprobs: None,
        // Reasoning is only there when it was asked for.
        thinking: Some(thinking),
        stream,
    })
}

fn conversation(fields: &mut Fields, messages: &mut Vec<Message>) -> Result<(), ApiError> {
    let given: Vec<Value> = fields.required("messages", "an array of messages")?;
    if given.is_empty() {
        return Err(ApiError::invalid(
            "messages",
            "messages must have at least one message",
        ));
    }
    for (index, value) in given.into_iter().enumerate() {
        let mut message = Fields::of(value, &format!("messages[{index}]"))?;
        let path = message.path("role");
        let role = match message.required::<String>("role", "a string")?.as_str() {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            // Newer clients put later instructions here.
            "system" => Role::System,
            other => {
                return Err(ApiError::invalid(
                    path.as_str(),
                    format!("{path} is {other:?} and must be user or assistant"),
                ));
            }
        };
        let path = message.path("content");
        let content: Value = message.required("content", "a string or an array of blocks")?;
        message.leave();
        blocks::message(role, content, &path, messages)?;
    }
    Ok(())
}

fn stops(fields: &mut Fields) -> Result<Vec<String>, ApiError> {
    let stops: Vec<String> = fields
        .get("stop_sequences", "an array of strings")?
        .unwrap_or_default();
    if stops.len() > STOPS || stops.iter().any(String::is_empty) {
        return Err(ApiError::invalid(
            "stop_sequences",
            format!("stop_sequences may have {STOPS} texts, none empty"),
        ));
    }
    Ok(stops)
}

/// Reads tools in the notation of [`Tools`].
fn tools(fields: &mut Fields) -> Result<Tools, ApiError> {
    let mut functions = Vec::new();
    for (index, value) in fields.array("tools")?.unwrap_or_default().into_iter().enumerate() {
        let mut tool = Fields::of(value, &format!("tools[{index}]"))?;
        let which = tool.text("type")?.unwrap_or_else(|| "custom".to_owned());
        if which != "custom" {
            debug!("tools[{index}] is of the type {which:?}, which runs on a server's side, and is left out");
            continue;
        }
        let mut function = json!({
            "name": tool.required::<String>("name", "a string")?,
            "description": tool.text("description")?,
        });
        let path = tool.path("input_schema");
        match tool.raw("input_schema") {
            Some(schema @ Value::Object(_)) => function["parameters"] = schema,
            _ => {
                return Err(ApiError::invalid(
                    path.as_str(),
                    format!("{path} must be a JSON Schema of an object"),
                ));
            }
        }
        tool.leave();
        functions.push(json!({"type": "function", "function": function}));
    }
    let mut body = json!({ "tools": functions });
    if let Some(mut choice) = fields.object("tool_choice")? {
        let which: String = choice.required("type", "auto, any, tool or none")?;
        body["parallel_tool_calls"] = json!(!choice.flag("disable_parallel_tool_use")?);
        body["tool_choice"] = match which.as_str() {
            "auto" => json!("auto"),
            "any" => json!("required"),
            "none" => json!("none"),
            "tool" => {
                let name: String = choice.required("name", "the name of a tool")?;
                json!({"type": "function", "function": {"name": name}})
            }
            other => {
                return Err(ApiError::invalid(
                    "tool_choice.type",
                    format!("tool_choice.type is {other:?} and must be auto, any, tool or none"),
                ));
            }
        };
        choice.leave();
    }
    Tools::read(&mut Fields::of(body, "")?)
}

fn thinking(fields: &mut Fields) -> Result<bool, ApiError> {
    let Some(mut thinking) = fields.object("thinking")? else {
        return Ok(false);
    };
    let which: String = thinking.required("type", "enabled, adaptive or disabled")?;
    thinking.leave();
    match which.as_str() {
        "enabled" | "adaptive" => Ok(true),
        "disabled" => Ok(false),
        other => Err(ApiError::invalid(
            "thinking.type",
            format!("thinking.type is {other:?} and must be enabled, adaptive or disabled"),
        )),
    }
}

/// Reads `output_format`, or `format` in `output_config`.
fn format(fields: &mut Fields) -> Result<Format, ApiError> {
    let mut format = fields.object("output_format")?;
    if let Some(mut config) = fields.object("output_config")? {
        format = config.object("format")?.or(format);
        config.leave();
    }
    format
        .map(Format::read)
        .transpose()
        .map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(body: Value) -> String {
        read(body, Purpose::Answer).unwrap_err().to_string()
    }

    #[test]
    fn blocks_become_the_messages_of_a_chat() {
        let schema = json!({"type": "object", "properties": {"pool": {"type": "string"}}});
        let theirs = read(
            json!({
                "model": "auto", "max_tokens": 9, "stop_sequences": ["END"], "metadata": {"user_id": "me"},
                "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
                "messages": [
                    {"role": "user", "content": "How full?"},
                    {"role": "assistant", "content": [
                        {"type": "thinking", "thinking": "Hm.", "signature": "x"},
                        {"type": "text", "text": "Let me see."},
                        {"type": "tool_use", "id": "toolu_1", "name": "space", "input": {"pool": "tank"}}]},
                    {"role": "user", "content": [
                        {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "40 %"}]},
                        {"type": "text", "text": "Well?"}]}
                ],
                "tools": [{"name": "space", "description": "Space", "input_schema": schema},
                          {"type": "web_search_20250305", "name": "web_search"}],
                "tool_choice": {"type": "any", "disable_parallel_tool_use": true}
            }),
            Purpose::Answer,
        )
        .unwrap();
        let ours = ChatRequest::read(json!({
            "model": "auto", "max_tokens": 9, "stop": "END", "reasoning_effort": "none",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "How full?"},
                {"role": "assistant", "content": "Let me see.", "tool_calls": [
                    {"id": "toolu_1", "type": "function", "function": {"name": "space", "arguments": "{\"pool\":\"tank\"}"}}]},
                {"role": "tool", "tool_call_id": "toolu_1", "content": "40 %"},
                {"role": "user", "content": "Well?"}
            ],
            "tools": [{"type": "function", "function": {"name": "space", "description": "Space", "parameters": schema}}],
            "tool_choice": "required", "parallel_tool_calls": false
        }))
        .unwrap();
        let stream = Stream {
            on: false,
            usage: true,
        };
        assert_eq!(theirs, ChatRequest { stream, ..ours });
    }

    #[test]
    fn results_alone_are_followed_by_nothing_and_the_assistant_is_continued() {
        let read = |messages: Value| {
            read(
                json!({"model": "auto", "max_tokens": 1, "messages": messages}),
                Purpose::Answer,
            )
            .unwrap()
        };
        let results = read(json!([
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "x", "is_error": true}]}
        ]));
        assert_eq!(results.messages.len(), 3);
        assert_eq!(results.messages[2].content, "Error: x");
        assert!(!results.continues);
        let begun = read(json!([
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "The answer is"}
        ]));
        assert!(begun.continues);
    }

    #[test]
    fn mistakes_are_named() {
        let with = |more: Value| {
            let mut body =
                json!({"model": "auto", "max_tokens": 1, "messages": [{"role": "user", "content": "a"}]});
            for (name, value) in more.as_object().unwrap() {
                body[name] = value.clone();
            }
            body
        };
        for (body, message) in [
            (
                json!({"model": "auto", "messages": [{"role": "user", "content": "a"}]}),
                "max_tokens is missing; it must be a whole number from 1",
            ),
            (
                with(json!({"messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}]})),
                "messages[0].content[0].type is \"image\"; these models read text only",
            ),
            (
                with(json!({"messages": [{"role": "robot", "content": "a"}]})),
                "messages[0].role is \"robot\" and must be user or assistant",
            ),
            (
                with(json!({"temperature": 1.5})),
                "temperature is 1.5 and must be a number from 0 to 1",
            ),
            (
                with(json!({"tools": [{"name": "a"}]})),
                "tools[0].input_schema must be a JSON Schema of an object",
            ),
            (
                with(json!({"tool_choice": {"type": "tool", "name": "b"}})),
                "tool_choice names \"b\", which is not in tools",
            ),
        ] {
            assert_eq!(error(body), message);
        }
        let body = json!({"model": "auto", "messages": [{"role": "user", "content": "a"}]});
        assert!(read(body, Purpose::Count).is_ok());
    }
}
