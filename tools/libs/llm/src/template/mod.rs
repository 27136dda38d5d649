//! Chat templates: from messages to a prompt in the format that a model was trained on.
//!
//! Models come with a template as Jinja source, written for the Python library and the environment of `transformers`: blocks are
//! trimmed, `tojson` writes JSON as Python does, and there are the methods of Python's strings and dictionaries and the functions
//! `raise_exception` and `strftime_now`. A template is untrusted: its steps and its memory are limited, and it has access to nothing
//! but its variables. What others wrote in a conversation is untrusted too ([`ChatTemplate::prompt`]).

mod chat;
mod compiled;
mod conversation;
mod error;
mod guarded;
mod json;
mod limits;
mod marks;
mod prompt;
mod python;
mod quote;
mod rewrite;
mod source;
mod time;

pub use chat::ChatTemplate;
pub use conversation::Conversation;
pub use error::TemplateError;
pub use prompt::Prompt;
pub use quote::{Part, content};

#[cfg(test)]
mod tests;
