//! Answers of `/api/chat` and `/api/generate`: whole, or in pieces of one JSON object a line.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use sigmavault_facts::time::timestamp;
use sigmavault_llm::engine::Usage;

use super::wire::error as error_of;
use crate::answer::{Event, Reason, Timing, Whole};
use crate::openai::error::ApiError;
use crate::openai::messages::Call;
use crate::sse::{Encode, Frame};

/// Where the text stands in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// In a message.
    Chat,
    /// In the field `response`.
    Generate,
}

/// Writes an answer.
#[derive(Debug)]
pub struct Lines {
    /// The model's name, as it was asked for.
    pub model: String,
    /// Where the text stands.
    pub shape: Shape,
}

impl Lines {
    /// An answer without text, to a request that only loads the model.
    pub fn loaded(&self) -> Value {
        let mut line = self.line("", "", &[]);
        line["done"] = json!(true);
        line["done_reason"] = json!("load");
        line
    }

    /// The complete answer.
    pub fn whole(&self, whole: &Whole) -> Value {
        let mut line = self.line(&whole.content, &whole.reasoning, &whole.calls);
        end(
            &mut line,
            whole.reason.unwrap_or(Reason::Stop),
            whole.usage,
            whole.timing,
        );
        line
    }

    fn line(&self, content: &str, thinking: &str, calls: &[Call]) -> Value {
        let mut line = json!({
            "model": self.model,
            "created_at": timestamp(SystemTime::now()),
            "done": false,
        });
        let holder = match self.shape {
            Shape::Chat => {
                line["message"] = json!({"role": "assistant", "content": content});
                &mut line["message"]
            }
            Shape::Generate => {
                line["response"] = json!(content);
                &mut line
            }
        };
        if !thinking.is_empty() {
            holder["thinking"] = json!(thinking);
        }
        if !calls.is_empty() {
            holder["tool_calls"] = calls.iter().map(call).collect();
        }
        line
    }
}

fn call(call: &Call) -> Value {
    let arguments: Value = serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!({}));
    json!({"id": call.id, "function": {"name": call.name, "arguments": arguments}})
}

/// Adds the end: why, and counts and durations in nanoseconds.
fn end(line: &mut Value, reason: Reason, usage: Usage, timing: Timing) {
    let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    for (name, value) in [
        ("done", json!(true)),
        (
            "done_reason",
            json!(if reason == Reason::Length {
                "length"
            } else {
                "stop"
            }),
        ),
        (
            "total_duration",
            json!(nanos(timing.load + timing.prompt + timing.answer)),
        ),
        ("load_duration", json!(nanos(timing.load))),
        ("prompt_eval_count", json!(usage.prompt)),
        ("prompt_eval_duration", json!(nanos(timing.prompt))),
        ("eval_count", json!(usage.completion)),
        ("eval_duration", json!(nanos(timing.answer))),
    ] {
        line[name] = value;
    }
}

impl Encode for Lines {
    const MEDIA: &'static str = "application/x-ndjson";
    // Clients take every line for an object.
    const WAITING: &'static str = "";

    fn wire(frame: &Frame) -> String {
        format!("{}\n", frame.data)
    }

    fn begin(&mut self) -> Vec<Frame> {
        Vec::new()
    }

    fn event(&mut self, event: Event) -> Vec<Frame> {
        vec![Frame::data(match event {
            // Not asked for; calls are told whole.
            Event::Prompt(_) | Event::CallBegun(_) | Event::Arguments(_) => return Vec::new(),
            Event::Reasoning(text) => self.line("", &text, &[]),
            Event::Content { text, .. } => self.line(&text, "", &[]),
            Event::Call(call) => self.line("", "", &[call]),
            Event::Finished {
                reason,
                usage,
                timing,
                ..
            } => {
                let mut line = self.line("", "", &[]);
                end(&mut line, reason, usage, timing);
                line
            }
        })]
    }

    fn failed(&mut self, error: &ApiError) -> Vec<Frame> {
        vec![Frame::data(error_of(error))]
    }

    fn end(&self) -> &'static str {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_lines_and_the_last_one_counts() {
        let mut lines = Lines {
            model: "auto".into(),
            shape: Shape::Chat,
        };
        let call = Call {
            id: "call_1".into(),
            name: "space".into(),
            arguments: "{\"pool\": \"tank\"}".into(),
        };
        let usage = Usage {
            prompt: 3,
            cached: 1,
            completion: 2,
        };
        let timing = Timing {
            load: Duration::from_nanos(5),
            prompt: Duration::from_micros(7),
            answer: Duration::from_millis(2),
        };
        let events = [
            Event::Reasoning("Hm.".into()),
            Event::Content {
                text: "40 %".into(),
                tokens: Vec::new(),
            },
            Event::Call(call.clone()),
            Event::Finished {
                reason: Reason::ToolCalls,
                stop: None,
                usage,
                timing,
            },
        ];
        let frames: Vec<Frame> = events.into_iter().flat_map(|event| lines.event(event)).collect();
        let messages: Vec<&Value> = frames.iter().map(|frame| &frame.data["message"]).collect();
        assert_eq!(
            messages[0],
            &json!({"role": "assistant", "content": "", "thinking": "Hm."})
        );
        assert_eq!(messages[1], &json!({"role": "assistant", "content": "40 %"}));
        assert_eq!(
            messages[2]["tool_calls"],
            json!([{"id": "call_1", "function": {"name": "space", "arguments": {"pool": "tank"}}}])
        );
        let last = &frames[3].data;
        let count = |name: &str| last[name].as_u64().unwrap();
        assert_eq!(
            (last["done"].as_bool(), last["done_reason"].as_str()),
            (Some(true), Some("stop"))
        );
        assert_eq!(
            [
                count("total_duration"),
                count("load_duration"),
                count("prompt_eval_duration"),
                count("eval_duration"),
                count("prompt_eval_count"),
                count("eval_count"),
            ],
            [2_007_005, 5, 7_000, 2_000_000, 3, 2]
        );
        assert!(Lines::wire(&frames[1]).ends_with("}\n"));
        assert_eq!(frames[1].data["done"], false);
        let whole = Whole {
            content: "40 %".into(),
            calls: vec![call],
            reason: Some(Reason::Length),
            usage,
            timing,
            ..Whole::default()
        };
        let generated = Lines {
            model: "auto".into(),
            shape: Shape::Generate,
        }
        .whole(&whole);
        assert_eq!(
            (&generated["response"], &generated["done_reason"]),
            (&json!("40 %"), &json!("length"))
        );
    }
}
