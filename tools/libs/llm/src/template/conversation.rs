//! What a template is given.

use std::time::SystemTime;

use serde_json::{Map, Value as Json};

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
