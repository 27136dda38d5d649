//! `options`, `format` and `think`.

use serde_json::Value;

use crate::openai::error::ApiError;
use crate::openai::fields::{Fields, kind};
use crate::openai::parameters::{Format, Parameters};

/// Maximum number of stop texts.
const STOPS: usize = 64;

/// Reads `options`. What it does not name keeps its default.
pub fn read(fields: &mut Fields) -> Result<Parameters, ApiError> {
    let Some(mut options) = fields.object("options")? else {
        return Ok(Parameters::default());
    };
    let length: Option<i64> = options.get("num_predict", "a whole number")?;
    let seed: Option<i64> = options.get("seed", "a whole number of at most 63 bits")?;
    let top_k: Option<i64> = options.get("top_k", "a whole number")?;
    let parameters = Parameters {
        // Negative: as long as the context lasts.
        max_tokens: length.map(|length| usize::try_from(length).unwrap_or(usize::MAX)),
        temperature: options.number("temperature", 0.0..=2.0)?,
        top_p: options.number("top_p", 0.0..=1.0)?,
        // Below 1: every token.
        top_k: top_k.map(|top| usize::try_from(top).unwrap_or(0)),
        min_p: options.number("min_p", 0.0..=1.0)?,
        repetition_penalty: options.number("repeat_penalty", 0.1..=10.0)?,
        frequency_penalty: options.number("frequency_penalty", -2.0..=2.0)?.unwrap_or(0.0),
        presence_penalty: options.number("presence_penalty", -2.0..=2.0)?.unwrap_or(0.0),
        seed: seed.map(i64::cast_unsigned),
        stop: stops(&mut options)?,
        ..Parameters::default()
    };
    options.leave();
    Ok(parameters)
}

fn stops(options: &mut Fields) -> Result<Vec<String>, ApiError> {
    let path = options.path("stop");
    let stops = match options.raw("stop") {
        None => return Ok(Vec::new()),
        Some(Value::String(stop)) => vec![stop],
        Some(value) => serde_json::from_value::<Vec<String>>(value).map_err(|_| {
            ApiError::invalid(
                path.as_str(),
                format!("{path} must be a string or an array of strings"),
            )
        })?,
    };
    if stops.len() > STOPS {
        return Err(ApiError::invalid(
            path.as_str(),
            format!("{path} has {} texts and may have {STOPS}", stops.len()),
        ));
    }
    Ok(stops.into_iter().filter(|stop| !stop.is_empty()).collect())
}

/// Reads `format`: `"json"`, or a JSON Schema.
pub fn format(fields: &mut Fields) -> Result<Format, ApiError> {
    match fields.raw("format") {
        None => Ok(Format::Text),
        Some(Value::String(word)) if word.is_empty() => Ok(Format::Text),
        Some(Value::String(word)) if word == "json" => Ok(Format::Object),
        Some(schema @ Value::Object(_)) => Ok(Format::Schema {
            schema,
            strict: false,
        }),
        Some(other) => Err(ApiError::invalid(
            "format",
            format!("format must be \"json\" or a JSON Schema, not {}", kind(&other)),
        )),
    }
}

/// Reads `think`: whether the model may reason.
pub fn think(fields: &mut Fields) -> Result<Option<bool>, ApiError> {
    match fields.raw("think") {
        None => Ok(None),
        Some(Value::Bool(think)) => Ok(Some(think)),
        Some(Value::String(level)) if matches!(level.as_str(), "low" | "medium" | "high") => Ok(Some(true)),
        Some(_) => Err(ApiError::invalid(
            "think",
            "think must be true, false, low, medium or high",
        )),
    }
}

/// Refuses what these models cannot see.
pub fn no_images(fields: &mut Fields) -> Result<(), ApiError> {
    let path = fields.path("images");
    match fields.array("images")? {
        Some(images) if !images.is_empty() => Err(ApiError::Invalid {
            message: format!("{path}: these models read text only"),
            param: Some(path),
            code: Some("unsupported_value"),
        }),
        _ => Ok(()),
    }
}
