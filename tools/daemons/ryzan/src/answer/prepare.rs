//! From a request to the engine's input: prompt, sampling and constraint.

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Map, Value, json};
use sigmavault_llm::constraint::{Arguments, Constraint, ConstraintError, Schema};
use sigmavault_llm::engine::Request;
use sigmavault_llm::sampling::Sampling;
use sigmavault_llm::template::{Conversation, Prompt, TemplateError};
use sigmavault_llm::tokenizer::{Bounds, Controls, TokenizerError};

use super::{grammar, spelled};
use crate::admission::Gone;
use crate::models::routing::{Ask, Task};
use crate::models::{Input, Resident};
use crate::openai::chat::ChatRequest;
use crate::openai::completions::CompletionRequest;
use crate::openai::error::ApiError;
use crate::openai::messages::{Message, Role};
use crate::openai::parameters::{Format, Parameters};
use crate::openai::tools::{Choice, Function};

/// Number of prompt prefixes marked for the prefix cache.
const BOUNDARIES: usize = 8;

/// The engine's input.
#[derive(Debug)]
pub struct Prepared {
    /// For the engine.
    pub request: Request,
    /// Whether the prompt ends inside the reasoning.
    pub thinking: bool,
    /// Whether the output may hold calls.
    pub calls: bool,
    /// The validators of calls.
    pub arguments: Option<Arc<Arguments>>,
    /// Whether the prompt may begin with a mark that is no part of the request's text.
    pub framed: bool,
}

/// Prepares an answer in a conversation.
pub fn chat(
    resident: &Resident,
    request: &ChatRequest,
    default_tokens: usize,
    gone: &Gone,
) -> Result<Prepared, ApiError> {
    let callable = request.tools.callable();
    let template = resident.template()?;
    let forced = matches!(request.tools.choice, Choice::Required | Choice::Named(_));
    let held = request.format != Format::Text || forced;
    let knows_tools = template.source().contains("tools");
    // A message that the answer continues stands after the rendered ones, in the place of the answer.
    let (given, begun) = match request.messages.split_last() {
        Some((last, before)) if request.continues => (before, Some(last.content.as_str())),
        _ => (request.messages.as_slice(), None),
    };
    let messages: Vec<Value> = if knows_tools || (callable.is_empty() && !has_calls(given)) {
        given.iter().map(Message::for_template).collect()
    } else {
        spelled::out(given, &callable)
    };
    let bounds = Bounds {
        tokens: resident.info.context,
        cancelled: &|| gone.is(),
    };
    // No template leaves out a whole message, and one that does not fit need not be rendered.
    let longest = request.messages.iter().map(|message| message.content.len()).max();
    let least = resident.tokenizer.least_tokens(longest.unwrap_or(0));
    if least > bounds.tokens {
        return Err(too_long("messages", least, bounds.tokens));
    }
    let tools: Vec<Value> = callable.iter().map(|function| function.for_template()).collect();
    let mut variables = Map::new();
    // Output that is constrained from its first character, or that goes on, cannot begin with reasoning.
    if let Some(thinking) = if held || begun.is_some() {
        Some(false)
    } else {
        request.thinking
    } {
        variables.insert("enable_thinking".to_owned(), json!(thinking));
    }
    let conversation = Conversation {
        messages: &messages,
        tools: (knows_tools && !tools.is_empty()).then_some(tools.as_slice()),
        add_generation_prompt: true,
        variables: &variables,
        now: SystemTime::now(),
    };
    let Prompt {
        text,
        tokens: mut prompt,
    } = template
        .prompt(&conversation, &resident.tokenizer, &bounds)
        .map_err(|error| refused(error, &resident.found.id))?;
    // Boundaries are only needed where a state cannot be truncated.
    let boundaries = if resident.info.recurrent {
        let stop = bounds.cancelled;
        template.boundaries_within(&conversation, &resident.tokenizer, &prompt, BOUNDARIES, stop)
    } else {
        Vec::new()
    };
    if let Some(begun) = begun {
        let encode = |text: &str, controls| {
            let tokens = resident.tokenizer.encode_within(text, controls, &bounds);
            tokens.map_err(|error| not_encoded("messages", &error))
        };
        if text.trim_end().ends_with("<think>") {
            prompt.extend(encode("\n</think>\n\n", Controls::Everywhere)?);
        }
        prompt.extend(encode(begun, Controls::Nowhere)?);
    }
    let constraint = match &request.format {
        Format::Schema { schema, strict } => Some(schema_constraint(resident, schema, *strict, gone)?),
        Format::Object => Some(schema_constraint(
            resident,
            &json!({"type": "object"}),
            true,
            gone,
        )?),
        Format::Text if callable.is_empty() => None,
        Format::Text => Some(calls_constraint(
            resident,
            &callable,
            forced,
            request.tools.parallel,
            gone,
        )?),
    };
    Ok(Prepared {
        thinking: begun.is_none() && text.trim_end().ends_with("<think>"),
        calls: !callable.is_empty() && request.format == Format::Text,
        arguments: constraint.as_ref().and_then(Constraint::arguments),
        framed: false,
        request: Request {
            prompt,
            max_tokens: request.parameters.max_tokens.unwrap_or(default_tokens),
            sampling: sampling(&request.parameters),
            stop: request.parameters.stop.clone(),
            stop_exempt: None,
            // Whose it is, is set when it begins.
            owner: 0,
            constraint,
            top_logprobs: request.logprobs,
            prompt_logprobs: None,
            speculate: true,
            boundaries,
        },
    })
}

/// Prepares the continuation of a text.
pub fn completion(
    resident: &Resident,
    request: &CompletionRequest,
    gone: &Gone,
) -> Result<Prepared, ApiError> {
    let bounds = Bounds {
        tokens: resident.info.context,
        cancelled: &|| gone.is(),
    };
    let prompt = match &request.prompt {
        Input::Text(text) => resident
            .tokenizer
            .encode_framed_within(text, &bounds)
            .map_err(|error| not_encoded("prompt", &error))?,
        Input::Tokens(tokens) => tokens.clone(),
    };
    Ok(Prepared {
        thinking: false,
        calls: false,
        arguments: None,
        framed: matches!(request.prompt, Input::Text(_)),
        request: Request {
            prompt,
            max_tokens: request.parameters.max_tokens.unwrap_or(1),
            sampling: sampling(&request.parameters),
            stop: request.parameters.stop.clone(),
            stop_exempt: None,
            owner: 0,
            constraint: None,
            top_logprobs: request.logprobs,
            prompt_logprobs: request.logprobs.filter(|_| request.echo),
            speculate: true,
            boundaries: Vec::new(),
        },
    })
}

/// Approximate number of characters per token, for estimates without a tokenizer.
const LETTERS: usize = 4;

/// What a conversation requires of a model.
pub fn ask(request: &ChatRequest) -> Ask {
    let bytes: usize = request.messages.iter().map(|message| message.content.len()).sum();
    let tokens = (bytes / LETTERS).saturating_add(request.parameters.max_tokens.unwrap_or(0));
    let last = request
        .messages
        .iter()
        .rfind(|message| message.role == Role::User);
    let formed = request.format != Format::Text || !request.tools.callable().is_empty();
    Ask {
        task: Task::of(last.map_or("", |message| &message.content), tokens, formed),
        tokens,
    }
}

/// What the continuation of a text requires of a model.
pub fn ask_of_text(request: &CompletionRequest) -> Ask {
    let (text, tokens) = match &request.prompt {
        Input::Text(text) => (text.as_str(), text.len() / LETTERS),
        Input::Tokens(tokens) => ("", tokens.len()),
    };
    let tokens = tokens.saturating_add(request.parameters.max_tokens.unwrap_or(0));
    Ask {
        task: Task::of(text, tokens, false),
        tokens,
    }
}

/// Bytes of text in a chat request.
pub fn bytes(request: &ChatRequest) -> usize {
    let messages = request.messages.iter().map(|message| {
        let calls = message.calls.iter().map(|call| call.arguments.len());
        message.content.len() + calls.sum::<usize>()
    });
    let tools = request.tools.functions.iter().map(|function| {
        let description = function.description.as_ref().map_or(0, String::len);
        description + length(&function.parameters)
    });
    let format = match &request.format {
        Format::Schema { schema, .. } => length(schema),
        Format::Text | Format::Object => 0,
    };
    messages.chain(tools).sum::<usize>() + format
}

/// The largest schemas of a request, all together, in bytes without descriptions.
pub const SCHEMAS: usize = 48_000;

/// How many times as much memory as its text a compiled schema takes, about: measured with one pattern in 40 bytes.
pub const COMPILED: usize = 340;

/// Approximate length of a schema without what says nothing about values, in bytes.
fn weight(schema: &Value) -> usize {
    match schema {
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, value)| {
                !(value.is_string() && matches!(name.as_str(), "description" | "title" | "$comment"))
            })
            .map(|(name, value)| name.len() + weight(value))
            .sum(),
        value => length(value),
    }
}

/// Bytes of the schemas that the answer must follow.
fn schemas(request: &ChatRequest) -> usize {
    match &request.format {
        Format::Schema { schema, .. } => weight(schema),
        Format::Object => 0,
        Format::Text => {
            let callable = request.tools.callable();
            callable.iter().map(|function| weight(&function.parameters)).sum()
        }
    }
}

/// Bytes of memory that the answer's constraint takes, about.
pub fn constraint_bytes(request: &ChatRequest) -> Result<usize, ApiError> {
    let bytes = schemas(request);
    if bytes > SCHEMAS {
        let param = match request.format {
            Format::Text => "tools",
            Format::Schema { .. } | Format::Object => "response_format",
        };
        return Err(ApiError::invalid(
            param,
            format!(
                "the schemas of {param} have {bytes} bytes without their descriptions and may have {SCHEMAS}"
            ),
        ));
    }
    Ok(bytes * COMPILED)
}

/// Approximate length of a JSON value, in bytes.
fn length(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(length).sum(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| name.len() + length(value))
            .sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
    }
}

/// Bytes of text in a completion request.
pub fn bytes_of_text(request: &CompletionRequest) -> usize {
    match &request.prompt {
        Input::Text(text) => text.len(),
        Input::Tokens(_) => 0,
    }
}

/// The error for text that is not encoded.
pub fn not_encoded(param: &str, error: &TokenizerError) -> ApiError {
    match error {
        TokenizerError::TooLong { tokens, limit } => too_long(param, *tokens, *limit),
        error => ApiError::invalid(param, error.to_string()),
    }
}

fn too_long(param: &str, tokens: usize, context: usize) -> ApiError {
    ApiError::Invalid {
        message: format!(
            "the prompt has at least {tokens} tokens and the model's context holds {context}; shorten the prompt"
        ),
        param: Some(param.to_owned()),
        code: Some("context_length_exceeded"),
    }
}

fn refused(error: TemplateError, model: &str) -> ApiError {
    match error {
        TemplateError::Refused(_) | TemplateError::Missing => {
            ApiError::invalid("messages", error.to_string())
        }
        TemplateError::Tokens(error) => not_encoded("messages", &error),
        TemplateError::Read { .. } | TemplateError::Broken(_) | TemplateError::Memory { .. } => {
            ApiError::Failed {
                reason: format!("{model}: {error}"),
            }
        }
    }
}

fn schema_constraint(
    resident: &Resident,
    schema: &Value,
    strict: bool,
    gone: &Gone,
) -> Result<Constraint, ApiError> {
    let key = json!([strict, schema]).to_string();
    resident.constraint(&key, weight(schema), || {
        awaited(gone, "response_format")?;
        Schema::read(schema, strict)
            .map_err(ConstraintError::from)
            .and_then(|mut schema| Constraint::of_schema(&mut schema, &resident.tokenizer))
            .map_err(|error| ApiError::invalid("response_format", error.to_string()))
    })
}

fn calls_constraint(
    resident: &Resident,
    callable: &[&Function],
    forced: bool,
    parallel: bool,
    gone: &Gone,
) -> Result<Constraint, ApiError> {
    let named: Vec<(&str, &Value, bool)> = callable
        .iter()
        .map(|f| (f.name.as_str(), &f.parameters, f.strict))
        .collect();
    let key = json!([forced, parallel, named]).to_string();
    let bytes = callable.iter().map(|function| weight(&function.parameters)).sum();
    resident.constraint(&key, bytes, || {
        awaited(gone, "tools")?;
        grammar::calls(callable, forced, parallel, &resident.tokenizer)
    })
}

/// Compiling takes seconds, after a wait for others.
fn awaited(gone: &Gone, param: &str) -> Result<(), ApiError> {
    if gone.is() {
        return Err(ApiError::invalid(param, TokenizerError::Cancelled.to_string()));
    }
    Ok(())
}

/// Sampling parameters. Absent ones are neutral if the request sets any of the main ones, else moderate.
fn sampling(parameters: &Parameters) -> Sampling {
    let neutral = Sampling::default();
    let said = parameters.temperature.is_some()
        || parameters.top_p.is_some()
        || parameters.top_k.is_some()
        || parameters.min_p.is_some();
    let moderate = if said {
        neutral.clone()
    } else {
        Sampling {
            temperature: 0.7,
            top_k: 20,
            top_p: 0.95,
            ..neutral.clone()
        }
    };
    Sampling {
        temperature: parameters.temperature.unwrap_or(moderate.temperature),
        top_k: parameters.top_k.unwrap_or(moderate.top_k),
        // An empty nucleus cannot be sampled from; the smallest one holds the likeliest token.
        top_p: parameters.top_p.unwrap_or(moderate.top_p).max(f32::MIN_POSITIVE),
        min_p: parameters.min_p.unwrap_or(neutral.min_p),
        repetition_penalty: parameters
            .repetition_penalty
            .unwrap_or(neutral.repetition_penalty),
        presence_penalty: parameters.presence_penalty,
        frequency_penalty: parameters.frequency_penalty,
        logit_bias: parameters
            .logit_bias
            .iter()
            .map(|(id, bias)| (*id, *bias))
            .collect(),
        seed: parameters.seed,
    }
}

fn has_calls(messages: &[Message]) -> bool {
    messages
        .iter()
        .any(|message| message.role == Role::Tool || !message.calls.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_moderate_and_one_word_makes_the_rest_neutral() {
        let quiet = sampling(&Parameters::default());
        assert_eq!((quiet.temperature, quiet.top_k, quiet.top_p), (0.7, 20, 0.95));
        let hot = sampling(&Parameters {
            temperature: Some(1.0),
            ..Parameters::default()
        });
        assert_eq!((hot.temperature, hot.top_k, hot.top_p), (1.0, 0, 1.0));
        let least = sampling(&Parameters {
            top_p: Some(0.0),
            ..Parameters::default()
        });
        assert_eq!(least.check(), Ok(()));
    }
}
