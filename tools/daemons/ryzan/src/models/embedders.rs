//! Loading an embedding model.

use std::sync::Arc;

use log::info;
use sigmavault_catalogue::Use;

use super::embedding::Embedding;
use super::known::AUTO;
use super::registry::{Models, failed_load};
use super::routing::Ask;
use crate::openai::error::ApiError;

impl Models {
    /// The embedding model of this name, loaded if necessary. It is small and stays loaded.
    pub async fn acquire_embedding(&self, name: &str) -> Result<Arc<Embedding>, ApiError> {
        let find = || match name {
            AUTO => self.known().embedding(),
            name => self.find(name, Ask::ANY),
        };
        let found = match find() {
            Ok(found) => found,
            // It may have been pulled in the meantime.
            Err(_) => {
                self.reread();
                find()?
            }
        };
        if found.use_ != Use::Embedding {
            return Err(ApiError::invalid(
                "model",
                format!(
                    "{} is not an embedding model; leave the model out, or name an embedding model",
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
