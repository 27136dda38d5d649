//! Chat templates: from messages to a prompt in the format that a model was trained on.
//!
//! Models come with a template as Jinja source, written for the Python library and the environment of `transformers`: blocks are
//! trimmed, `tojson` writes JSON as Python does, and there are the methods of Python's strings and dictionaries and the functions
//! `raise_exception` and `strftime_now`. A template is untrusted: its steps are limited, and it has access to nothing but its
//! variables.

mod json;
mod python;
mod source;
mod time;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Error, ErrorKind, Value};
use serde_json::{Map, Value as Json};
use sigmavault_gguf::Metadata;

use crate::tokenizer::Tokenizer;

/// The most steps of a rendering. The longest conversations take a few hundred thousand.
const FUEL: u64 = 20_000_000;

/// The name of the template in its environment.
const NAME: &str = "chat template";

/// Why a conversation cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The model has no template.
    #[error("the model has no chat template; use it for completions, or choose another model")]
    Missing,
    /// A file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The template is not valid Jinja, or uses an unknown function or variable.
    #[error("the model's chat template does not work: {0}")]
    Broken(String),
    /// The template rejects these messages.
    #[error("the model cannot be given these messages: {0}")]
    Refused(String),
}

/// The input of a template.
#[derive(Debug, Clone)]
pub struct Conversation<'a> {
    /// The messages, each an object with `role` and `content`.
    pub messages: &'a [Json],
    /// The tools, each an object with `type` and `function`; `None` without tools.
    pub tools: Option<&'a [Json]>,
    /// Whether the prompt ends with the beginning of an answer.
    pub add_generation_prompt: bool,
    /// More variables, such as `enable_thinking`.
    pub variables: &'a Map<String, Json>,
    /// The time for `strftime_now`.
    pub now: SystemTime,
}

/// A compiled template.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    source: String,
    begin: Option<String>,
    end: Option<String>,
}

impl ChatTemplate {
    /// Compiles `source`; `begin` and `end` are the begin and end tokens as text.
    pub fn new(
        source: &str,
        begin: Option<String>,
        end: Option<String>,
    ) -> Result<ChatTemplate, TemplateError> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()
            .map_err(broken)?;
        environment.set_syntax(syntax);
        environment.set_fuel(Some(FUEL));
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.set_unknown_method_callback(python::method);
        environment.add_filter("tojson", json::tojson);
        environment.add_function("raise_exception", |message: String| -> Result<Value, Error> {
            Err(Error::new(
                ErrorKind::InvalidOperation,
                format!("{REFUSAL}{message}"),
            ))
        });
        let prepared = source::prepare(source).map_err(TemplateError::Broken)?;
        environment.add_template_owned(NAME, prepared).map_err(broken)?;
        Ok(ChatTemplate {
            environment,
            source: source.to_owned(),
            begin,
            end,
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
        ChatTemplate::new(source, text(tokenizer.roles().bos), text(tokenizer.roles().eos))
    }

    /// The source.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Renders a conversation. The result has special tokens and the begin token written out, and is to be encoded accordingly.
    pub fn render(&self, conversation: &Conversation<'_>) -> Result<String, TemplateError> {
        let template = self.environment.get_template(NAME).map_err(broken)?;
        let mut variables: Vec<(String, Value)> = conversation
            .variables
            .iter()
            .map(|(name, value)| (name.clone(), Value::from(Serde(value))))
            .collect();
        let mut set = |name: &str, value: Value| variables.push((name.to_owned(), value));
        set("messages", Value::from(Serde(conversation.messages)));
        set(
            "tools",
            conversation
                .tools
                .map_or(Value::from(()), |tools| Value::from(Serde(tools))),
        );
        set("documents", Value::from(()));
        set(
            "add_generation_prompt",
            Value::from(conversation.add_generation_prompt),
        );
        if let Some(begin) = &self.begin {
            set("bos_token", Value::from(begin.as_str()));
        }
        if let Some(end) = &self.end {
            set("eos_token", Value::from(end.as_str()));
        }
        let now = conversation.now;
        set(
            "strftime_now",
            Value::from_function(move |format: String| time::format(now, &format)),
        );
        template.render(Value::from_pairs(variables)).map_err(broken)
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
        let count = conversation.messages.len();
        let mut ends: Vec<usize> = (1..=count).rev().take(most.saturating_sub(1)).collect();
        if most > 0 && count > 0 && !ends.contains(&1) {
            ends.push(1);
        }
        let mut found: Vec<usize> = ends
            .into_iter()
            .filter_map(|end| {
                let part = Conversation {
                    messages: &conversation.messages[..end],
                    add_generation_prompt: false,
                    ..conversation.clone()
                };
                let text = self.render(&part).ok()?;
                let tokens = tokenizer.encode(&text, true).ok()?;
                Some(tokens.iter().zip(prompt).take_while(|(a, b)| a == b).count())
            })
            .filter(|&length| length > 0)
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// Marks an error as raised by the template itself.
const REFUSAL: &str = "refused by the template: ";

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn broken(error: Error) -> TemplateError {
    if let Some(message) = error.detail().and_then(|d| d.strip_prefix(REFUSAL)) {
        return TemplateError::Refused(message.to_owned());
    }
    let line = error.line().map(|l| format!(" (line {l})")).unwrap_or_default();
    TemplateError::Broken(format!("{error}{line}"))
}

#[cfg(test)]
mod tests;
