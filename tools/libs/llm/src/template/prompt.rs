//! The tokens of a rendered conversation.
//!
//! Text that a model was trained to obey, `<|im_start|>system`, must come from the template alone. So the template is compiled once
//! more with a mark for each control token in its source ([`super::marks`]), and only marked ones become tokens. The rest of the
//! design is about what is left:
//!
//! - Templates that put a token together, `'<|' + message.role + '|>'`: it counts if its bars are the template's. To tell these, the
//!   conversation is rendered once more with the bars of others marked.
//! - Tags that are not control tokens (`<think>`, `<tool_call>`, `<tool_response>`): they are tokens in the template and in the model's
//!   earlier answers, and text in what users, tools, schemas and arguments say.
//! - Templates that look for such tags in messages: of several ways to mark them, one that leaves the rendered text as it would be
//!   without marks is taken.
//!
//! Without any of these in the conversation, its text and tokens are those of the library that templates are written for.

use minijinja::Environment;
use serde_json::Value as Json;

use super::compiled::{compile, render};
use super::conversation::Conversation;
use super::error::TemplateError;
use super::marks::{self, Written};
use super::quote::{Marking, Tags};
use crate::tokenizer::{READ_TAGS, Tokenizer};

/// Tags around what a tool returned.
const RESULT_TAGS: [&str; 2] = ["<tool_response>", "</tool_response>"];

/// A prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// The rendered text.
    pub text: String,
    /// Its tokens.
    pub tokens: Vec<u32>,
}

/// A template compiled for a vocabulary.
#[derive(Debug)]
pub(super) struct Marked {
    environment: Environment<'static>,
    /// The control tokens in the source, by the numbers of their marks.
    tokens: Vec<String>,
    tags: Tags,
    begin: Option<String>,
    end: Option<String>,
}

impl Marked {
    /// Compiles `source`; `begin` and `end` are the begin and end tokens as text.
    pub(super) fn new(
        source: &str,
        begin: Option<&str>,
        end: Option<&str>,
        tokenizer: &Tokenizer,
    ) -> Result<Marked, TemplateError> {
        let mut tokens: Vec<String> = Vec::new();
        for text in [Some(source), begin, end].into_iter().flatten() {
            for found in tokenizer.controls_in(text) {
                let token = &text[found];
                if !tokens.iter().any(|known| known == token) {
                    tokens.push(token.to_owned());
                }
            }
        }
        if tokens.len() > marks::MOST_TOKENS as usize {
            return Err(TemplateError::Broken(format!(
                "it uses {} control tokens, and may use {}",
                tokens.len(),
                marks::MOST_TOKENS
            )));
        }
        let mark = |text: &str| {
            let mut out = String::with_capacity(text.len());
            let mut at = 0;
            for found in tokenizer.controls_in(text) {
                out.push_str(&text[at..found.start]);
                let token = &text[found.clone()];
                match (0u32..).zip(&tokens).find(|(_, known)| *known == token) {
                    Some((number, _)) => out.push(marks::token(number)),
                    None => out.push_str(token),
                }
                at = found.end;
            }
            out.push_str(&text[at..]);
            out
        };
        let structure =
            |tag: &&str| source.contains(*tag) || READ_TAGS.contains(tag) || RESULT_TAGS.contains(tag);
        let tags = tokenizer.added_texts(false).filter(structure).map(str::to_owned);
        let barred = tokenizer
            .added_texts(true)
            .filter(|token| token.contains(marks::is_bar))
            .map(str::to_owned);
        Ok(Marked {
            environment: compile(source, &mark)?,
            tags: Tags::new(tags.collect(), barred.collect()).map_err(TemplateError::Broken)?,
            begin: begin.map(mark),
            end: end.map(mark),
            tokens,
        })
    }

    fn render(&self, conversation: &Conversation<'_>, marking: Marking) -> Result<Written, TemplateError> {
        let messages: Vec<Json> = conversation
            .messages
            .iter()
            .map(|message| self.tags.message(message, marking))
            .collect();
        let tools: Option<Vec<Json>> = conversation
            .tools
            .map(|tools| tools.iter().map(|tool| self.tags.tool(tool, marking)).collect());
        let conversation = Conversation {
            messages: &messages,
            tools: tools.as_deref(),
            ..conversation.clone()
        };
        let marked = render(
            &self.environment,
            &conversation,
            self.begin.as_deref(),
            self.end.as_deref(),
        )?;
        Ok(marks::read(&marked, &self.tokens))
    }

    /// The rendered conversation, and what in it is the template's.
    pub(super) fn write(
        &self,
        conversation: &Conversation<'_>,
        tokenizer: &Tokenizer,
    ) -> Result<Written, TemplateError> {
        let plain = self.render(conversation, Marking::NONE)?;
        let tools = conversation.tools.unwrap_or_default();
        if unmarked(&plain, tokenizer).is_empty() && !self.tags.suspect(conversation.messages, tools) {
            return Ok(plain);
        }
        let mut strictest = None;
        for marking in Marking::STRICT {
            let written = self.render(conversation, marking);
            if written.as_ref().is_ok_and(|written| written.text == plain.text) {
                return Ok(with_built_tokens(written?, tokenizer));
            }
            strictest.get_or_insert(written);
        }
        // Whatever the template looks for, it does not find it in what others wrote.
        let written = strictest.unwrap_or(Ok(Written::default()))?;
        Ok(with_built_tokens(written, tokenizer))
    }
}

/// Control tokens in the text that are no marked ones.
fn unmarked(written: &Written, tokenizer: &Tokenizer) -> Vec<std::ops::Range<usize>> {
    let mut own = written.provenance.controls.iter().peekable();
    let mut found = tokenizer.controls_in(&written.text);
    found.retain(|found| {
        while own.next_if(|own| own.end <= found.start).is_some() {}
        own.peek().is_none_or(|own| found.end <= own.start)
    });
    found
}

/// Adds the control tokens that the template put together.
fn with_built_tokens(mut written: Written, tokenizer: &Tokenizer) -> Written {
    let walls = &written.provenance.walls;
    let built: Vec<_> = unmarked(&written, tokenizer)
        .into_iter()
        .filter(|found| {
            let next = walls.partition_point(|wall| *wall <= found.start);
            let spans_wall = walls.get(next).is_some_and(|wall| *wall < found.end);
            written.text[found.clone()].contains(marks::is_bar) && !spans_wall
        })
        .collect();
    written.provenance.controls.extend(built);
    written
        .provenance
        .controls
        .sort_unstable_by_key(|range| range.start);
    written
}
