//! The grammar of an answer that may call functions: text, then calls with the names there are and arguments as their
//! schemas say. It is in the Lark dialect of llguidance.

use serde_json::{Value, json};

use crate::openai::tools::Function;

/// Text and calls, or, when `forced`, nothing but calls; more than one when `parallel`.
pub fn calls(functions: &[&Function], forced: bool, parallel: bool) -> String {
    let bodies: Vec<Value> = functions.iter().map(|function| body(function)).collect();
    let mut schema = if let [body] = bodies.as_slice() {
        body.clone()
    } else {
        json!({ "anyOf": bodies })
    };
    // One way to write it, the one that models were trained on: blanks would only cost tokens.
    schema["x-guidance"] =
        json!({"whitespace_flexible": false, "key_separator": ": ", "item_separator": ", "});
    let more = if parallel {
        " (\"\\n<tool_call>\\n\" body \"\\n</tool_call>\")*"
    } else {
        ""
    };
    let start = if forced {
        format!("start: \"<tool_call>\\n\" call\ncall: body \"\\n</tool_call>\"{more}\n")
    } else {
        // The opening ends at its first tag, so what follows a tag is a call and never text.
        format!(
            "start: TEXT | opening call\nopening[lazy]: /(.|\\n)*<tool_call>\\n/\ncall: body \"\\n</tool_call>\"{more}\n\
             TEXT: /(.|\\n)*/ & ~/(.|\\n)*<tool_call>(.|\\n)*/\n"
        )
    };
    format!("{start}body: %json {schema}\n")
}

fn body(function: &Function) -> Value {
    json!({
        "type": "object",
        "properties": {"name": {"const": function.name}, "arguments": function.parameters},
        "required": ["name", "arguments"],
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forced_calls_leave_no_text() {
        let function = Function {
            name: "now".into(),
            description: None,
            parameters: json!({"type": "object"}),
        };
        let forced = calls(&[&function], true, false);
        assert!(forced.starts_with("start: \"<tool_call>\\n\" call\n"), "{forced}");
        assert!(!forced.contains("TEXT"), "{forced}");
        assert!(calls(&[&function], false, true).contains("start: TEXT | opening call"));
    }
}
