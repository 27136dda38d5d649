//! The grammar of an answer that may call functions: text, then calls with known names and arguments that match their
//! schemas, in the Lark dialect of llguidance.

use serde_json::{Value, json};
use sigmavault_llm::constraint::{Constraint, ConstraintError};

use crate::openai::error::ApiError;
use crate::openai::tools::Function;

/// The text before the JSON of a call.
pub const TAG: &str = "<tool_call>\n";

/// Text and calls; only calls if `forced`; several calls if `parallel`.
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
    // Only the notation that models were trained on: other white space would cost tokens.
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
        // The opening ends at its first tag, so that a call follows every tag.
        format!(
            "start: TEXT | opening call\nopening[lazy]: /(.|\\n)*<tool_call>\\n/\ncall: body \"\\n</tool_call>\"{more}\n\
             TEXT: /(.|\\n)*/ & ~/(.|\\n)*<tool_call>(.|\\n)*/\n"
        )
    };
    Ok(format!("{start}body: %json {schema}\n"))
}

/// The schema of a call, at `place`. A grammar would silently ignore keywords that cannot be enforced, so these are refused.
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
