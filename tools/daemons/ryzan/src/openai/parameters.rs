//! Parameters that chat, completions and responses share: sampling, length, stop texts, answer format.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::error::ApiError;
use super::fields::{Fields, kind};

/// Maximum length of a stop text, in bytes. Every prompt of a request has a copy.
const STOP: usize = 4096;

/// Maximum number of stop texts.
const STOPS: usize = 4;

/// Maximum number of biased tokens.
const BIASES: usize = 1024;

/// How tokens are sampled. Absent values fall back to the model's defaults.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parameters {
    /// Maximum length of the answer in tokens, reasoning included.
    pub max_tokens: Option<usize>,
    /// Temperature, from 0 (greedy) to 2.
    pub temperature: Option<f32>,
    /// Nucleus sampling: the probability mass to sample from.
    pub top_p: Option<f32>,
    /// Number of tokens to sample from; not in `OpenAI`'s own interface.
    pub top_k: Option<usize>,
    /// Minimum probability relative to the likeliest token; not in `OpenAI`'s own interface.
    pub min_p: Option<f32>,
    /// Repetition penalty: divides the logits of earlier tokens; not in `OpenAI`'s own interface.
    pub repetition_penalty: Option<f32>,
    /// Subtracted from a token's logit once per earlier occurrence.
    pub frequency_penalty: f32,
    /// Subtracted from the logit of every earlier token.
    pub presence_penalty: f32,
    /// Added to the logits of tokens, by id.
    pub logit_bias: BTreeMap<u32, f32>,
    /// Seed of the sampler: the same seed gives the same text.
    pub seed: Option<u64>,
    /// Texts that end the answer and are not part of it.
    pub stop: Vec<String>,
}

impl Parameters {
    /// Reads everything but the length, whose name differs between endpoints.
    pub fn read(fields: &mut Fields) -> Result<Self, ApiError> {
        fields.only(
            "n",
            &[json!(1)],
            "this engine gives one answer per request; send the request again for another",
        )?;
        Ok(Self {
            max_tokens: None,
            temperature: fields.number("temperature", 0.0..=2.0)?,
            top_p: fields.number("top_p", 0.0..=1.0)?,
            top_k: fields.count("top_k", 0..=1_000_000)?,
            min_p: fields.number("min_p", 0.0..=1.0)?,
            repetition_penalty: fields.number("repetition_penalty", 0.1..=10.0)?,
            frequency_penalty: fields.number("frequency_penalty", -2.0..=2.0)?.unwrap_or(0.0),
            presence_penalty: fields.number("presence_penalty", -2.0..=2.0)?.unwrap_or(0.0),
            logit_bias: logit_bias(fields)?,
            seed: seed(fields)?,
            stop: stops(fields)?,
        })
    }
}

/// Maps negative seeds to positive ones.
fn seed(fields: &mut Fields) -> Result<Option<u64>, ApiError> {
    let seed: Option<i64> = fields.get("seed", "a whole number of at most 63 bits")?;
    Ok(seed.map(i64::cast_unsigned))
}

fn stops(fields: &mut Fields) -> Result<Vec<String>, ApiError> {
    let stops = match fields.raw("stop") {
        None => return Ok(Vec::new()),
        Some(Value::String(stop)) => vec![stop],
        Some(value) => serde_json::from_value::<Vec<String>>(value)
            .map_err(|_| ApiError::invalid("stop", "stop must be a string or an array of strings"))?,
    };
    if stops.len() > STOPS {
        return Err(ApiError::invalid(
            "stop",
            format!("stop has {} texts and may have {STOPS}", stops.len()),
        ));
    }
    if let Some(long) = stops.iter().find(|stop| stop.len() > STOP) {
        return Err(ApiError::invalid(
            "stop",
            format!("a text of stop has {} bytes and may have {STOP}", long.len()),
        ));
    }
    if stops.iter().any(String::is_empty) {
        return Err(ApiError::invalid("stop", "stop must not have an empty text"));
    }
    Ok(stops)
}

fn logit_bias(fields: &mut Fields) -> Result<BTreeMap<u32, f32>, ApiError> {
    let Some(given) =
        fields.get::<BTreeMap<String, f32>>("logit_bias", "an object of token ids and numbers")?
    else {
        return Ok(BTreeMap::new());
    };
    if given.len() > BIASES {
        return Err(ApiError::invalid(
            "logit_bias",
            format!("logit_bias has {} tokens and may have {BIASES}", given.len()),
        ));
    }
    given
        .into_iter()
        .map(|(token, bias)| match token.parse::<u32>() {
            Ok(id) if (-100.0..=100.0).contains(&bias) => Ok((id, bias)),
            Ok(_) => Err(ApiError::invalid(
                "logit_bias",
                format!("logit_bias of token {token} is {bias} and must be from -100 to 100"),
            )),
            Err(_) => Err(ApiError::invalid(
                "logit_bias",
                format!("logit_bias has the key {token:?}, which is no token id"),
            )),
        })
        .collect()
}

/// The format of the answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Format {
    /// Free text.
    #[default]
    Text,
    /// Any JSON object.
    Object,
    /// JSON that is valid under this JSON Schema.
    Schema {
        /// The schema.
        schema: Value,
        /// Whether all of it must be enforced while the answer is written; else some of it may be checked in the finished answer.
        strict: bool,
    },
}

impl Format {
    /// Reads `{"type": ...}`. Chat nests the schema below `json_schema`, responses puts it beside the type.
    pub fn read(mut fields: Fields) -> Result<Self, ApiError> {
        let which: String = fields.required("type", "text, json_object or json_schema")?;
        let format = match which.as_str() {
            "text" => Self::Text,
            "json_object" => Self::Object,
            "json_schema" => match fields.object("json_schema")? {
                Some(mut inner) => {
                    let schema = schema(&mut inner)?;
                    inner.finish()?;
                    schema
                }
                None => schema(&mut fields)?,
            },
            other => {
                let path = fields.path("type");
                return Err(ApiError::invalid(
                    path.as_str(),
                    format!("{path} is {other:?} and must be text, json_object or json_schema"),
                ));
            }
        };
        fields.finish()?;
        Ok(format)
    }
}

fn schema(fields: &mut Fields) -> Result<Format, ApiError> {
    fields.ignore(&["name", "description"]);
    let strict = fields.flag("strict")?;
    let path = fields.path("schema");
    match fields.raw("schema") {
        Some(schema @ (Value::Object(_) | Value::Bool(_))) => Ok(Format::Schema { schema, strict }),
        other => Err(ApiError::invalid(
            path.as_str(),
            format!(
                "{path} must be a JSON Schema, not {}",
                kind(&other.unwrap_or_default())
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Value) -> Result<Parameters, String> {
        let mut fields = Fields::of(value, "").unwrap();
        let parameters = Parameters::read(&mut fields).map_err(|error| error.to_string())?;
        fields.finish().map_err(|error| error.to_string())?;
        Ok(parameters)
    }

    #[test]
    fn everything_is_read() {
        let parameters = read(json!({
            "n": 1, "temperature": 0.5, "top_p": 0.9, "top_k": 40, "min_p": 0.05, "repetition_penalty": 1.1,
            "frequency_penalty": -2, "presence_penalty": 1, "logit_bias": {"7": -100, "42": 1.5}, "seed": -1,
            "stop": ["\n", "END"]
        }));
        assert_eq!(
            parameters,
            Ok(Parameters {
                max_tokens: None,
                temperature: Some(0.5),
                top_p: Some(0.9),
                top_k: Some(40),
                min_p: Some(0.05),
                repetition_penalty: Some(1.1),
                frequency_penalty: -2.0,
                presence_penalty: 1.0,
                logit_bias: BTreeMap::from([(7, -100.0), (42, 1.5)]),
                seed: Some(u64::MAX),
                stop: vec!["\n".into(), "END".into()],
            })
        );
        assert_eq!(read(json!({"stop": "x"})).unwrap().stop, ["x"]);
    }

    #[test]
    fn what_cannot_be_done_is_refused() {
        for (value, message) in [
            (
                json!({"n": 2}),
                "n is not supported: this engine gives one answer per request; send the request again for another",
            ),
            (
                json!({"temperature": 2.5}),
                "temperature is 2.5 and must be a number from 0 to 2",
            ),
            (
                json!({"temperature": "hot"}),
                "temperature must be a number from 0 to 2, not a string",
            ),
            (
                json!({"stop": ["a", "b", "c", "d", "e"]}),
                "stop has 5 texts and may have 4",
            ),
            (json!({"stop": [""]}), "stop must not have an empty text"),
            (
                json!({"stop": ["x".repeat(4097)]}),
                "a text of stop has 4097 bytes and may have 4096",
            ),
            (json!({"stop": 1}), "stop must be a string or an array of strings"),
            (
                json!({"logit_bias": {"the": 1}}),
                "logit_bias has the key \"the\", which is no token id",
            ),
            (
                json!({"logit_bias": {"7": 101}}),
                "logit_bias of token 7 is 101 and must be from -100 to 100",
            ),
            (
                json!({"seed": 1.5}),
                "seed must be a whole number of at most 63 bits, not a number",
            ),
            (json!({"best_of": 3}), "unknown parameter best_of; leave it out"),
        ] {
            assert_eq!(read(value), Err(message.to_owned()));
        }
    }

    #[test]
    fn formats_of_both_endpoints() {
        let read = |value| {
            Format::read(Fields::of(value, "response_format").unwrap()).map_err(|error| error.to_string())
        };
        let schema = json!({"type": "object"});
        assert_eq!(read(json!({"type": "text"})), Ok(Format::Text));
        assert_eq!(read(json!({"type": "json_object"})), Ok(Format::Object));
        assert_eq!(
            read(
                json!({"type": "json_schema", "json_schema": {"name": "a", "strict": true, "schema": schema}})
            ),
            Ok(Format::Schema {
                schema: schema.clone(),
                strict: true
            })
        );
        assert_eq!(
            read(json!({"type": "json_schema", "name": "a", "schema": schema})),
            Ok(Format::Schema {
                schema,
                strict: false
            })
        );
        assert_eq!(
            read(json!({"type": "json_schema", "json_schema": {"name": "a"}})),
            Err("response_format.json_schema.schema must be a JSON Schema, not null".into())
        );
        assert_eq!(
            read(json!({"type": "grammar"})),
            Err("response_format.type is \"grammar\" and must be text, json_object or json_schema".into())
        );
    }
}
