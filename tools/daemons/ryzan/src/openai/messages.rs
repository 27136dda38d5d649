//! Messages of a conversation: read from requests, written for chat templates.

use serde_json::{Value, json};

use super::error::ApiError;
use super::fields::{Fields, kind};

/// The author of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The program; `developer` is the same.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
    /// A function that the model called.
    Tool,
}

impl Role {
    /// The role's name in chat templates.
    pub const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

/// A call of a function by the model.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The id that the result refers to.
    pub id: String,
    /// The function.
    pub name: String,
    /// Its arguments: a string of JSON, as in `OpenAI`'s interface.
    pub arguments: String,
}

/// One message.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Its author.
    pub role: Role,
    /// Its text.
    pub content: String,
    /// The function calls in it.
    pub calls: Vec<Call>,
    /// The id of the call whose result this is.
    pub answers: Option<String>,
    /// The name of who speaks, or of the function whose result this is. Few chat templates write it.
    pub name: Option<String>,
}

impl Message {
    /// A message without calls.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self {
            role,
            content: content.into(),
            calls: Vec::new(),
            answers: None,
            name: None,
        }
    }

    /// Whether an answer can continue this message.
    pub fn can_continue(&self) -> bool {
        self.role == Role::Assistant && self.calls.is_empty()
    }

    /// The message for a chat template. Arguments become an object if they are one.
    pub fn for_template(&self) -> Value {
        let mut message = json!({"role": self.role.name(), "content": self.content});
        if !self.calls.is_empty() {
            message["tool_calls"] = self
                .calls
                .iter()
                .map(|call| {
                    let arguments: Value =
                        serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!(call.arguments));
                    json!({"id": call.id, "type": "function",
                           "function": {"name": call.name, "arguments": arguments}})
                })
                .collect();
        }
        if let Some(id) = &self.answers {
            message["tool_call_id"] = json!(id);
        }
        if let Some(name) = &self.name {
            message["name"] = json!(name);
        }
        message
    }
}

/// Reads the messages of a chat request.
pub fn read(given: Vec<Value>) -> Result<Vec<Message>, ApiError> {
    if given.is_empty() {
        return Err(ApiError::invalid(
            "messages",
            "messages must have at least one message",
        ));
    }
    given
        .into_iter()
        .enumerate()
        .map(|(index, value)| message(Fields::of(value, &format!("messages[{index}]"))?))
        .collect()
}

/// The role with this name.
pub fn role(name: &str, path: &str) -> Result<Role, ApiError> {
    match name {
        "system" | "developer" => Ok(Role::System),
        "user" => Ok(Role::User),
        "assistant" => Ok(Role::Assistant),
        "tool" => Ok(Role::Tool),
        other => Err(ApiError::invalid(
            path,
            format!("{path} is {other:?} and must be system, developer, user, assistant or tool"),
        )),
    }
}

fn message(mut fields: Fields) -> Result<Message, ApiError> {
    let path = fields.path("role");
    let role = role(&fields.required::<String>("role", "a string")?, &path)?;
    let name = fields.text("name")?;
    let path = fields.path("content");
    let content = fields
        .raw("content")
        .map(|value| content(value, &path))
        .transpose()?;
    let mut message = Message::new(role, content.clone().unwrap_or_default());
    message.name = name;
    if role == Role::Assistant {
        // Earlier reasoning is dropped, as the models' authors recommend.
        fields.ignore(&[
            "refusal",
            "reasoning",
            "reasoning_content",
            "reasoning_details",
            "annotations",
            "audio",
            "function_call",
        ]);
        message.calls = calls(&mut fields)?;
    }
    if role == Role::Tool {
        message.answers = Some(fields.required("tool_call_id", "the id of a call")?);
    }
    if content.is_none() && message.calls.is_empty() {
        return Err(ApiError::Invalid {
            message: format!("{path} is missing; it must be a string"),
            param: Some(path),
            code: Some("missing_required_parameter"),
        });
    }
    fields.leave();
    Ok(message)
}

/// A string or an array of text parts.
pub fn content(value: Value, path: &str) -> Result<String, ApiError> {
    match value {
        Value::String(text) => Ok(text),
        Value::Array(parts) => parts
            .into_iter()
            .enumerate()
            .map(|(index, part)| {
                let at = format!("{path}[{index}]");
                let mut part = Fields::of(part, &at)?;
                let which: String = part.required("type", "a string")?;
                if !matches!(which.as_str(), "text" | "input_text" | "output_text" | "refusal") {
                    return Err(ApiError::Invalid {
                        message: format!("{at}.type is {which:?}; these models read text only"),
                        param: Some(format!("{at}.type")),
                        code: Some("unsupported_value"),
                    });
                }
                let text = part.required(if which == "refusal" { "refusal" } else { "text" }, "a string")?;
                part.leave();
                Ok(text)
            })
            .collect::<Result<Vec<String>, _>>()
            .map(|texts| texts.concat()),
        other => Err(ApiError::invalid(
            path,
            format!(
                "{path} must be a string or an array of parts, not {}",
                kind(&other)
            ),
        )),
    }
}

fn calls(fields: &mut Fields) -> Result<Vec<Call>, ApiError> {
    let path = fields.path("tool_calls");
    let given = fields.array("tool_calls")?.unwrap_or_default();
    given
        .into_iter()
        .enumerate()
        .map(|(index, value)| {
            let mut call = Fields::of(value, &format!("{path}[{index}]"))?;
            call.only("type", &[json!("function")], "only functions are")?;
            let id = call.required("id", "a string")?;
            let Some(mut function) = call.object("function")? else {
                let at = call.path("function");
                return Err(ApiError::invalid(at.as_str(), format!("{at} is missing")));
            };
            call.leave();
            let call = Call {
                id,
                name: function.required("name", "a string")?,
                arguments: function.required("arguments", "a string with JSON")?,
            };
            function.leave();
            Ok(call)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(value: Value) -> Result<Vec<Message>, String> {
        let Value::Array(given) = value else { panic!() };
        read(given).map_err(|error| error.to_string())
    }

    #[test]
    fn a_conversation_with_a_call() {
        let messages = read_all(json!([
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "How full "}, {"type": "text", "text": "is it?"}]},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "space", "arguments": "{\"pool\": \"tank\"}"}}
            ]},
            {"role": "tool", "tool_call_id": "call_1", "content": "40 %"}
        ]))
        .unwrap();
        let templates: Vec<Value> = messages.iter().map(Message::for_template).collect();
        assert_eq!(
            templates,
            [
                json!({"role": "system", "content": "Be brief."}),
                json!({"role": "user", "content": "How full is it?"}),
                json!({"role": "assistant", "content": "", "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": "space", "arguments": {"pool": "tank"}}}
                ]}),
                json!({"role": "tool", "content": "40 %", "tool_call_id": "call_1"}),
            ]
        );
    }

    #[test]
    fn names_go_to_the_template_and_reasoning_and_what_is_unknown_go_nowhere() {
        let messages = read_all(json!([
            {"role": "user", "name": "Ann", "content": [{"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}],
             "colour": "red"},
            {"role": "assistant", "content": "Ho", "reasoning": "Hm.", "reasoning_content": "Hm."}
        ]))
        .unwrap();
        let templates: Vec<Value> = messages.iter().map(Message::for_template).collect();
        assert_eq!(
            templates,
            [
                json!({"role": "user", "content": "Hi", "name": "Ann"}),
                json!({"role": "assistant", "content": "Ho"}),
            ]
        );
    }

    #[test]
    fn mistakes_are_named() {
        for (value, message) in [
            (json!([]), "messages must have at least one message"),
            (
                json!([{"role": "robot", "content": ""}]),
                "messages[0].role is \"robot\" and must be system, developer, user, assistant or tool",
            ),
            (
                json!([{"role": "user"}]),
                "messages[0].content is missing; it must be a string",
            ),
            (
                json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]),
                "messages[0].content[0].type is \"image_url\"; these models read text only",
            ),
            (
                json!([{"role": "tool", "content": "x"}]),
                "messages[0].tool_call_id is missing; it must be the id of a call",
            ),
        ] {
            assert_eq!(read_all(value), Err(message.to_owned()));
        }
    }
}
