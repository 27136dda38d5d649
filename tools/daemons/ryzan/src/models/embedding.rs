//! An embedding model.

use sigmavault_llm::checkpoint::EmbeddingCheckpoint;
use sigmavault_llm::model::Embedder;
use sigmavault_llm::tokenizer::{Bounds, Tokenizer, TokenizerError};
use sigmavault_ternary::Pool;

use super::error::ModelsError;
use super::input::Input;
use super::known::Found;
use super::resident::ResidentError;
use crate::admission::Gone;

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

    /// Computes the vectors of texts, and counts their tokens; stops when the client has gone. Texts that are too long are refused, or
    /// cut if `truncate`.
    pub fn embed(
        &self,
        inputs: &[Input],
        truncate: bool,
        gone: &Gone,
    ) -> Result<(Vec<Vec<f32>>, usize), ModelsError> {
        let bounds = Bounds {
            tokens: if truncate {
                usize::MAX
            } else {
                self.embedder.context()
            },
            cancelled: &|| gone.is(),
        };
        let mut total = 0;
        let mut vectors = Vec::with_capacity(inputs.len());
        for (index, input) in inputs.iter().enumerate() {
            let at = format!("input[{index}]");
            let mut tokens = match input {
                Input::Tokens(tokens) => tokens.clone(),
                Input::Text(text) => match self.tokenizer.encode_framed_within(text, &bounds) {
                    Ok(tokens) => tokens,
                    Err(TokenizerError::TooLong { tokens, .. }) => {
                        return Err(self.too_long(at, &format!("at least {tokens}")));
                    }
                    Err(error) => return Err(ModelsError::invalid(at.as_str(), error.to_string())),
                },
            };
            if truncate && tokens.len() > self.embedder.context() {
                // The last token ends the text.
                let last = tokens.split_off(tokens.len() - 1);
                tokens.truncate(self.embedder.context().saturating_sub(1));
                tokens.extend(last);
            }
            if tokens.len() > self.embedder.context() {
                return Err(self.too_long(at, &tokens.len().to_string()));
            }
            if gone.is() {
                return Err(ModelsError::invalid(
                    at.as_str(),
                    TokenizerError::Cancelled.to_string(),
                ));
            }
            total += tokens.len();
            let vector = self
                .embedder
                .embed(&tokens, &self.pool)
                .map_err(|error| ModelsError::invalid(at.as_str(), error.to_string()))?;
            vectors.push(vector);
        }
        Ok((vectors, total))
    }

    fn too_long(&self, at: String, tokens: &str) -> ModelsError {
        let message = format!(
            "{at} has {tokens} tokens, and {} accepts at most {}; send shorter texts",
            self.found.id,
            self.embedder.context()
        );
        ModelsError::TooLong { at, message }
    }
}
