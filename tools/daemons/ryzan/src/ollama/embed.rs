//! `POST /api/embed`: the request and the answer.

use std::time::Duration;

use serde_json::{Value, json};

use super::wire::model_name;
use crate::models::Input;
use crate::openai::embeddings::LIMIT;
use crate::openai::error::ApiError;
use crate::openai::fields::Fields;

/// An embedding request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbedRequest {
    /// The model, by name, alias or `auto`.
    pub model: String,
    /// The texts.
    pub inputs: Vec<Input>,
    /// Whether texts that are too long are cut, as they are unless the request says otherwise.
    pub truncate: bool,
    /// Expected length of the vectors; `None` accepts any.
    pub dimensions: Option<usize>,
}

impl EmbedRequest {
    /// Reads a request.
    pub fn read(body: Value) -> Result<Self, ApiError> {
        let mut fields = Fields::of(body, "")?;
        let model: String = fields.required("model", "the name of a model")?;
        let wrong = || {
            ApiError::invalid(
                "input",
                format!("input must be a string or an array of at most {LIMIT} strings, none empty"),
            )
        };
        let inputs = match fields.raw("input") {
            Some(Value::String(text)) => vec![text],
            Some(Value::Array(many)) if many.len() <= LIMIT => {
                serde_json::from_value(Value::Array(many)).map_err(|_| wrong())?
            }
            _ => return Err(wrong()),
        };
        if inputs.iter().any(String::is_empty) {
            return Err(wrong());
        }
        let truncate = fields.get("truncate", "true or false")?.unwrap_or(true);
        let dimensions = fields.count("dimensions", 1..=usize::MAX)?;
        fields.leave();
        Ok(Self {
            model: model_name(&model),
            inputs: inputs.into_iter().map(Input::Text).collect(),
            truncate,
            dimensions,
        })
    }
}

/// The answer.
pub fn answer(model: &str, vectors: &[Vec<f32>], tokens: usize, load: Duration, total: Duration) -> Value {
    let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    json!({
        "model": model,
        "embeddings": vectors,
        "total_duration": nanos(total),
        "load_duration": nanos(load),
        "prompt_eval_count": tokens,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_or_several() {
        let read = |input: Value| EmbedRequest::read(json!({"model": "bert:latest", "input": input}));
        let text = |text: &str| Input::Text(text.to_owned());
        let one = read(json!("a")).unwrap();
        assert_eq!(
            (one.model.as_str(), one.inputs, one.truncate),
            ("bert", vec![text("a")], true)
        );
        assert_eq!(read(json!(["a", "b"])).unwrap().inputs, [text("a"), text("b")]);
        assert_eq!(read(json!([])).unwrap().inputs, []);
        for wrong in [json!(""), json!(["a", ""]), json!([1]), json!(null)] {
            assert!(read(wrong).unwrap_err().to_string().starts_with("input must be"));
        }
    }
}
