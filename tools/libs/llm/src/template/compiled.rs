//! Compiling and rendering within limits.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Error, ErrorKind, Value};

use super::conversation::Conversation;
use super::error::TemplateError;
use super::{guarded, json, limits, quote, rewrite, source, time};

/// The most steps of a rendering. The longest conversations take a few hundred thousand.
const FUEL: u64 = 20_000_000;

/// Marks an error as raised by the template itself.
const REFUSAL: &str = "refused by the template: ";

/// Compiles a template; `mark` is applied to its texts and strings.
pub(super) fn compile(
    source: &str,
    mark: &dyn Fn(&str) -> String,
) -> Result<Environment<'static>, TemplateError> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build()
        .map_err(broken)?;
    environment.set_syntax(syntax.clone());
    environment.set_fuel(Some(FUEL));
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_unknown_method_callback(guarded::method);
    guarded::install(&mut environment);
    environment.add_filter("tojson", json::tojson);
    environment.add_function("raise_exception", |message: String| -> Result<Value, Error> {
        Err(Error::new(
            ErrorKind::InvalidOperation,
            format!("{REFUSAL}{message}"),
        ))
    });
    let prepared = source::prepare(source).map_err(TemplateError::Broken)?;
    let rewritten = rewrite::rewrite(&prepared, &syntax, mark).map_err(broken)?;
    environment
        .add_template_owned(rewrite::NAME, rewritten)
        .map_err(broken)?;
    Ok(environment)
}

/// Renders a conversation within limits of steps and memory.
pub(super) fn render(
    environment: &Environment<'static>,
    conversation: &Conversation<'_>,
    begin: Option<&str>,
    end: Option<&str>,
) -> Result<String, TemplateError> {
    let template = environment.get_template(rewrite::NAME).map_err(broken)?;
    let mut variables: Vec<(String, Value)> = conversation
        .variables
        .iter()
        .map(|(name, value)| (name.clone(), Value::from(Serde(value))))
        .collect();
    let mut set = |name: &str, value: Value| variables.push((name.to_owned(), value));
    set("messages", Value::from(Serde(conversation.messages)));
    set(
        "tools",
        conversation
            .tools
            .map_or(Value::from(()), |tools| Value::from(Serde(tools))),
    );
    set("documents", Value::from(()));
    set(
        "add_generation_prompt",
        Value::from(conversation.add_generation_prompt),
    );
    for (name, token) in [("bos_token", begin), ("eos_token", end)] {
        if let Some(token) = token {
            set(name, Value::from(token));
        }
    }
    let now = conversation.now;
    set(
        "strftime_now",
        Value::from_function(move |format: String| time::format(now, &format)),
    );
    let input = conversation
        .messages
        .iter()
        .chain(conversation.tools.into_iter().flatten());
    let limit = limits::limit(input.map(quote::size).sum(), conversation.messages.len());
    limits::within(limit, || template.render(Value::from_pairs(variables))).map_err(|error| {
        let exceeded = causes(&error).find(|error| has_detail(error, limits::EXCEEDED));
        let line = exceeded.map(|error| error.line().unwrap_or(0));
        match line {
            Some(line) => TemplateError::Memory {
                mebibytes: limit >> 20,
                line,
            },
            None => broken(error),
        }
    })
}

/// An error, and those that it comes from.
fn causes(error: &Error) -> impl Iterator<Item = &Error> {
    std::iter::successors(Some(error), |error| {
        std::error::Error::source(*error).and_then(|source| source.downcast_ref())
    })
}

fn has_detail(error: &Error, prefix: &str) -> bool {
    error.detail().is_some_and(|detail| detail.starts_with(prefix))
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn broken(error: Error) -> TemplateError {
    if let Some(message) = error.detail().and_then(|d| d.strip_prefix(REFUSAL)) {
        return TemplateError::Refused(message.to_owned());
    }
    let line = error.line().map(|l| format!(" (line {l})")).unwrap_or_default();
    TemplateError::Broken(format!("{error}{line}"))
}
