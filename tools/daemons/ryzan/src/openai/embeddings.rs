//! `POST /v1/embeddings`: the request and the answer.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::chat;
use super::error::ApiError;
use super::fields::Fields;
use crate::models::Input;

/// Maximum number of texts in a request, as in `OpenAI`'s interface; `Ollama`'s takes as many here.
pub const LIMIT: usize = 2048;

/// How vectors are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Arrays of numbers.
    Float,
    /// 32-bit floats, little-endian, as Base64.
    Base64,
}

/// An embedding request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddingRequest {
    /// The model, by name, alias or `auto`.
    pub model: String,
    /// The texts to embed.
    pub inputs: Vec<Input>,
    /// How the vectors are encoded.
    pub encoding: Encoding,
    /// Expected length of the vectors; `None` accepts any.
    pub dimensions: Option<usize>,
}

impl EmbeddingRequest {
    /// Reads a request.
    pub fn read(body: Value) -> Result<Self, ApiError> {
        let mut fields = Fields::of(body, "")?;
        let model = chat::model(&mut fields)?;
        let inputs = inputs(fields.raw("input"))?;
        let encoding = match fields.text("encoding_format")?.as_deref() {
            None | Some("float") => Encoding::Float,
            Some("base64") => Encoding::Base64,
            Some(other) => {
                return Err(ApiError::invalid(
                    "encoding_format",
                    format!("encoding_format is {other:?} and must be float or base64"),
                ));
            }
        };
        let dimensions = fields.count("dimensions", 1..=usize::MAX)?;
        fields.leave();
        Ok(Self {
            model,
            inputs,
            encoding,
            dimensions,
        })
    }
}

fn inputs(value: Option<Value>) -> Result<Vec<Input>, ApiError> {
    let wrong = || {
        ApiError::invalid(
            "input",
            format!(
                "input must be a string, an array of token ids, or an array of 1 to {LIMIT} of those, none empty"
            ),
        )
    };
    let one = |value: Value| match value {
        Value::String(text) if !text.is_empty() => Ok(Input::Text(text)),
        Value::Array(ids) if !ids.is_empty() => serde_json::from_value(Value::Array(ids))
            .map(Input::Tokens)
            .map_err(|_| wrong()),
        _ => Err(wrong()),
    };
    match value {
        Some(Value::Array(many)) if matches!(many.first(), Some(Value::String(_) | Value::Array(_))) => {
            if many.len() > LIMIT {
                return Err(wrong());
            }
            many.into_iter().map(one).collect()
        }
        Some(value) => Ok(vec![one(value)?]),
        None => Err(wrong()),
    }
}

/// The answer.
pub fn answer(model: &str, vectors: &[Vec<f32>], encoding: Encoding, tokens: usize) -> Value {
    let data: Vec<Value> = vectors
        .iter()
        .enumerate()
        .map(|(index, vector)| {
            let embedding = match encoding {
                Encoding::Float => json!(vector),
                Encoding::Base64 => {
                    let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
                    json!(BASE64_STANDARD.encode(bytes))
                }
            };
            json!({"object": "embedding", "index": index, "embedding": embedding})
        })
        .collect();
    json!({
        "object": "list",
        "data": data,
        "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_of_every_kind() {
        let read = |input: Value| {
            EmbeddingRequest::read(json!({"input": input}))
                .map(|request| request.inputs)
                .map_err(|error| error.to_string())
        };
        let text = |text: &str| Input::Text(text.to_owned());
        assert_eq!(read(json!("a")), Ok(vec![text("a")]));
        assert_eq!(read(json!(["a", "b"])), Ok(vec![text("a"), text("b")]));
        assert_eq!(read(json!([1, 2])), Ok(vec![Input::Tokens(vec![1, 2])]));
        assert_eq!(
            read(json!([[1], [2]])),
            Ok(vec![Input::Tokens(vec![1]), Input::Tokens(vec![2])])
        );
        for wrong in [
            json!(""),
            json!([]),
            json!(["a", ""]),
            json!([1, "a"]),
            json!(null),
        ] {
            assert!(
                read(wrong.clone()).unwrap_err().starts_with("input must be"),
                "{wrong}"
            );
        }
    }

    #[test]
    fn base64_is_little_endian_floats() {
        let answer = answer("m", &[vec![1.0, -2.0]], Encoding::Base64, 3);
        assert_eq!(answer["data"][0]["embedding"], "AACAPwAAAMA=");
        assert_eq!(answer["usage"], json!({"prompt_tokens": 3, "total_tokens": 3}));
    }
}
