//! A model that makes vectors of texts.

use std::path::Path;
use std::sync::Arc;

use log::info;
use sigmavault_catalogue::Use;
use sigmavault_llm::model::Embedder;
use sigmavault_llm::tokenizer::Tokenizer;
use sigmavault_ternary::Pool;

use super::known::{AUTO, Found};
use super::resident::ResidentError;
use super::routing::Ask;
use super::{Models, failed_load};
use crate::openai::completions::Prompt;
use crate::openai::error::ApiError;

/// An embedding model in memory.
#[derive(Debug)]
pub struct Embedding {
    /// What was found before it was loaded.
    pub found: Found,
    embedder: Embedder,
    tokenizer: Tokenizer,
    pool: Pool,
}

impl Embedding {
    fn load(found: Found, threads: usize) -> Result<Self, ResidentError> {
        let folder = found.path.parent().unwrap_or(Path::new(".")).to_owned();
        Ok(Self {
            embedder: Embedder::load(&folder)?,
            tokenizer: Tokenizer::from_json(&folder.join("tokenizer.json"))?,
            pool: Pool::new(threads.max(1)),
            found,
        })
    }

    /// Length of its vectors.
    pub fn width(&self) -> usize {
        self.embedder.width()
    }

    /// The vectors of texts, and how many tokens they have together.
    pub fn embed(&self, inputs: &[Prompt]) -> Result<(Vec<Vec<f32>>, usize), ApiError> {
        let mut total = 0;
        let mut vectors = Vec::with_capacity(inputs.len());
        for (index, input) in inputs.iter().enumerate() {
            let at = format!("input[{index}]");
            let tokens = match input {
                Prompt::Tokens(tokens) => tokens.clone(),
                Prompt::Text(text) => self
                    .tokenizer
                    .encode_framed(text)
                    .map_err(|error| ApiError::invalid(at.as_str(), error.to_string()))?,
            };
            if tokens.len() > self.embedder.context() {
                return Err(ApiError::Invalid {
                    message: format!(
                        "{at} has {} tokens and {} takes {}; send shorter texts",
                        tokens.len(),
                        self.found.id,
                        self.embedder.context()
                    ),
                    param: Some(at),
                    code: Some("context_length_exceeded"),
                });
            }
            total += tokens.len();
            let vector = self
                .embedder
                .embed(&tokens, &self.pool)
                .map_err(|error| ApiError::invalid(at.as_str(), error.to_string()))?;
            vectors.push(vector);
        }
        Ok((vectors, total))
    }
}

impl Models {
    /// The embedding model of this name, loaded when it was not. It is small and stays.
    pub async fn acquire_embedding(&self, name: &str) -> Result<Arc<Embedding>, ApiError> {
        let find = || match name {
            AUTO => self.known().embedding(),
            name => self.find(name, Ask::ANY),
        };
        let found = match find() {
            Ok(found) => found,
            // It may have been pulled since.
            Err(_) => {
                self.reread();
                find()?
            }
        };
        if found.use_ != Use::Embedding {
            return Err(ApiError::invalid(
                "model",
                format!(
                    "{} makes no embeddings; leave the model out, or name one that does",
                    found.id
                ),
            ));
        }
        let mut loaded = self.embedding.lock().await;
        if let Some(embedding) = loaded.as_ref().filter(|embedding| embedding.found.id == found.id) {
            return Ok(Arc::clone(embedding));
        }
        let (id, threads) = (found.id.clone(), self.threads);
        let result = tokio::task::spawn_blocking(move || Embedding::load(found, threads)).await;
        let embedding = match result {
            Ok(Ok(embedding)) => Arc::new(embedding),
            Ok(Err(error)) => return Err(failed_load(&id, &error.to_string())),
            Err(error) => return Err(failed_load(&id, &error.to_string())),
        };
        info!("loaded {id} for embeddings");
        *loaded = Some(Arc::clone(&embedding));
        Ok(embedding)
    }
}
