//! Matching one text against its constraint.

use std::fmt;
use std::sync::Arc;

use llguidance::api::TopLevelGrammar;
use llguidance::{JsonCompileOptions, Matcher};
use serde_json::Value;
use sigmavault_schema::Validator;

use super::arguments::Arguments;
use super::error::ConstraintError;
use super::schema::{self, Schema, SchemaError};
use crate::guide::{Grammars, Numbers};
use crate::tokenizer::Tokenizer;

/// The constraint of one text, with its current position.
pub struct Constraint {
    matcher: Matcher,
    validator: Option<Arc<Validator>>,
    arguments: Option<Arc<Arguments>>,
    mask: llguidance::toktrie::SimpleVob,
    ended: bool,
    /// The position in the JSON text and the vocabulary, if the length of numbers is limited.
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

/// White space between the parts of a JSON text: enough for indentation, and bounded so that it ends.
const WHITE_SPACE: &str = r"[\x20\x0A\x0D\x09]{1,20}";

impl Constraint {
    /// A JSON text that is valid under `schema`. What cannot be enforced is checked in the finished text.
    pub fn json_schema(schema: &Value, tokenizer: &Tokenizer) -> Result<Constraint, ConstraintError> {
        Self::of_schema(&mut Schema::read(schema, false)?, tokenizer)
    }

    /// A JSON text that is valid under a schema. If it is too complex to be enforced, and not strict, the schema is loosened.
    pub fn of_schema(schema: &mut Schema, tokenizer: &Tokenizer) -> Result<Constraint, ConstraintError> {
        let mut constraint = loop {
            let mut grammar = schema.grammar().clone();
            JsonCompileOptions {
                whitespace_pattern: Some(WHITE_SPACE.into()),
                json_allowed_escapes: Some(schema.escapes().into()),
                ..JsonCompileOptions::default()
            }
            .apply_to(&mut grammar);
            match Self::compile(TopLevelGrammar::from_json_schema(grammar), tokenizer) {
                Ok(constraint) => break constraint,
                Err(ConstraintError::Grammar(reason)) => {
                    if schema::is_unsatisfiable(&reason) || !schema.loosen() {
                        return Err(SchemaError {
                            place: "#".into(),
                            reason,
                        }
                        .into());
                    }
                }
                Err(other) => return Err(other),
            }
        };
        constraint.validator = Some(Arc::clone(schema.validator()));
        constraint.numbers = Some((Numbers::of_json(), Arc::clone(grammars(tokenizer)?)));
        Ok(constraint)
    }

    /// Any JSON object.
    pub fn json_object(tokenizer: &Tokenizer) -> Result<Constraint, ConstraintError> {
        Self::json_schema(&serde_json::json!({"type": "object"}), tokenizer)
    }

    /// A text of a grammar in llguidance's dialect of Lark.
    pub fn grammar(lark: &str, tokenizer: &Tokenizer) -> Result<Constraint, ConstraintError> {
        Self::compile(TopLevelGrammar::from_lark(lark.to_owned()), tokenizer)
    }

    /// [`Constraint::grammar`] for a text with lines of JSON, each after `tag`.
    pub fn grammar_with_json(
        lark: &str,
        tag: &'static str,
        tokenizer: &Tokenizer,
    ) -> Result<Constraint, ConstraintError> {
        let mut constraint = Self::grammar(lark, tokenizer)?;
        constraint.numbers = Some((Numbers::after(tag), Arc::clone(grammars(tokenizer)?)));
        Ok(constraint)
    }

    /// Adds the validators of the calls that the text may hold, which [`Constraint::arguments`] gives back.
    #[must_use]
    pub fn with_arguments(mut self, arguments: Arguments) -> Constraint {
        self.arguments = Some(Arc::new(arguments));
        self
    }

    /// The validators of the calls that the text may hold.
    pub fn arguments(&self) -> Option<Arc<Arguments>> {
        self.arguments.clone()
    }

    /// A text that matches a regular expression as a whole.
    pub fn regex(pattern: &str, tokenizer: &Tokenizer) -> Result<Constraint, ConstraintError> {
        Self::compile(TopLevelGrammar::from_regex(pattern), tokenizer)
    }

    fn compile(grammar: TopLevelGrammar, tokenizer: &Tokenizer) -> Result<Constraint, ConstraintError> {
        let mut matcher = Matcher::new(grammars(tokenizer)?.factory().create_parser(grammar));
        if let Some(error) = matcher.get_error() {
            return Err(ConstraintError::Grammar(first_line(&error)));
        }
        if let Some(warning) = matcher.grammar_warnings().first() {
            return Err(ConstraintError::Grammar(first_line(warning)));
        }
        Ok(Constraint {
            matcher,
            validator: None,
            arguments: None,
            mask: llguidance::toktrie::SimpleVob::new(),
            ended: false,
            numbers: None,
        })
    }

    /// A copy for another text, at the same position.
    #[must_use]
    pub fn fork(&self) -> Constraint {
        Constraint {
            matcher: self.matcher.deep_clone(),
            validator: self.validator.clone(),
            arguments: self.arguments.clone(),
            mask: self.mask.clone(),
            ended: self.ended,
            numbers: self.numbers.clone(),
        }
    }

    /// The tokens that may come next, as a bit set, 32 to a word. It includes the end tokens where the text may end.
    pub fn allowed(&mut self) -> Result<&[u32], ConstraintError> {
        self.mask = self.matcher.compute_mask_or_eos().map_err(violated)?;
        if let Some((numbers, grammars)) = &self.numbers
            && !self.ended
        {
            numbers.narrow(&mut self.mask, grammars.numbers(), grammars.trie());
        }
        Ok(self.mask.as_slice())
    }

    /// Advances by a chosen token.
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

    /// Whether the text is complete and cannot be continued.
    pub fn is_complete(&self) -> bool {
        self.ended
    }

    /// The tokens that must come next, as far as there is no alternative.
    pub fn forced(&mut self) -> Vec<u32> {
        self.matcher.compute_ff_tokens()
    }

    /// The number of `tokens`, from the first on, that the constraint allows.
    pub fn allows(&mut self, tokens: &[u32]) -> usize {
        self.matcher.validate_tokens(tokens).unwrap_or(0)
    }

    /// Validates a finished text against the schema, if there is one.
    pub fn validate(&self, text: &str) -> Result<(), ConstraintError> {
        let Some(validator) = &self.validator else {
            return Ok(());
        };
        let value: Value = serde_json::from_str(text)
            .map_err(|e| ConstraintError::Violated(format!("it is not JSON: {e}")))?;
        validator
            .validate(&value)
            .map_err(|invalid| ConstraintError::Violated(invalid.to_string()))
    }
}

/// The vocabulary prepared for constraints.
fn grammars(tokenizer: &Tokenizer) -> Result<&Arc<Grammars>, ConstraintError> {
    tokenizer
        .grammars()
        .map_err(|reason| ConstraintError::Tokenizer(reason.to_owned()))
}

fn violated(error: impl fmt::Display) -> ConstraintError {
    ConstraintError::Violated(first_line(&error.to_string()))
}

/// The first line, which is the reason; the rest is the parser's state.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
