//! A model's chat template.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::Environment;
use serde_json::Value as Json;
use sigmavault_gguf::Metadata;

use super::compiled::{compile, render};
use super::conversation::Conversation;
use super::error::TemplateError;
use super::prompt::{Marked, Prompt};
use super::quote;
use crate::tokenizer::{Bounds, Controls, Identity, Tokenizer};

/// A compiled template.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    source: String,
    begin: Option<String>,
    end: Option<String>,
    /// The template compiled for a vocabulary, and which.
    marked: Mutex<Option<(Identity, Arc<Marked>)>>,
}

impl ChatTemplate {
    /// Compiles `source`; `begin` and `end` are the begin and end tokens as text.
    pub fn new(
        source: &str,
        begin: Option<String>,
        end: Option<String>,
    ) -> Result<ChatTemplate, TemplateError> {
        Ok(ChatTemplate {
            environment: compile(source, &|text| text.to_owned())?,
            source: source.to_owned(),
            begin,
            end,
            marked: Mutex::default(),
        })
    }

    /// The template in a GGUF file's metadata.
    pub fn from_gguf(metadata: &Metadata, tokenizer: &Tokenizer) -> Result<ChatTemplate, TemplateError> {
        let source = metadata
            .string("tokenizer.chat_template")
            .ok_or(TemplateError::Missing)?;
        Self::with_tokens_of(source, tokenizer)
    }

    /// The template beside the `tokenizer.json` at `path`: `chat_template.jinja`, or a key of `tokenizer_config.json`.
    pub fn from_json(path: &Path, tokenizer: &Tokenizer) -> Result<ChatTemplate, TemplateError> {
        let read = |path: &Path| {
            std::fs::read_to_string(path).map_err(|source| TemplateError::Read {
                path: path.to_owned(),
                source,
            })
        };
        let alone = path.with_file_name("chat_template.jinja");
        if alone.is_file() {
            return Self::with_tokens_of(&read(&alone)?, tokenizer);
        }
        let config = path.with_file_name("tokenizer_config.json");
        if !config.is_file() {
            return Err(TemplateError::Missing);
        }
        let config: Json =
            serde_json::from_str(&read(&config)?).map_err(|e| TemplateError::Broken(e.to_string()))?;
        let source = match &config["chat_template"] {
            Json::String(source) => Some(source.as_str()),
            // Several templates by name; the default one supports tools too.
            Json::Array(named) => named
                .iter()
                .find(|t| t["name"] == "default")
                .and_then(|t| t["template"].as_str()),
            _ => None,
        };
        Self::with_tokens_of(source.ok_or(TemplateError::Missing)?, tokenizer)
    }

    fn with_tokens_of(source: &str, tokenizer: &Tokenizer) -> Result<ChatTemplate, TemplateError> {
        let text = |id: Option<u32>| id.map(|id| String::from_utf8_lossy(tokenizer.bytes(id)).into_owned());
        let template = ChatTemplate::new(source, text(tokenizer.roles().bos), text(tokenizer.roles().eos))?;
        template.marked(tokenizer)?;
        Ok(template)
    }

    /// The source.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Renders a conversation. The result has special tokens and the begin token written out. What others wrote cannot be told from
    /// them any more: for a model, use [`ChatTemplate::prompt`].
    pub fn render(&self, conversation: &Conversation<'_>) -> Result<String, TemplateError> {
        let joined = quote::joined(conversation.messages);
        let conversation = Conversation {
            messages: joined.as_deref().unwrap_or(conversation.messages),
            ..conversation.clone()
        };
        render(
            &self.environment,
            &conversation,
            self.begin.as_deref(),
            self.end.as_deref(),
        )
    }

    /// The tokens of a conversation. Only what the template writes becomes control tokens: in what others wrote, their texts, and
    /// those of other tags, are text.
    ///
    /// # Errors
    /// As [`ChatTemplate::render`], and [`TemplateError::Tokens`] if there are more tokens than `bounds` allows.
    pub fn prompt(
        &self,
        conversation: &Conversation<'_>,
        tokenizer: &Tokenizer,
        bounds: &Bounds<'_>,
    ) -> Result<Prompt, TemplateError> {
        let written = self.marked(tokenizer)?.write(conversation, tokenizer)?;
        let tokens = tokenizer.encode_within(&written.text, Controls::Where(&written.provenance), bounds)?;
        Ok(Prompt {
            text: written.text,
            tokens,
        })
    }

    /// The positions in `prompt`, the tokens of the rendered `conversation`, at which a message ends, where another request is likely to
    /// diverge. At most `most` of them: the longest ones and the shortest.
    pub fn boundaries(
        &self,
        conversation: &Conversation<'_>,
        tokenizer: &Tokenizer,
        prompt: &[u32],
        most: usize,
    ) -> Vec<usize> {
        self.boundaries_within(conversation, tokenizer, prompt, most, &|| false)
    }

    /// Like [`ChatTemplate::boundaries`]; none if `cancelled` on the way.
    pub fn boundaries_within(
        &self,
        conversation: &Conversation<'_>,
        tokenizer: &Tokenizer,
        prompt: &[u32],
        most: usize,
        cancelled: &dyn Fn() -> bool,
    ) -> Vec<usize> {
        let count = conversation.messages.len();
        let mut ends: Vec<usize> = (1..=count).rev().take(most.saturating_sub(1)).collect();
        if most > 0 && count > 0 && !ends.contains(&1) {
            ends.push(1);
        }
        let bounds = Bounds {
            tokens: usize::MAX,
            cancelled,
        };
        let mut found: Vec<usize> = ends
            .into_iter()
            .filter_map(|end| {
                let part = Conversation {
                    messages: &conversation.messages[..end],
                    add_generation_prompt: false,
                    ..conversation.clone()
                };
                let tokens = self.prompt(&part, tokenizer, &bounds).ok()?.tokens;
                Some(tokens.iter().zip(prompt).take_while(|(a, b)| a == b).count())
            })
            .filter(|&length| length > 0)
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The template compiled for this vocabulary: mostly the one that it was loaded with.
    fn marked(&self, tokenizer: &Tokenizer) -> Result<Arc<Marked>, TemplateError> {
        let mut marked = self.marked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((vocabulary, marked)) = marked.as_ref()
            && vocabulary.is_of(tokenizer)
        {
            return Ok(Arc::clone(marked));
        }
        let made = Marked::new(
            &self.source,
            self.begin.as_deref(),
            self.end.as_deref(),
            tokenizer,
        )?;
        let made = Arc::new(made);
        *marked = Some((tokenizer.identity(), Arc::clone(&made)));
        Ok(made)
    }
}
