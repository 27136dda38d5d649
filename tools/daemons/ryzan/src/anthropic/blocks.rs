//! The content of messages: a string, or blocks.

use serde_json::{Value, json};

use crate::openai::error::ApiError;
use crate::openai::fields::{Fields, kind};
use crate::openai::messages::{Call, Message, Role};

/// The blocks of a value; a string is one block.
fn blocks(value: Value, path: &str) -> Result<Vec<(Fields, String)>, ApiError> {
    let blocks = match value {
        Value::String(text) => vec![json!({"type": "text", "text": text})],
        Value::Array(blocks) => blocks,
        other => {
            return Err(ApiError::invalid(
                path,
                format!(
                    "{path} must be a string or an array of blocks, not {}",
                    kind(&other)
                ),
            ));
        }
    };
    let one = |(index, block): (usize, Value)| {
        let mut block = Fields::of(block, &format!("{path}[{index}]"))?;
        let which: String = block.required("type", "a string")?;
        Ok::<_, ApiError>((block, which))
    };
    blocks.into_iter().enumerate().map(one).collect()
}

fn unsupported(block: &Fields, which: &str) -> ApiError {
    let path = block.path("type");
    ApiError::Invalid {
        message: format!("{path} is {which:?}; these models read text only"),
        param: Some(path),
        code: Some("unsupported_value"),
    }
}

/// A string, or blocks of text, as one text.
pub fn text(value: Value, path: &str) -> Result<String, ApiError> {
    let mut all = String::new();
    for (mut block, which) in blocks(value, path)? {
        if which != "text" {
            return Err(unsupported(&block, &which));
        }
        all.push_str(&block.required::<String>("text", "a string")?);
        block.leave();
    }
    Ok(all)
}

/// A message, which becomes several where it holds results of calls.
pub fn message(role: Role, value: Value, path: &str, into: &mut Vec<Message>) -> Result<(), ApiError> {
    let mut message = Message::new(role, "");
    for (mut block, which) in blocks(value, path)? {
        match (role, which.as_str()) {
            (_, "text") => {
                let text: String = block.required("text", "a string")?;
                message.content.push_str(&text);
            }
            (Role::Assistant, "tool_use") => {
                let input: Value = block.required("input", "an object")?;
                message.calls.push(Call {
                    id: block.required("id", "a string")?,
                    name: block.required("name", "a string")?,
                    arguments: input.to_string(),
                });
            }
            // Earlier reasoning is dropped, as the models' authors recommend.
            (Role::Assistant, "thinking" | "redacted_thinking") => {}
            (Role::User, "tool_result") => {
                let id = block.required("tool_use_id", "the id of a call")?;
                let at = block.path("content");
                let content = block.raw("content").unwrap_or_else(|| json!(""));
                let mut result = text(content, &at)?;
                if block.flag("is_error")? {
                    result = format!("Error: {result}");
                }
                into.push(Message {
                    answers: Some(id),
                    ..Message::new(Role::Tool, result)
                });
            }
            _ => return Err(unsupported(&block, &which)),
        }
        block.leave();
    }
    // A message of results alone is not followed by an empty one.
    let results = matches!(into.last(), Some(last) if last.role == Role::Tool) && role == Role::User;
    if !results || !message.content.is_empty() {
        into.push(message);
    }
    Ok(())
}
