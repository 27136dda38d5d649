//! `POST /tokenize` and `POST /detokenize`, as llama.cpp's server has them.

use std::sync::Arc;

use serde::Serialize;
use serde::ser::{SerializeStruct as _, Serializer};
use serde_json::{Value, json};
use sigmavault_llm::tokenizer::{Bounds, Controls, Tokenizer, TokenizerError};

use super::chat;
use super::error::ApiError;
use super::fields::Fields;
use crate::admission::Gone;

/// A request to split a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenizeRequest {
    /// The model, by name, alias or `auto`.
    pub model: String,
    /// The text.
    pub content: String,
    /// Whether the token that begins a text is added.
    pub add_special: bool,
    /// Whether control tokens that are written out become their ids, as they do unless the request says otherwise.
    pub parse_special: bool,
    /// Whether the answer has the text of each token.
    pub with_pieces: bool,
}

impl TokenizeRequest {
    /// Reads a request.
    pub fn read(body: Value) -> Result<Self, ApiError> {
        let mut fields = Fields::of(body, "")?;
        let request = Self {
            model: chat::model(&mut fields)?,
            content: fields.required("content", "a string")?,
            add_special: fields.flag("add_special")?,
            parse_special: fields.get("parse_special", "true or false")?.unwrap_or(true),
            with_pieces: fields.flag("with_pieces")?,
        };
        fields.leave();
        Ok(request)
    }

    /// The tokens, at most [`TOKENS`].
    pub fn answer(&self, tokenizer: Arc<Tokenizer>, gone: &Gone) -> Result<Tokenized, ApiError> {
        let controls = if self.parse_special {
            Controls::Everywhere
        } else {
            Controls::Nowhere
        };
        let bounds = Bounds {
            tokens: TOKENS,
            cancelled: &|| gone.is(),
        };
        let mut ids = tokenizer
            .encode_within(&self.content, controls, &bounds)
            .map_err(|error| match error {
                TokenizerError::TooLong { .. } => ApiError::Invalid {
                    message: format!("content has more than {TOKENS} tokens; send it in parts"),
                    param: Some("content".to_owned()),
                    code: Some("too_many_tokens"),
                },
                error => ApiError::invalid("content", error.to_string()),
            })?;
        let roles = tokenizer.roles();
        if self.add_special
            && roles.add_bos
            && let Some(begin) = roles.bos
        {
            ids.insert(0, begin);
        }
        Ok(Tokenized {
            ids,
            pieces: self.with_pieces.then_some(tokenizer),
        })
    }
}

/// The most tokens of an answer; [`DetokenizeRequest`] takes as many.
const TOKENS: usize = 150_000;

/// The tokens of a text. They are written one by one: as JSON values they would take many times as much memory.
#[derive(Debug)]
pub struct Tokenized {
    ids: Vec<u32>,
    /// Where the texts of tokens are found, if they are told.
    pieces: Option<Arc<Tokenizer>>,
}

impl Serialize for Tokenized {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut answer = serializer.serialize_struct("Tokenized", 1)?;
        match &self.pieces {
            None => answer.serialize_field("tokens", &self.ids)?,
            Some(tokenizer) => answer.serialize_field("tokens", &Pieces(&self.ids, tokenizer))?,
        }
        answer.end()
    }
}

/// Tokens with their texts.
struct Pieces<'a>(&'a [u32], &'a Tokenizer);

impl Serialize for Pieces<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let piece = |id: &u32| {
            let bytes = self.1.bytes(*id);
            // A part of a character is no text.
            let piece = std::str::from_utf8(bytes).map_or(Piece::Bytes(bytes), Piece::Text);
            Token { id: *id, piece }
        };
        serializer.collect_seq(self.0.iter().map(piece))
    }
}

#[derive(Serialize)]
struct Token<'a> {
    id: u32,
    piece: Piece<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Piece<'a> {
    Text(&'a str),
    Bytes(&'a [u8]),
}

/// A request to join tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetokenizeRequest {
    /// The model, by name, alias or `auto`.
    pub model: String,
    /// The tokens, by id.
    pub tokens: Vec<u32>,
}

impl DetokenizeRequest {
    /// Reads a request.
    pub fn read(body: Value) -> Result<Self, ApiError> {
        let mut fields = Fields::of(body, "")?;
        let request = Self {
            model: chat::model(&mut fields)?,
            tokens: fields.required("tokens", "an array of token ids")?,
        };
        fields.leave();
        Ok(request)
    }

    /// The text.
    pub fn answer(&self, tokenizer: &Tokenizer) -> Value {
        json!({ "content": tokenizer.decode(&self.tokens, true) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_as_in_llama_cpp() {
        assert_eq!(
            TokenizeRequest::read(json!({"content": "a"})),
            Ok(TokenizeRequest {
                model: "auto".into(),
                content: "a".into(),
                add_special: false,
                parse_special: true,
                with_pieces: false,
            })
        );
        let message = |body| DetokenizeRequest::read(body).unwrap_err().to_string();
        assert_eq!(
            message(json!({"tokens": [-1]})),
            "tokens must be an array of token ids, not an array"
        );
        assert_eq!(
            message(json!({})),
            "tokens is missing; it must be an array of token ids"
        );
    }
}
