//! `POST /v1/rerank`, as Jina's and Cohere's interfaces have it: the documents of a request, ordered by how well they fit
//! its query.
//!
//! There is no cross-encoder: query and documents become vectors of the embedding model, and the score is the cosine of the
//! angle between them, from -1 to 1. It orders documents of one query; scores of different queries do not compare.

use serde_json::{Value, json};

use super::chat;
use super::error::ApiError;
use super::fields::Fields;
use crate::models::Input;

/// Maximum number of documents, as of texts in `/v1/embeddings`, less the query.
const LIMIT: usize = 2047;

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RerankRequest {
    /// The embedding model, by name, alias or `auto`.
    pub model: String,
    /// The query.
    pub query: String,
    /// The documents.
    pub documents: Vec<String>,
    /// How many of them the answer has; `None` for all.
    pub top: Option<usize>,
    /// Whether the answer repeats their texts.
    pub texts: bool,
}

/// A document's place in the request, and its score.
pub type Scored = (usize, f32);

impl RerankRequest {
    /// Reads a request.
    pub fn read(body: Value) -> Result<Self, ApiError> {
        let mut fields = Fields::of(body, "")?;
        let model = chat::model(&mut fields)?;
        let query: String = fields.required("query", "a string")?;
        let given: Vec<Value> = fields.required("documents", "an array of texts")?;
        if !(1..=LIMIT).contains(&given.len()) || query.is_empty() {
            return Err(ApiError::invalid(
                "documents",
                format!("query must not be empty, and documents must be 1 to {LIMIT} texts"),
            ));
        }
        let documents = given
            .into_iter()
            .enumerate()
            .map(document)
            .collect::<Result<_, _>>()?;
        let top = fields.count("top_n", 1..=usize::MAX)?;
        let texts = fields.flag("return_documents")?;
        fields.leave();
        Ok(Self {
            model,
            query,
            documents,
            top,
            texts,
        })
    }

    /// The texts to embed: the query, then the documents.
    pub fn inputs(&self) -> Vec<Input> {
        let texts = std::iter::once(&self.query).chain(&self.documents);
        texts.cloned().map(Input::Text).collect()
    }

    /// The answer; `vectors` are those of [`Self::inputs`].
    pub fn answer(&self, id: &str, model: &str, vectors: &[Vec<f32>], tokens: usize) -> Value {
        let results: Vec<Value> = self
            .order(vectors)
            .into_iter()
            .map(|(index, score)| {
                let mut result = json!({"index": index, "relevance_score": score});
                if self.texts {
                    result["document"] = json!({"text": self.documents[index]});
                }
                result
            })
            .collect();
        json!({
            "id": id,
            "object": "list",
            "model": model,
            "results": results,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        })
    }

    /// The best documents, best first; equal ones in the request's order.
    fn order(&self, vectors: &[Vec<f32>]) -> Vec<Scored> {
        let Some((query, documents)) = vectors.split_first() else {
            return Vec::new();
        };
        let mut scored: Vec<Scored> = documents
            .iter()
            .map(|document| cosine(query, document))
            .enumerate()
            .collect();
        scored.sort_by(|a, b| b.1.total_cmp(&a.1));
        scored.truncate(self.top.unwrap_or(usize::MAX));
        scored
    }
}

fn document((index, value): (usize, Value)) -> Result<String, ApiError> {
    let at = format!("documents[{index}]");
    let text = match value {
        Value::String(text) => text,
        Value::Object(_) => {
            let mut fields = Fields::of(value, &at)?;
            let text = fields.required("text", "a string")?;
            fields.leave();
            text
        }
        _ => String::new(),
    };
    if text.is_empty() {
        return Err(ApiError::invalid(
            at.as_str(),
            format!("{at} must be a text that is not empty, or an object with one as text"),
        ));
    }
    Ok(text)
}

/// The cosine of the angle between two vectors; 0 where one has no direction.
fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let length = (dot(a, a) * dot(b, b)).sqrt();
    if length > 0.0 { dot(a, b) / length } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(more: &Value) -> Result<RerankRequest, String> {
        let mut body = json!({"query": "q", "documents": ["a", {"text": "b", "title": "B"}, "c"]});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        RerankRequest::read(body).map_err(|error| error.to_string())
    }

    #[test]
    fn the_best_come_first() {
        let vectors = [vec![1.0, 0.0], vec![0.0, 2.0], vec![3.0, 0.0], vec![-1.0, 0.0]];
        let answer = request(&json!({"return_documents": true, "top_n": 2}))
            .unwrap()
            .answer("rerank_1", "bert", &vectors, 9);
        assert_eq!(
            answer["results"],
            json!([
                {"index": 1, "relevance_score": 1.0, "document": {"text": "b"}},
                {"index": 0, "relevance_score": 0.0, "document": {"text": "a"}}
            ])
        );
        assert_eq!(answer["usage"]["total_tokens"], 9);
        assert_eq!(
            request(&json!({})).unwrap().order(&vectors),
            [(1, 1.0), (0, 0.0), (2, -1.0)]
        );
        assert_eq!(cosine(&[0.0, 0.0], &[1.0, 0.0]).to_bits(), 0);
    }

    #[test]
    fn mistakes_are_named() {
        for (more, message) in [
            (
                json!({"documents": []}),
                "query must not be empty, and documents must be 1 to 2047 texts",
            ),
            (
                json!({"query": ""}),
                "query must not be empty, and documents must be 1 to 2047 texts",
            ),
            (
                json!({"documents": ["a", 1]}),
                "documents[1] must be a text that is not empty, or an object with one as text",
            ),
            (
                json!({"top_n": 0}),
                "top_n is 0 and must be a whole number from 1",
            ),
        ] {
            assert_eq!(request(&more), Err(message.to_owned()));
        }
    }
}
