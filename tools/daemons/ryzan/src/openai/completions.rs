//! `POST /v1/completions`: the request. The model continues the prompt, without a chat template.

use serde_json::{Value, json};

use super::chat::{self, Stream};
use super::error::ApiError;
use super::fields::Fields;
use super::parameters::Parameters;

/// Default length of an answer in tokens, as in `OpenAI`'s interface.
const DEFAULT_TOKENS: usize = 16;

/// Maximum number of alternative tokens whose probabilities are returned.
const TOP_LOGPROBS: usize = 5;

/// The text to continue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {
    /// Text.
    Text(String),
    /// Tokens, by id.
    Tokens(Vec<u32>),
}

/// A completion request.
#[derive(Debug, Clone, PartialEq)]
pub struct CompletionRequest {
    /// The model, by name, alias or `auto`.
    pub model: String,
    /// The text to continue.
    pub prompt: Prompt,
    /// How tokens are sampled.
    pub parameters: Parameters,
    /// Number of alternative tokens whose probabilities are returned; `None` returns no probabilities.
    pub logprobs: Option<u8>,
    /// Whether and how the answer is streamed.
    pub stream: Stream,
}

impl CompletionRequest {
    /// Reads a request.
    pub fn read(body: Value) -> Result<Self, ApiError> {
        let mut fields = Fields::of(body, "")?;
        let model = chat::model(&mut fields)?;
        let prompt = prompt(fields.raw("prompt"))?;
        let mut parameters = Parameters::read(&mut fields)?;
        let length = fields.count("max_tokens", 1..=usize::MAX)?;
        parameters.max_tokens = Some(length.unwrap_or(DEFAULT_TOKENS));
        let logprobs = fields
            .count("logprobs", 0..=TOP_LOGPROBS)?
            .map(|count| u8::try_from(count).unwrap_or(u8::MAX));
        let stream = Stream::read(&mut fields)?;
        fields.ignore(&chat::LABELS);
        for (name, harmless, why) in [
            ("best_of", json!(1), "this engine gives one answer per request"),
            ("echo", json!(false), "the prompt is not echoed"),
            (
                "suffix",
                json!(""),
                "these models continue text and do not fill gaps",
            ),
        ] {
            fields.only(name, &[harmless], why)?;
        }
        fields.finish()?;
        Ok(Self {
            model,
            prompt,
            parameters,
            logprobs,
            stream,
        })
    }
}

fn prompt(value: Option<Value>) -> Result<Prompt, ApiError> {
    let wrong = || {
        ApiError::invalid(
            "prompt",
            "prompt must be one string or one array of token ids; send several prompts one by one",
        )
    };
    match value {
        Some(Value::String(text)) => Ok(Prompt::Text(text)),
        Some(Value::Array(mut parts)) => match parts.as_slice() {
            [Value::String(_) | Value::Array(_)] => prompt(parts.pop()),
            [Value::Number(_), ..] => serde_json::from_value(Value::Array(parts))
                .map(Prompt::Tokens)
                .map_err(|_| wrong()),
            _ => Err(wrong()),
        },
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Value) -> Result<CompletionRequest, String> {
        CompletionRequest::read(value).map_err(|error| error.to_string())
    }

    #[test]
    fn prompts_are_text_or_tokens() {
        let prompt = |value: Value| read(json!({"prompt": value})).map(|request| request.prompt);
        assert_eq!(prompt(json!("a")), Ok(Prompt::Text("a".into())));
        assert_eq!(prompt(json!(["a"])), Ok(Prompt::Text("a".into())));
        assert_eq!(prompt(json!([1, 2])), Ok(Prompt::Tokens(vec![1, 2])));
        assert_eq!(prompt(json!([[1, 2]])), Ok(Prompt::Tokens(vec![1, 2])));
        let message = "prompt must be one string or one array of token ids; send several prompts one by one";
        for wrong in [json!(["a", "b"]), json!([]), json!([-1]), json!({}), json!(null)] {
            assert_eq!(prompt(wrong), Err(message.into()));
        }
    }

    #[test]
    fn the_length_is_openais_unless_named() {
        assert_eq!(
            read(json!({"prompt": "a"})).unwrap().parameters.max_tokens,
            Some(16)
        );
        assert_eq!(
            read(json!({"prompt": "a", "echo": true})),
            Err("echo is not supported: the prompt is not echoed".into())
        );
    }
}
