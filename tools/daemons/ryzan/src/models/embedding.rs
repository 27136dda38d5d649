//! An embedding model.

use sigmavault_llm::checkpoint::EmbeddingCheckpoint;
use sigmavault_llm::model::Embedder;
use sigmavault_llm::tokenizer::Tokenizer;
use sigmavault_ternary::Pool;

use super::known::Found;
use super::resident::ResidentError;
use crate::openai::completions::Prompt;
use crate::openai::error::ApiError;

/// An embedding model in memory.
#[derive(Debug)]
pub struct Embedding {
    /// The result of the lookup.
    pub found: Found,
    embedder: Embedder,
    tokenizer: Tokenizer,
    pool: Pool,
}

impl Embedding {
    pub(super) fn load(found: Found, threads: usize) -> Result<Self, ResidentError> {
        let EmbeddingCheckpoint { embedder, tokenizer } = EmbeddingCheckpoint::load(&found.path)?;
        Ok(Self {
            embedder,
            tokenizer,
            pool: Pool::new(threads.max(1)),
            found,
        })
    }

    /// Number of dimensions of its vectors.
    pub fn width(&self) -> usize {
        self.embedder.width()
    }

    /// Computes the vectors of texts, and counts their tokens. Texts that are too long are refused, or cut if `truncate`.
    pub fn embed(&self, inputs: &[Prompt], truncate: bool) -> Result<(Vec<Vec<f32>>, usize), ApiError> {
        let mut total = 0;
        let mut vectors = Vec::with_capacity(inputs.len());
        for (index, input) in inputs.iter().enumerate() {
            let at = format!("input[{index}]");
            let mut tokens = match input {
                Prompt::Tokens(tokens) => tokens.clone(),
                Prompt::Text(text) => self
                    .tokenizer
                    .encode_framed(text)
                    .map_err(|error| ApiError::invalid(at.as_str(), error.to_string()))?,
            };
            if truncate && tokens.len() > self.embedder.context() {
                // The last token ends the text.
                let last = tokens.split_off(tokens.len() - 1);
                tokens.truncate(self.embedder.context().saturating_sub(1));
                tokens.extend(last);
            }
            if tokens.len() > self.embedder.context() {
                return Err(ApiError::Invalid {
                    message: format!(
                        "{at} has {} tokens, and {} accepts at most {}; send shorter texts",
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
