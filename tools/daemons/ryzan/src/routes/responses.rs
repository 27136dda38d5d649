//! `POST /v1/responses`: the answer.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};
use sigmavault_llm::engine::Usage;

use super::chat::now;
use crate::answer::{self, Event, Reason};
use crate::body::JsonBody;
use crate::caller::Caller;
use crate::openai::error::ApiError;
use crate::openai::messages::Call;
use crate::openai::responses::ResponseRequest;
use crate::sse::{self, Encode, Frame};
use crate::state::Shared;

/// Answers completely or as a stream.
pub async fn respond(
    State(service): Shared,
    caller: Caller,
    JsonBody(body, share): JsonBody,
) -> Result<Response, ApiError> {
    let request = ResponseRequest::read(body)?;
    let stream = request.chat.stream.on;
    let answer = answer::chat(&service, caller, request.chat, share).await?;
    let mut repeated = request.repeated;
    if let Some(why) = &answer.why {
        repeated.insert("resolved_reason".to_owned(), json!(why));
    }
    let mut writer = Writer {
        id: answer::id("resp"),
        created: now(),
        model: answer.resident.found.id.clone(),
        repeated,
        output: Vec::new(),
        open: None,
        open_call: None,
        sequence: 0,
    };
    if stream {
        return Ok(sse::response(answer, writer));
    }
    let mut answer = answer;
    let mut last = None;
    while let Some(event) = answer.next().await {
        last = writer.event(event?).pop();
    }
    let response = last.map(|mut frame| frame.data["response"].take());
    match response {
        Some(response @ Value::Object(_)) => Ok(Json(response).into_response()),
        _ => Err(ApiError::Failed {
            reason: "the answer has no end".to_owned(),
        }),
    }
}

/// The item under way.
#[derive(Debug)]
struct Open {
    reasoning: bool,
    id: String,
    text: String,
}

/// The call under way.
#[derive(Debug)]
struct OpenCall {
    id: String,
    call: Call,
}

impl OpenCall {
    fn item(&self, status: &str) -> Value {
        json!({"type": "function_call", "id": self.id, "call_id": self.call.id, "name": self.call.name,
               "arguments": self.call.arguments, "status": status})
    }
}

/// Writes an answer as the events of a response; the last one holds all of it.
#[derive(Debug)]
struct Writer {
    id: String,
    created: u64,
    model: String,
    repeated: Map<String, Value>,
    output: Vec<Value>,
    open: Option<Open>,
    open_call: Option<OpenCall>,
    sequence: u64,
}

impl Writer {
    fn response(&self, status: &str, more: &Value) -> Value {
        let mut response = json!({
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "status": status,
            "model": self.model,
            "resolved_model": self.model,
            "output": self.output,
            "error": null,
            "incomplete_details": null,
            "previous_response_id": null,
            "background": false,
            "store": false,
            "truncation": "disabled",
            "usage": null,
        });
        for fields in [Some(&self.repeated), more.as_object()].into_iter().flatten() {
            for (name, value) in fields {
                response[name] = value.clone();
            }
        }
        response
    }

    fn frame(&mut self, name: &'static str, mut data: Value) -> Frame {
        data["type"] = json!(name);
        data["sequence_number"] = json!(self.sequence);
        self.sequence += 1;
        Frame {
            name: Some(name),
            data,
        }
    }

    /// More text, in the open item or in a new one.
    fn text(&mut self, reasoning: bool, text: &str) -> Vec<Frame> {
        let mut frames = Vec::new();
        if self.open.as_ref().is_none_or(|open| open.reasoning != reasoning) {
            frames.extend(self.close());
            frames.extend(self.start(reasoning));
        }
        let index = self.output.len();
        let Some(open) = &mut self.open else {
            return frames;
        };
        open.text.push_str(text);
        let mut data = json!({"item_id": open.id, "output_index": index, "content_index": 0, "delta": text});
        frames.push(if reasoning {
            self.frame("response.reasoning_text.delta", data)
        } else {
            data["logprobs"] = json!([]);
            self.frame("response.output_text.delta", data)
        });
        frames
    }

    fn start(&mut self, reasoning: bool) -> Vec<Frame> {
        let open = Open {
            reasoning,
            id: answer::id(if reasoning { "rs" } else { "msg" }),
            text: String::new(),
        };
        let (index, id) = (self.output.len(), open.id.clone());
        let item = item(&open, "in_progress");
        let part = part(&open);
        self.open = Some(open);
        let mut item = item;
        item["content"] = json!([]);
        vec![
            self.frame(
                "response.output_item.added",
                json!({"output_index": index, "item": item}),
            ),
            self.frame(
                "response.content_part.added",
                json!({"item_id": id, "output_index": index, "content_index": 0, "part": part}),
            ),
        ]
    }

    fn close(&mut self) -> Vec<Frame> {
        let Some(open) = self.open.take() else {
            return Vec::new();
        };
        let index = self.output.len();
        let place = |more: Value| {
            let mut data = json!({"item_id": open.id, "output_index": index, "content_index": 0});
            for (name, value) in more.as_object().into_iter().flatten() {
                data[name] = value.clone();
            }
            data
        };
        let done = item(&open, "completed");
        let text = if open.reasoning {
            self.frame("response.reasoning_text.done", place(json!({"text": open.text})))
        } else {
            self.frame(
                "response.output_text.done",
                place(json!({"text": open.text, "logprobs": []})),
            )
        };
        let part = self.frame("response.content_part.done", place(json!({"part": part(&open)})));
        let end = self.frame(
            "response.output_item.done",
            json!({"output_index": index, "item": done}),
        );
        self.output.push(done);
        vec![text, part, end]
    }

    fn begin_call(&mut self, call: Call) -> Vec<Frame> {
        let mut frames = self.close();
        let open = OpenCall {
            id: answer::id("fc"),
            call,
        };
        let (index, item) = (self.output.len(), open.item("in_progress"));
        self.open_call = Some(open);
        frames.push(self.frame(
            "response.output_item.added",
            json!({"output_index": index, "item": item}),
        ));
        frames
    }

    /// More of the arguments of the call under way.
    fn arguments(&mut self, text: &str) -> Option<Frame> {
        let open = self.open_call.as_mut()?;
        open.call.arguments.push_str(text);
        let data = json!({"item_id": open.id, "output_index": self.output.len(), "delta": text});
        Some(self.frame("response.function_call_arguments.delta", data))
    }

    fn end_call(&mut self) -> Vec<Frame> {
        let Some(OpenCall { id, call }) = &self.open_call else {
            return Vec::new();
        };
        let done = json!({"item_id": id, "output_index": self.output.len(), "name": call.name, "arguments": call.arguments});
        let mut frames = vec![self.frame("response.function_call_arguments.done", done)];
        frames.extend(self.close_call("completed"));
        frames
    }

    /// Ends the item of the call under way, if there is one.
    fn close_call(&mut self, status: &str) -> Option<Frame> {
        let item = self.open_call.take()?.item(status);
        let data = json!({"output_index": self.output.len(), "item": item});
        self.output.push(item);
        Some(self.frame("response.output_item.done", data))
    }

    fn finish(&mut self, reason: Reason, usage: Usage) -> Vec<Frame> {
        let mut frames = self.close();
        frames.extend(self.close_call("incomplete"));
        let usage = json!({
            "input_tokens": usage.prompt,
            "input_tokens_details": {"cached_tokens": usage.cached},
            "output_tokens": usage.completion,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": usage.prompt + usage.completion,
        });
        let (name, status, more) = match reason {
            Reason::Length => (
                "response.incomplete",
                "incomplete",
                json!({"usage": usage, "incomplete_details": {"reason": "max_output_tokens"}}),
            ),
            Reason::Stop | Reason::ToolCalls => ("response.completed", "completed", json!({"usage": usage})),
        };
        let response = self.response(status, &more);
        frames.push(self.frame(name, json!({"response": response})));
        frames
    }
}

fn item(open: &Open, status: &str) -> Value {
    if open.reasoning {
        json!({"type": "reasoning", "id": open.id, "summary": [], "content": [part(open)], "status": status})
    } else {
        json!({"type": "message", "id": open.id, "role": "assistant", "content": [part(open)], "status": status})
    }
}

fn part(open: &Open) -> Value {
    if open.reasoning {
        json!({"type": "reasoning_text", "text": open.text})
    } else {
        json!({"type": "output_text", "text": open.text, "annotations": [], "logprobs": []})
    }
}

impl Encode for Writer {
    fn begin(&mut self) -> Vec<Frame> {
        let response = self.response("in_progress", &Value::Null);
        vec![
            self.frame("response.created", json!({"response": response})),
            self.frame("response.in_progress", json!({"response": response})),
        ]
    }

    fn event(&mut self, event: Event) -> Vec<Frame> {
        match event {
            // Not asked for.
            Event::Prompt(_) => Vec::new(),
            Event::Reasoning(text) => self.text(true, &text),
            Event::Content { text, .. } => self.text(false, &text),
            Event::CallBegun(call) => self.begin_call(call),
            Event::Arguments(text) => self.arguments(&text).into_iter().collect(),
            Event::Call(_) => self.end_call(),
            Event::Finished { reason, usage, .. } => self.finish(reason, usage),
        }
    }

    fn failed(&mut self, error: &ApiError) -> Vec<Frame> {
        let body = error.body();
        let code = body["error"]["code"]
            .as_str()
            .unwrap_or("server_error")
            .to_owned();
        let response = self.response(
            "failed",
            &json!({"error": {"code": code, "message": error.to_string()}}),
        );
        vec![self.frame("response.failed", json!({"response": response}))]
    }

    fn end(&self) -> &'static str {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Timing;

    fn writer() -> Writer {
        Writer {
            id: "resp_1".into(),
            created: 1,
            model: "m".into(),
            repeated: Map::new(),
            output: Vec::new(),
            open: None,
            open_call: None,
            sequence: 0,
        }
    }

    #[test]
    fn events_come_in_order_and_the_last_holds_everything() {
        let mut writer = writer();
        let mut frames = writer.begin();
        let content = |text: &str| Event::Content {
            text: text.into(),
            tokens: Vec::new(),
        };
        let call = |arguments: &str| Call {
            id: "call_1".into(),
            name: "space".into(),
            arguments: arguments.into(),
        };
        for event in [
            Event::Reasoning("Hm.".into()),
            content("40"),
            content(" %"),
            Event::CallBegun(call("")),
            Event::Arguments("{\"a\": ".into()),
            Event::Arguments("1}".into()),
            Event::Call(call("{\"a\": 1}")),
            Event::Finished {
                reason: Reason::ToolCalls,
                usage: Usage {
                    prompt: 3,
                    cached: 1,
                    completion: 2,
                },
                stop: None,
                timing: Timing::default(),
            },
        ] {
            frames.extend(writer.event(event));
        }
        let names: Vec<&str> = frames.iter().map(|frame| frame.name.unwrap()).collect();
        let item = ["response.output_item.added", "response.content_part.added"];
        let done = ["response.content_part.done", "response.output_item.done"];
        let expected = [
            &["response.created", "response.in_progress"][..],
            &item,
            &["response.reasoning_text.delta", "response.reasoning_text.done"],
            &done,
            &item,
            &[
                "response.output_text.delta",
                "response.output_text.delta",
                "response.output_text.done",
            ],
            &done,
            &[
                "response.output_item.added",
                "response.function_call_arguments.delta",
                "response.function_call_arguments.delta",
                "response.function_call_arguments.done",
                "response.output_item.done",
                "response.completed",
            ],
        ]
        .concat();
        assert_eq!(names, expected);
        let numbers: Vec<u64> = frames
            .iter()
            .map(|frame| frame.data["sequence_number"].as_u64().unwrap())
            .collect();
        assert_eq!(numbers, (0..frames.len() as u64).collect::<Vec<_>>());
        let response = &frames.last().unwrap().data["response"];
        let kinds: Vec<&str> = response["output"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["type"].as_str().unwrap())
            .collect();
        assert_eq!(kinds, ["reasoning", "message", "function_call"]);
        assert_eq!(response["output"][1]["content"][0]["text"], "40 %");
        assert_eq!(response["output"][2]["arguments"], "{\"a\": 1}");
        assert_eq!(response["usage"]["total_tokens"], 5);
    }

    #[test]
    fn an_answer_that_was_cut_is_incomplete() {
        let mut writer = writer();
        writer.event(Event::CallBegun(Call {
            id: "call_1".into(),
            name: "space".into(),
            arguments: String::new(),
        }));
        writer.event(Event::Arguments("{\"a\": ".into()));
        let frames = writer.event(Event::Finished {
            reason: Reason::Length,
            usage: Usage::default(),
            stop: None,
            timing: Timing::default(),
        });
        assert_eq!(frames[0].data["item"]["status"], "incomplete");
        assert_eq!(frames[1].data["response"]["output"][0]["arguments"], "{\"a\": ");
        assert_eq!(frames[1].name, Some("response.incomplete"));
        assert_eq!(
            frames[1].data["response"]["incomplete_details"]["reason"],
            "max_output_tokens"
        );
    }
}
