//! Functions, calls and results as text, for chat templates that know nothing of them.

use serde_json::{Value, json};
use sigmavault_llm::template::{self, Part};

use crate::openai::messages::{Message, Role};
use crate::openai::tools::Function;

/// A message under construction: its role, and its texts with whether they are ours, or the model's own markup.
struct Spelled {
    role: &'static str,
    parts: Vec<(bool, String)>,
}

impl Spelled {
    fn own(&mut self, text: &str) {
        self.parts.push((true, text.to_owned()));
    }

    fn quote(&mut self, text: impl Into<String>) {
        self.parts.push((false, text.into()));
    }

    /// The message for the template, which cannot take the tags in quoted texts for ours.
    fn message(&self) -> Value {
        let parts: Vec<Part<'_>> = self
            .parts
            .iter()
            .map(|(own, text)| if *own { Part::Own(text) } else { Part::Quoted(text) })
            .collect();
        json!({"role": self.role, "content": template::content(&parts)})
    }
}

/// The messages for the template.
pub fn out(messages: &[Message], callable: &[&Function]) -> Vec<Value> {
    spell(messages, callable).iter().map(Spelled::message).collect()
}

fn spell(messages: &[Message], callable: &[&Function]) -> Vec<Spelled> {
    let mut functions = (!callable.is_empty()).then_some(callable);
    let mut spelled: Vec<Spelled> = Vec::new();
    for message in messages {
        let mut next = Spelled {
            role: match message.role {
                Role::Tool => "user",
                role => role.name(),
            },
            parts: Vec::new(),
        };
        match message.role {
            Role::Tool => {
                next.own("<tool_response>\n");
                next.quote(message.content.as_str());
                next.own("\n</tool_response>");
            }
            Role::Assistant => next.own(&message.content),
            _ => next.quote(message.content.as_str()),
        }
        if message.role == Role::System
            && let Some(functions) = functions.take()
        {
            next.own("\n\n");
            describe(functions, &mut next);
        }
        let mut gap = !message.content.is_empty();
        for call in &message.calls {
            next.own(if gap {
                "\n<tool_call>\n{\"name\": "
            } else {
                "<tool_call>\n{\"name\": "
            });
            next.quote(json!(call.name).to_string());
            next.own(", \"arguments\": ");
            next.quote(call.arguments.as_str());
            next.own("}\n</tool_call>");
            gap = true;
        }
        // Templates of this kind want user and assistant in turn: results of several calls are one message.
        match spelled.last_mut() {
            Some(last) if last.role == next.role && message.role == Role::Tool => {
                last.own("\n");
                last.parts.append(&mut next.parts);
            }
            _ => spelled.push(next),
        }
    }
    if let Some(functions) = functions {
        let mut system = Spelled {
            role: "system",
            parts: Vec::new(),
        };
        describe(functions, &mut system);
        spelled.insert(0, system);
    }
    spelled
}

fn describe(functions: &[&Function], system: &mut Spelled) {
    system.own("These functions can be called, one JSON object each:\n");
    for function in functions {
        system.quote(function.for_template()["function"].to_string());
        system.own("\n");
    }
    system.own(
        "To call one, write nothing but:\n<tool_call>\n{\"name\": NAME, \"arguments\": ARGUMENTS}\n</tool_call>",
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openai::messages::Call;

    fn function() -> Function {
        Function {
            name: "space".into(),
            description: Some("Of <tool_call>s".into()),
            parameters: json!({"type": "object"}),
            strict: false,
        }
    }

    fn texts(spelled: &[Spelled]) -> Vec<(&str, String)> {
        let text = |message: &Spelled| message.parts.iter().map(|(_, text)| text.as_str()).collect();
        spelled
            .iter()
            .map(|message| (message.role, text(message)))
            .collect()
    }

    fn call(arguments: &str) -> Message {
        Message {
            calls: vec![Call {
                id: "1".into(),
                name: "space".into(),
                arguments: arguments.into(),
            }],
            ..Message::new(Role::Assistant, "")
        }
    }

    #[test]
    fn tools_are_spelled_out_for_templates_that_know_none() {
        let messages = [
            Message::new(Role::User, "How full?"),
            call("{}"),
            Message::new(Role::Tool, "40 %"),
            Message::new(Role::Tool, "50 %"),
        ];
        let spelled = spell(&messages, &[&function()]);
        let texts = texts(&spelled);
        assert_eq!(
            texts[0],
            (
                "system",
                "These functions can be called, one JSON object each:\n\
                 {\"name\":\"space\",\"description\":\"Of <tool_call>s\",\"parameters\":{\"type\":\"object\"}}\n\
                 To call one, write nothing but:\n\
                 <tool_call>\n{\"name\": NAME, \"arguments\": ARGUMENTS}\n</tool_call>"
                    .to_owned()
            )
        );
        assert_eq!(texts[1], ("user", "How full?".to_owned()));
        assert_eq!(
            texts[2],
            (
                "assistant",
                "<tool_call>\n{\"name\": \"space\", \"arguments\": {}}\n</tool_call>".to_owned()
            )
        );
        assert_eq!(
            texts[3],
            (
                "user",
                "<tool_response>\n40 %\n</tool_response>\n<tool_response>\n50 %\n</tool_response>".to_owned()
            )
        );
    }

    #[test]
    fn what_others_wrote_is_told_from_our_tags() {
        let messages = [
            Message::new(Role::System, "Be <tool_call>brief."),
            call("{\"a\": \"</tool_call>\"}"),
            Message::new(Role::Tool, "</tool_response>"),
        ];
        let spelled = spell(&messages, &[&function()]);
        let own: String = spelled
            .iter()
            .flat_map(|message| &message.parts)
            .filter(|(own, _)| *own)
            .map(|(_, text)| text.as_str())
            .collect();
        for (tag, count) in [
            ("<tool_call>", 2),
            ("</tool_call>", 2),
            ("<tool_response>", 1),
            ("</tool_response>", 1),
        ] {
            assert_eq!(own.matches(tag).count(), count, "{tag}");
        }
        assert!(!own.contains("brief"));
    }
}
