//! Output that follows a JSON Schema, a grammar or a regular expression.
//!
//! A [`Constraint`] tells, before every token, which tokens may come next (`llguidance` computes that). What it cannot enforce it does not
//! take: a schema with a keyword that would be ignored is an error ([`schema`]). A finished JSON text is checked against the schema once more,
//! by a validator that knows nothing of the masks.

mod numbers;
mod pattern;
mod schema;
mod tokens;

use std::fmt;
use std::sync::Arc;

use llguidance::api::TopLevelGrammar;
use llguidance::{JsonCompileOptions, Matcher};
use serde_json::Value;

use numbers::Numbers;
pub use schema::SchemaError;
pub(crate) use tokens::Grammars;

use crate::tokenizer::Tokenizer;

/// What was asked for cannot be enforced.
#[derive(Debug, thiserror::Error)]
pub enum ConstraintError {
    /// The schema says something that is not enforced.
    #[error("the schema cannot be enforced: {0}")]
    Schema(#[from] SchemaError),
    /// The grammar is none, or is too complex.
    #[error("the grammar cannot be enforced: {0}")]
    Grammar(String),
    /// The vocabulary cannot be constrained.
    #[error("this model's output cannot be constrained: {0}")]
    Tokenizer(String),
    /// The text went where the constraint does not.
    #[error("the text left its constraint: {0}")]
    Violated(String),
}

/// What one text must follow, and where it is in it.
pub struct Constraint {
    matcher: Matcher,
    validator: Option<Arc<jsonschema::Validator>>,
    mask: llguidance::toktrie::SimpleVob,
    ended: bool,
    /// Where it is in JSON, and the vocabulary, where numbers are kept as short as readers hold.
    numbers: Option<(Numbers, Arc<Grammars>)>,
}

impl fmt::Debug for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Constraint")
            .field("validates", &self.validator.is_some())
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// White space between the parts of a JSON text: enough to be pretty, too little to go on for ever.
const WHITE_SPACE: &str = r"[\x20\x0A\x0D\x09]{1,20}";

impl Constraint {
    /// A JSON text that `schema` accepts. Draft 2020-12 unless `$schema` names 2019-09 or 7.
    pub fn json_schema(schema: &Value, tokenizer: &Tokenizer) -> Result<Constraint, ConstraintError> {
        let checked = schema::check(schema, "#")?;
        let validator = schema::validator(schema)?;
        let mut grammar = checked;
        JsonCompileOptions {
            whitespace_pattern: Some(WHITE_SPACE.into()),
            ..JsonCompileOptions::default()
        }
        .apply_to(&mut grammar);
        let mut constraint =
            Self::compile(TopLevelGrammar::from_json_schema(grammar), tokenizer).map_err(|e| match e {
                ConstraintError::Grammar(reason) => SchemaError {
                    place: "#".into(),
                    reason,
                }
                .into(),
                other => other,
            })?;
        constraint.validator = Some(Arc::new(validator));
        constraint.numbers = Some((Numbers::of_json(), Arc::clone(tokenizer.grammars()?)));
        Ok(constraint)
    }

    /// Any JSON object.
    pub fn json_object(tokenizer: &Tokenizer) -> Result<Constraint, ConstraintError> {
        Self::json_schema(&serde_json::json!({"type": "object"}), tokenizer)
    }

    /// A text of a grammar in llguidance's variant of Lark.
    pub fn grammar(lark: &str, tokenizer: &Tokenizer) -> Result<Constraint, ConstraintError> {
        Self::compile(TopLevelGrammar::from_lark(lark.to_owned()), tokenizer)
    }

    /// What [`Constraint::json_schema`] enforces of `schema`, as a part at `place` (such as `#/properties/a`) of the schema of a grammar.
    pub fn enforceable(schema: &Value, place: &str) -> Result<Value, ConstraintError> {
        schema::validator(schema)?;
        Ok(schema::check(schema, place)?)
    }

    /// [`Constraint::grammar`] of a text with lines of JSON, each after `tag`.
    pub fn grammar_with_json(
        lark: &str,
        tag: &'static str,
        tokenizer: &Tokenizer,
    ) -> Result<Constraint, ConstraintError> {
        let mut constraint = Self::grammar(lark, tokenizer)?;
        constraint.numbers = Some((Numbers::after(tag), Arc::clone(tokenizer.grammars()?)));
        Ok(constraint)
    }

    /// A text that a regular expression matches from end to end.
    pub fn regex(pattern: &str, tokenizer: &Tokenizer) -> Result<Constraint, ConstraintError> {
        Self::compile(TopLevelGrammar::from_regex(pattern), tokenizer)
    }

    fn compile(grammar: TopLevelGrammar, tokenizer: &Tokenizer) -> Result<Constraint, ConstraintError> {
        let mut matcher = Matcher::new(tokenizer.grammars()?.factory().create_parser(grammar));
        if let Some(error) = matcher.get_error() {
            return Err(ConstraintError::Grammar(first_line(&error)));
        }
        if let Some(warning) = matcher.grammar_warnings().first() {
            return Err(ConstraintError::Grammar(first_line(warning)));
        }
        Ok(Constraint {
            matcher,
            validator: None,
            mask: llguidance::toktrie::SimpleVob::new(),
            ended: false,
            numbers: None,
        })
    }

    /// The same constraint for another text, from where this one is.
    #[must_use]
    pub fn fork(&self) -> Constraint {
        Constraint {
            matcher: self.matcher.deep_clone(),
            validator: self.validator.clone(),
            mask: self.mask.clone(),
            ended: self.ended,
            numbers: self.numbers.clone(),
        }
    }

    /// The tokens that may come next, as bits, 32 to a word. A token that ends the text is among them where the text may end.
    pub fn allowed(&mut self) -> Result<&[u32], ConstraintError> {
        self.mask = self.matcher.compute_mask_or_eos().map_err(violated)?;
        if let Some((numbers, grammars)) = &self.numbers
            && !self.ended
        {
            numbers.narrow(&mut self.mask, grammars.numbers(), grammars.trie());
        }
        Ok(self.mask.as_slice())
    }

    /// Goes on by a token that was chosen.
    pub fn accept(&mut self, token: u32) -> Result<(), ConstraintError> {
        self.matcher.consume_token(token).map_err(violated)?;
        if let Some((numbers, grammars)) = &mut self.numbers {
            numbers.push(grammars.trie().token(token));
        }
        self.ended = self.matcher.is_stopped();
        if self.ended && !self.matcher.stop_reason().is_ok() {
            return Err(ConstraintError::Violated(self.matcher.stop_reason().to_string()));
        }
        Ok(())
    }

    /// Whether the text is complete and nothing can be added.
    pub fn is_complete(&self) -> bool {
        self.ended
    }

    /// The tokens that must come next, as far as there is only one way on.
    pub fn forced(&mut self) -> Vec<u32> {
        self.matcher.compute_ff_tokens()
    }

    /// How many of `tokens`, from the first on, the constraint allows.
    pub fn allows(&mut self, tokens: &[u32]) -> usize {
        self.matcher.validate_tokens(tokens).unwrap_or(0)
    }

    /// Checks a finished text once more. Without a schema there is nothing to check.
    pub fn validate(&self, text: &str) -> Result<(), ConstraintError> {
        let Some(validator) = &self.validator else {
            return Ok(());
        };
        let value: Value = serde_json::from_str(text)
            .map_err(|e| ConstraintError::Violated(format!("it is no JSON: {e}")))?;
        validator
            .validate(&value)
            .map_err(|e| ConstraintError::Violated(format!("{e} at {}", e.instance_path())))
    }
}

fn violated(error: impl fmt::Display) -> ConstraintError {
    ConstraintError::Violated(first_line(&error.to_string()))
}

/// The reason alone; what follows it is the parser's whole state.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
