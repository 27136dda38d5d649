//! `POST /v1/completions`: the request. The model continues the prompt, without a chat template.

use serde_json::{Value, json};

use super::chat::{self, Stream};
use super::error::ApiError;
use super::fields::Fields;
use super::parameters::Parameters;
use crate::models::Input;

/// Default length of an answer in tokens, as in `OpenAI`'s interface.
const DEFAULT_TOKENS: usize = 16;

/// Maximum number of alternative tokens whose probabilities are returned.
const TOP_LOGPROBS: usize = 5;

/// A completion request.
#[derive(Debug, Clone, PartialEq)]
pub struct CompletionRequest {
    /// The model, by name, alias or `auto`.
    pub model: String,
    /// The text to continue.
    pub prompt: Input,
    /// How tokens are sampled.
    pub parameters: Parameters,
    /// Number of alternative tokens whose probabilities are returned; `None` returns no probabilities.
    pub logprobs: Option<u8>,
    /// Whether the answer begins with the prompt, and its probabilities with those of the prompt's tokens.
    pub echo: bool,
    /// Whether and how the answer is streamed.
    pub stream: Stream,
}

impl CompletionRequest {
    /// Reads a request: one for each of its prompts, at least one.
    pub fn read(body: Value) -> Result<Vec<Self>, ApiError> {
        let mut fields = Fields::of(body, "")?;
        let model = chat::model(&mut fields)?;
        let prompts = prompts(fields.raw("prompt"))?;
        let mut parameters = Parameters::read(&mut fields)?;
        let echo = fields.flag("echo")?;
        // The prompt alone is an answer: with logprobs, its score.
        let least = usize::from(!echo);
        let length = fields.count("max_tokens", least..=usize::MAX)?;
        parameters.max_tokens = Some(length.unwrap_or(DEFAULT_TOKENS));
        let logprobs = fields
            .count("logprobs", 0..=TOP_LOGPROBS)?
            .map(|count| u8::try_from(count).unwrap_or(u8::MAX));
        let stream = Stream::read(&mut fields)?;
        for (name, harmless, why) in [
            ("best_of", json!(1), "this engine gives one answer per request"),
            (
                "grammar",
                json!(""),
                "use /v1/chat/completions with response_format",
            ),
            (
                "suffix",
                json!(""),
                "these models continue text and do not fill gaps",
            ),
        ] {
            fields.only(name, &[harmless], why)?;
        }
        fields.leave();
        let one = |prompt| Self {
            model: model.clone(),
            prompt,
            parameters: parameters.clone(),
            logprobs,
            echo,
            stream,
        };
        Ok(prompts.into_iter().map(one).collect())
    }
}

/// Maximum number of prompts in a request.
const PROMPTS: usize = 128;

fn prompts(value: Option<Value>) -> Result<Vec<Input>, ApiError> {
    let wrong = || {
        ApiError::invalid(
            "prompt",
            format!("prompt must be a string, an array of token ids, or an array of 1 to {PROMPTS} of those"),
        )
    };
    let one = |value: Value| match value {
        Value::String(text) => Ok(Input::Text(text)),
        Value::Array(ids) if !ids.is_empty() => serde_json::from_value(Value::Array(ids))
            .map(Input::Tokens)
            .map_err(|_| wrong()),
        _ => Err(wrong()),
    };
    match value {
        Some(Value::Array(many)) if matches!(many.first(), Some(Value::String(_) | Value::Array(_))) => {
            if many.len() > PROMPTS {
                return Err(wrong());
            }
            many.into_iter().map(one).collect()
        }
        Some(value) => Ok(vec![one(value)?]),
        None => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Value) -> Result<Vec<CompletionRequest>, String> {
        CompletionRequest::read(value).map_err(|error| error.to_string())
    }

    #[test]
    fn prompts_are_text_or_tokens_one_or_several() {
        let prompts = |value: Value| {
            let requests = read(json!({"prompt": value}))?;
            Ok::<_, String>(
                requests
                    .into_iter()
                    .map(|request| request.prompt)
                    .collect::<Vec<_>>(),
            )
        };
        let text = |text: &str| Input::Text(text.into());
        assert_eq!(prompts(json!("a")), Ok(vec![text("a")]));
        assert_eq!(prompts(json!(["a"])), Ok(vec![text("a")]));
        assert_eq!(prompts(json!(["a", "b"])), Ok(vec![text("a"), text("b")]));
        assert_eq!(prompts(json!([1, 2])), Ok(vec![Input::Tokens(vec![1, 2])]));
        assert_eq!(
            prompts(json!([[1, 2], [3]])),
            Ok(vec![Input::Tokens(vec![1, 2]), Input::Tokens(vec![3])])
        );
        let message = "prompt must be a string, an array of token ids, or an array of 1 to 128 of those";
        for wrong in [
            json!([]),
            json!([-1]),
            json!({}),
            json!(null),
            json!(["a", 1]),
            json!([[]]),
            json!(vec!["a"; 129]),
        ] {
            assert_eq!(prompts(wrong), Err(message.into()));
        }
    }

    #[test]
    fn the_length_is_openais_unless_named() {
        let request = read(json!({"prompt": "a", "echo": true})).unwrap().remove(0);
        assert_eq!(request.parameters.max_tokens, Some(16));
        assert!(request.echo);
        let scored = read(json!({"prompt": "a", "echo": true, "logprobs": 1, "max_tokens": 0}))
            .unwrap()
            .remove(0);
        assert_eq!(
            (scored.logprobs, scored.parameters.max_tokens),
            (Some(1), Some(0))
        );
        assert_eq!(
            read(json!({"prompt": "a", "max_tokens": 0})),
            Err("max_tokens is 0 and must be a whole number from 1".into())
        );
        assert_eq!(
            read(json!({"prompt": ["a", "b"], "stream": true})).unwrap().len(),
            2
        );
    }
}
