//! The grammar of an answer that may call functions: text, then calls with the names there are and arguments as their
//! schemas say. It is in the Lark dialect of llguidance.

use serde_json::{Value, json};
use sigmavault_llm::constraint::{Constraint, ConstraintError};

use crate::openai::error::ApiError;
use crate::openai::tools::Function;

/// What stands before the JSON of a call.
pub const TAG: &str = "<tool_call>\n";

/// Text and calls, or, when `forced`, nothing but calls; more than one when `parallel`.
pub fn calls(functions: &[&Function], forced: bool, parallel: bool) -> Result<String, ApiError> {
    let mut schema = if let [function] = functions {
        body(function, "#")?
    } else {
        let bodies = functions.iter().enumerate();
        let bodies: Result<Vec<Value>, ApiError> = bodies
            .map(|(number, function)| body(function, &format!("#/anyOf/{number}")))
            .collect();
        json!({ "anyOf": bodies? })
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
    Ok(format!("{start}body: %json {schema}\n"))
}

/// A call of a function, as a schema at `place`. In a grammar a keyword that is not enforced would pass unseen, so only what is goes in.
fn body(function: &Function, place: &str) -> Result<Value, ApiError> {
    let refused = |error: ConstraintError| {
        ApiError::invalid(
            "tools",
            format!("the parameters of {} cannot be enforced: {error}", function.name),
        )
    };
    let place = format!("{place}/properties/arguments");
    let parameters = Constraint::enforceable(&function.parameters, &place).map_err(refused)?;
    Ok(json!({
        "type": "object",
        "properties": {"name": {"const": function.name}, "arguments": parameters},
        "required": ["name", "arguments"],
        "additionalProperties": false,
    }))
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
        let forced = calls(&[&function], true, false).unwrap();
        assert!(forced.starts_with("start: \"<tool_call>\\n\" call\n"), "{forced}");
        assert!(!forced.contains("TEXT"), "{forced}");
        let free = calls(&[&function], false, true).unwrap();
        assert!(free.contains("start: TEXT | opening call"), "{free}");
    }
}
