//! Functions that a model may call.

use log::info;
use serde_json::{Value, json};

use super::error::ApiError;
use super::fields::Fields;

/// Maximum number of functions in a request.
const LIMIT: usize = 128;

/// A function that a model may call.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// Its name: letters, digits, `_` and `-`.
    pub name: String,
    /// What it does, for the model.
    pub description: Option<String>,
    /// JSON Schema of its arguments, which are always an object.
    pub parameters: Value,
    /// Whether all of the schema must be enforced while a call is written; else some of it may be checked in the finished call.
    pub strict: bool,
}

impl Function {
    /// The function for a chat template, with its fields in the order in which models were shown them.
    pub fn for_template(&self) -> Value {
        let mut function = json!({"name": self.name});
        if let Some(description) = &self.description {
            function["description"] = json!(description);
        }
        function["parameters"] = self.parameters.clone();
        json!({"type": "function", "function": function})
    }
}

/// Whether and what the model calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Choice {
    /// The model decides.
    #[default]
    Auto,
    /// It calls no function.
    Never,
    /// It calls at least one function.
    Required,
    /// It calls this function.
    Named(String),
}

/// The functions of a request and how they may be called.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tools {
    /// The functions that may be called.
    pub functions: Vec<Function>,
    /// Whether and what the model calls.
    pub choice: Choice,
    /// Whether one answer may hold several calls.
    pub parallel: bool,
}

impl Tools {
    /// Reads `tools`, `tool_choice` and `parallel_tool_calls`. Chat nests a function below `function`, responses
    /// puts it beside the type.
    pub fn read(fields: &mut Fields) -> Result<Self, ApiError> {
        let mut functions = functions(fields)?;
        let choice = match allowed(fields)? {
            Some((choice, names)) => {
                if let Some(name) = names
                    .iter()
                    .find(|name| functions.iter().all(|f| f.name != **name))
                {
                    return Err(unknown(name));
                }
                functions.retain(|function| names.contains(&function.name));
                choice
            }
            None => choice(fields, &functions)?,
        };
        let parallel = fields
            .get("parallel_tool_calls", "true or false")?
            .unwrap_or(true);
        Ok(Self {
            functions,
            choice,
            parallel,
        })
    }

    /// The functions that the answer may call.
    pub fn callable(&self) -> Vec<&Function> {
        self.functions
            .iter()
            .filter(|function| match &self.choice {
                Choice::Never => false,
                Choice::Auto | Choice::Required => true,
                Choice::Named(name) => *name == function.name,
            })
            .collect()
    }
}

fn functions(fields: &mut Fields) -> Result<Vec<Function>, ApiError> {
    let given = fields.array("tools")?.unwrap_or_default();
    if given.len() > LIMIT {
        return Err(ApiError::invalid(
            "tools",
            format!("tools has {} functions and may have {LIMIT}", given.len()),
        ));
    }
    let mut functions: Vec<Function> = Vec::with_capacity(given.len());
    for (index, value) in given.into_iter().enumerate() {
        let at = format!("tools[{index}]");
        let mut tool = Fields::of(value, &at)?;
        let which: String = tool.required("type", "function")?;
        if which.starts_with("web_search") {
            info!("{at} is of the type {which:?} and is left out: this service has no access to the web");
            continue;
        }
        if which != "function" {
            return Err(ApiError::Invalid {
                message: format!("{at}.type is {which:?}; only functions are supported"),
                param: Some(format!("{at}.type")),
                code: Some("unsupported_value"),
            });
        }
        let function = match tool.object("function")? {
            Some(inner) => {
                tool.finish()?;
                inner
            }
            None => tool,
        };
        let function = one(function)?;
        if functions.iter().any(|known| known.name == function.name) {
            return Err(ApiError::invalid(
                at.as_str(),
                format!(
                    "{at} has the name {:?}, as another function before",
                    function.name
                ),
            ));
        }
        functions.push(function);
    }
    Ok(functions)
}

fn one(mut fields: Fields) -> Result<Function, ApiError> {
    let strict = fields.flag("strict")?;
    let at = fields.path("name");
    let name: String = fields.required("name", "the name of a function")?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !(1..=64).contains(&name.len()) || !name.bytes().all(fits) {
        return Err(ApiError::invalid(
            at.as_str(),
            format!("{at} is {name:?} and must be 1 to 64 letters, digits, _ or -"),
        ));
    }
    let description = fields.text("description")?;
    let at = fields.path("parameters");
    let parameters = match fields.raw("parameters") {
        None => json!({"type": "object", "properties": {}, "additionalProperties": false}),
        Some(Value::Bool(true)) => json!({"type": "object"}),
        Some(schema @ Value::Object(_)) => schema,
        Some(_) => {
            return Err(ApiError::invalid(
                at.as_str(),
                format!("{at} must be a JSON Schema of an object"),
            ));
        }
    };
    fields.finish()?;
    Ok(Function {
        name,
        description,
        parameters,
        strict,
    })
}

fn unknown(name: &str) -> ApiError {
    ApiError::invalid(
        "tool_choice",
        format!("tool_choice names {name:?}, which is not in tools"),
    )
}

/// Reads a `tool_choice` of the type `allowed_tools`: whether a call is required, and the functions that may be called. Chat
/// nests both below `allowed_tools`, responses puts them beside the type.
fn allowed(fields: &mut Fields) -> Result<Option<(Choice, Vec<String>)>, ApiError> {
    if !fields.is_of_type("tool_choice", "allowed_tools") {
        return Ok(None);
    }
    let Some(mut outer) = fields.object("tool_choice")? else {
        return Ok(None);
    };
    let mut choice = outer.object("allowed_tools")?.unwrap_or(outer);
    let mode: String = choice.required("mode", "auto or required")?;
    let mode = match mode.as_str() {
        "auto" => Choice::Auto,
        "required" => Choice::Required,
        other => {
            return Err(ApiError::invalid(
                "tool_choice.mode",
                format!("tool_choice.mode is {other:?} and must be auto or required"),
            ));
        }
    };
    let path = choice.path("tools");
    let given: Vec<Value> = choice.required("tools", "an array of functions")?;
    let name = |(index, value): (usize, Value)| {
        let mut tool = Fields::of(value, &format!("{path}[{index}]"))?;
        let mut function = tool.object("function")?.unwrap_or(tool);
        function.required::<String>("name", "the name of a function")
    };
    let names: Result<Vec<String>, ApiError> = given.into_iter().enumerate().map(name).collect();
    Ok(Some((mode, names?)))
}

fn choice(fields: &mut Fields, functions: &[Function]) -> Result<Choice, ApiError> {
    const AT: &str = "tool_choice";
    let choice = match fields.raw(AT) {
        None => return Ok(Choice::Auto),
        Some(Value::String(word)) => match word.as_str() {
            "auto" => Choice::Auto,
            "none" => Choice::Never,
            "required" => Choice::Required,
            _ => {
                return Err(ApiError::invalid(
                    AT,
                    format!("tool_choice is {word:?} and must be auto, none, required or a function"),
                ));
            }
        },
        Some(value) => {
            let mut fields = Fields::of(value, AT)?;
            fields.only("type", &[json!("function")], "only functions are")?;
            let name = match fields.object("function")? {
                Some(mut inner) => {
                    let name: String = inner.required("name", "the name of a function")?;
                    inner.finish()?;
                    name
                }
                None => fields.required("name", "the name of a function")?,
            };
            fields.finish()?;
            if !functions.iter().any(|function| function.name == name) {
                return Err(unknown(&name));
            }
            Choice::Named(name)
        }
    };
    if functions.is_empty() && choice == Choice::Required {
        return Err(ApiError::invalid(
            AT,
            "tool_choice is required and there are no tools",
        ));
    }
    Ok(choice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Value) -> Result<Tools, String> {
        let mut fields = Fields::of(value, "").unwrap();
        let tools = Tools::read(&mut fields).map_err(|error| error.to_string())?;
        fields.finish().map_err(|error| error.to_string())?;
        Ok(tools)
    }

    fn names(tools: &Tools) -> Vec<&str> {
        tools
            .callable()
            .iter()
            .map(|function| function.name.as_str())
            .collect()
    }

    #[test]
    fn chat_and_responses_write_functions_differently() {
        let schema = json!({"type": "object", "properties": {"path": {"type": "string"}}});
        let chat = read(json!({
            "tools": [{"type": "function", "function": {"name": "list", "parameters": schema, "strict": true}}],
            "tool_choice": {"type": "function", "function": {"name": "list"}}
        }))
        .unwrap();
        let responses = read(json!({
            "tools": [{"type": "function", "name": "list", "parameters": schema, "strict": true}],
            "tool_choice": {"type": "function", "name": "list"}
        }))
        .unwrap();
        assert_eq!(chat, responses);
        assert_eq!(
            (chat.choice.clone(), names(&chat)),
            (Choice::Named("list".into()), vec!["list"])
        );
    }

    #[test]
    fn the_choice_says_what_is_callable() {
        let tools = |choice: &str| {
            read(json!({
                "tools": [{"type": "function", "name": "a"}, {"type": "function", "name": "b"}],
                "tool_choice": choice, "parallel_tool_calls": false
            }))
            .unwrap()
        };
        assert_eq!(names(&tools("none")), Vec::<&str>::new());
        assert_eq!(names(&tools("auto")), ["a", "b"]);
        assert_eq!(names(&tools("required")), ["a", "b"]);
        assert!(!tools("auto").parallel);
    }

    #[test]
    fn a_template_is_shown_the_fields_in_their_order() {
        let text = r#"{"type":"function","function":{"name":"a","description":"A","parameters":{"type":"object","properties":{"z":{},"b":{}}}}}"#;
        let tools = read(json!({"tools": [serde_json::from_str::<Value>(text).unwrap()]})).unwrap();
        assert_eq!(tools.functions[0].for_template().to_string(), text);
    }

    #[test]
    fn allowed_tools_are_those_that_may_be_called() {
        let tools = json!([{"type": "web_search"}, {"type": "function", "name": "a"}, {"type": "function", "name": "b"}]);
        let chat = json!({"type": "allowed_tools", "allowed_tools":
                          {"mode": "required", "tools": [{"type": "function", "function": {"name": "b"}}]}});
        let responses = json!({"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "b"}]});
        for choice in [chat, responses] {
            let read = read(json!({"tools": tools, "tool_choice": choice})).unwrap();
            assert_eq!((read.choice.clone(), names(&read)), (Choice::Required, vec!["b"]));
        }
        let other =
            json!({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "c"}]});
        assert_eq!(
            read(json!({"tools": tools, "tool_choice": other})),
            Err("tool_choice names \"c\", which is not in tools".into())
        );
    }

    #[test]
    fn parameters_may_say_nothing() {
        let tools = read(json!({"tools": [
            {"type": "function", "name": "a"},
            {"type": "function", "name": "b", "parameters": null, "strict": null},
            {"type": "function", "name": "c", "parameters": {}, "strict": true},
            {"type": "function", "name": "d", "parameters": true}
        ]}))
        .unwrap();
        let none = json!({"type": "object", "properties": {}, "additionalProperties": false});
        let read: Vec<(Value, bool)> = tools
            .functions
            .iter()
            .map(|function| (function.parameters.clone(), function.strict))
            .collect();
        assert_eq!(
            read,
            [
                (none.clone(), false),
                (none, false),
                (json!({}), true),
                (json!({"type": "object"}), false)
            ]
        );
    }

    #[test]
    fn mistakes_are_named() {
        for (value, message) in [
            (
                json!({"tools": [{"type": "file_search"}]}),
                "tools[0].type is \"file_search\"; only functions are supported",
            ),
            (
                json!({"tools": [{"type": "function", "function": {"name": "a b"}}]}),
                "tools[0].function.name is \"a b\" and must be 1 to 64 letters, digits, _ or -",
            ),
            (
                json!({"tools": [{"type": "function", "name": "a"}, {"type": "function", "name": "a"}]}),
                "tools[1] has the name \"a\", as another function before",
            ),
            (
                json!({"tools": [{"type": "function", "name": "a", "parameters": []}]}),
                "tools[0].parameters must be a JSON Schema of an object",
            ),
            (
                json!({"tool_choice": "required"}),
                "tool_choice is required and there are no tools",
            ),
            (
                json!({"tool_choice": {"type": "function", "function": {"name": "b"}}}),
                "tool_choice names \"b\", which is not in tools",
            ),
        ] {
            assert_eq!(read(value), Err(message.to_owned()));
        }
    }
}
