//! Answers of `/v1/messages`: a message, or the events that make it.

use serde_json::{Value, json};
use sigmavault_llm::engine::Usage;

use super::wire::error as error_of;
use crate::answer::{Event, Reason, Whole};
use crate::openai::error::ApiError;
use crate::openai::messages::Call;
use crate::sse::{Encode, Frame};

/// The complete answer.
pub fn whole(id: &str, model: &str, whole: &Whole) -> Value {
    let mut content = Vec::new();
    if !whole.reasoning.is_empty() {
        content.push(json!({"type": "thinking", "thinking": whole.reasoning, "signature": ""}));
    }
    if !whole.content.is_empty() {
        content.push(json!({"type": "text", "text": whole.content}));
    }
    for call in &whole.calls {
        let input: Value = serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!({}));
        content.push(json!({"type": "tool_use", "id": call_id(call), "name": call.name, "input": input}));
    }
    let mut message = begun(id, model, &usage(whole.usage));
    let (reason, sequence) = stop(whole.reason.unwrap_or(Reason::Stop), whole.stop.as_deref());
    message["content"] = json!(content);
    message["stop_reason"] = reason;
    message["stop_sequence"] = sequence;
    message
}

/// A message without content.
fn begun(id: &str, model: &str, usage: &Value) -> Value {
    json!({
        "id": id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
        "usage": usage,
    })
}

/// Token counts. Those of the prompt are counted without the cached ones.
fn usage(usage: Usage) -> Value {
    json!({
        "input_tokens": usage.prompt - usage.cached.min(usage.prompt),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.completion,
    })
}

/// `stop_reason` and `stop_sequence`.
fn stop(reason: Reason, sequence: Option<&str>) -> (Value, Value) {
    match (reason, sequence) {
        (Reason::ToolCalls, _) => (json!("tool_use"), Value::Null),
        (Reason::Length, _) => (json!("max_tokens"), Value::Null),
        (Reason::Stop, Some(sequence)) => (json!("stop_sequence"), json!(sequence)),
        (Reason::Stop, None) => (json!("end_turn"), Value::Null),
    }
}

/// Ids of calls begin as they do in `Anthropic`'s interface.
fn call_id(call: &Call) -> String {
    call.id
        .strip_prefix("call_")
        .map_or_else(|| call.id.clone(), |rest| format!("toolu_{rest}"))
}

/// The kind of the block under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Thinking,
    Text,
    Call,
}

/// Writes an answer as events.
#[derive(Debug)]
pub struct Writer {
    id: String,
    model: String,
    prompt_tokens: usize,
    open: Option<Open>,
    /// Number of blocks that were begun.
    blocks: usize,
}

impl Writer {
    /// The answer of this model to a prompt of so many tokens.
    pub const fn new(id: String, model: String, prompt_tokens: usize) -> Self {
        Self {
            id,
            model,
            prompt_tokens,
            open: None,
            blocks: 0,
        }
    }

    /// Begins a block, after ending the one before.
    fn start(&mut self, open: Open, block: &Value) -> Vec<Frame> {
        let mut frames = self.close();
        let index = self.blocks;
        self.blocks += 1;
        self.open = Some(open);
        frames.push(frame(
            "content_block_start",
            json!({"index": index, "content_block": block}),
        ));
        frames
    }

    fn close(&mut self) -> Vec<Frame> {
        match self.open.take() {
            None => Vec::new(),
            Some(Open::Thinking) => vec![
                self.delta(&json!({"type": "signature_delta", "signature": ""})),
                self.stop(),
            ],
            Some(Open::Text | Open::Call) => vec![self.stop()],
        }
    }

    fn delta(&self, delta: &Value) -> Frame {
        frame(
            "content_block_delta",
            json!({"index": self.blocks.saturating_sub(1), "delta": delta}),
        )
    }

    fn stop(&self) -> Frame {
        frame(
            "content_block_stop",
            json!({"index": self.blocks.saturating_sub(1)}),
        )
    }

    fn text(&mut self, thinking: bool, text: &str) -> Vec<Frame> {
        let (open, block, delta) = if thinking {
            (
                Open::Thinking,
                json!({"type": "thinking", "thinking": "", "signature": ""}),
                json!({"type": "thinking_delta", "thinking": text}),
            )
        } else {
            (
                Open::Text,
                json!({"type": "text", "text": ""}),
                json!({"type": "text_delta", "text": text}),
            )
        };
        let mut frames = if self.open == Some(open) {
            Vec::new()
        } else {
            self.start(open, &block)
        };
        frames.push(self.delta(&delta));
        frames
    }
}

fn frame(name: &'static str, mut data: Value) -> Frame {
    data["type"] = json!(name);
    Frame {
        name: Some(name),
        data,
    }
}

impl Encode for Writer {
    const WAITING: &'static str = "event: ping\ndata: {\"type\": \"ping\"}\n\n";

    fn begin(&mut self) -> Vec<Frame> {
        let known = Usage {
            prompt: self.prompt_tokens,
            ..Usage::default()
        };
        let message = begun(&self.id, &self.model, &usage(known));
        vec![frame("message_start", json!({ "message": message }))]
    }

    fn event(&mut self, event: Event) -> Vec<Frame> {
        match event {
            // Not asked for.
            Event::Prompt(_) => Vec::new(),
            Event::Reasoning(text) => self.text(true, &text),
            Event::Content { text, .. } => self.text(false, &text),
            Event::CallBegun(call) => {
                let block = json!({"type": "tool_use", "id": call_id(&call), "name": call.name, "input": {}});
                self.start(Open::Call, &block)
            }
            Event::Arguments(text) => {
                vec![self.delta(&json!({"type": "input_json_delta", "partial_json": text}))]
            }
            Event::Call(_) => self.close(),
            Event::Finished {
                reason,
                stop: sequence,
                usage: used,
                ..
            } => {
                let mut frames = self.close();
                let (reason, sequence) = stop(reason, sequence.as_deref());
                frames.push(frame(
                    "message_delta",
                    json!({"delta": {"stop_reason": reason, "stop_sequence": sequence}, "usage": usage(used)}),
                ));
                frames.push(frame("message_stop", json!({})));
                frames
            }
        }
    }

    fn failed(&mut self, error: &ApiError) -> Vec<Frame> {
        let mut data = error_of(error, None);
        data.as_object_mut().map(|data| data.remove("request_id"));
        vec![Frame {
            name: Some("error"),
            data,
        }]
    }

    fn end(&self) -> &'static str {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Timing;

    #[test]
    fn events_come_in_anthropics_order() {
        let mut writer = Writer::new("msg_1".into(), "m".into(), 3);
        let content = |text: &str| Event::Content {
            text: text.into(),
            tokens: Vec::new(),
        };
        let call = Call {
            id: "call_7".into(),
            name: "space".into(),
            arguments: "{\"pool\": \"tank\"}".into(),
        };
        let begun = Call {
            arguments: String::new(),
            ..call.clone()
        };
        let mut frames = writer.begin();
        for event in [
            Event::Reasoning("Hm.".into()),
            content("40"),
            content(" %"),
            Event::CallBegun(begun.clone()),
            Event::Arguments(call.arguments.clone()),
            Event::Call(call.clone()),
            Event::CallBegun(begun),
            Event::Arguments("{\"pool".into()),
            Event::Arguments("\": \"tank\"}".into()),
            Event::Call(call),
            Event::Finished {
                reason: Reason::ToolCalls,
                stop: None,
                usage: Usage {
                    prompt: 3,
                    cached: 1,
                    completion: 2,
                },
                timing: Timing::default(),
            },
        ] {
            frames.extend(writer.event(event));
        }
        let told: Vec<(&str, u64, &str)> = frames
            .iter()
            .map(|frame| {
                let data = &frame.data;
                assert_eq!(data["type"], frame.name.unwrap());
                let kind = data["delta"]["type"]
                    .as_str()
                    .or(data["content_block"]["type"].as_str());
                (
                    frame.name.unwrap(),
                    data["index"].as_u64().unwrap_or(9),
                    kind.unwrap_or_default(),
                )
            })
            .collect();
        let (start, delta, stop) = ("content_block_start", "content_block_delta", "content_block_stop");
        assert_eq!(
            told,
            [
                ("message_start", 9, ""),
                (start, 0, "thinking"),
                (delta, 0, "thinking_delta"),
                (delta, 0, "signature_delta"),
                (stop, 0, ""),
                (start, 1, "text"),
                (delta, 1, "text_delta"),
                (delta, 1, "text_delta"),
                (stop, 1, ""),
                (start, 2, "tool_use"),
                (delta, 2, "input_json_delta"),
                (stop, 2, ""),
                (start, 3, "tool_use"),
                (delta, 3, "input_json_delta"),
                (delta, 3, "input_json_delta"),
                (stop, 3, ""),
                ("message_delta", 9, ""),
                ("message_stop", 9, ""),
            ]
        );
        assert_eq!(frames[0].data["message"]["usage"]["input_tokens"], 3);
        let end = &frames[frames.len() - 2].data;
        assert_eq!(end["delta"]["stop_reason"], "tool_use");
        assert_eq!(
            end["usage"],
            json!({"input_tokens": 2, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 1, "output_tokens": 2})
        );
        assert_eq!(frames[9].data["content_block"]["id"], "toolu_7");
        let pieces = frames[13..15]
            .iter()
            .map(|frame| frame.data["delta"]["partial_json"].as_str().unwrap());
        assert_eq!(pieces.collect::<String>(), "{\"pool\": \"tank\"}");
    }

    #[test]
    fn a_message_says_why_it_ended() {
        for (reason, sequence, expected) in [
            (Reason::Stop, None, json!(["end_turn", null])),
            (Reason::Stop, Some("END"), json!(["stop_sequence", "END"])),
            (Reason::Length, None, json!(["max_tokens", null])),
            (Reason::ToolCalls, None, json!(["tool_use", null])),
        ] {
            let message = whole(
                "msg_1",
                "m",
                &Whole {
                    content: "a".into(),
                    reason: Some(reason),
                    stop: sequence.map(str::to_owned),
                    ..Whole::default()
                },
            );
            assert_eq!(
                json!([message["stop_reason"], message["stop_sequence"]]),
                expected
            );
            assert_eq!(message["content"], json!([{"type": "text", "text": "a"}]));
        }
    }
}
