//! Loading an embedding model.

use std::sync::Arc;

use log::info;
use sigmavault_catalogue::Use;

use super::embedding::Embedding;
use super::error::ModelsError;
use super::known::AUTO;
use super::registry::Models;
use super::routing::Ask;

impl Models {
    /// The embedding model of this name, loaded if necessary. It is small and stays loaded.
    pub async fn acquire_embedding(&self, name: &str) -> Result<Arc<Embedding>, ModelsError> {
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
            return Err(ModelsError::OtherUse(format!(
                "{} is not an embedding model; leave the model out, or name an embedding model",
                found.id
            )));
        }
        let turn = self.shared.turn(Use::Embedding).await;
        let loaded = self.shared.lock().embedding.clone();
        if let Some(embedding) = loaded.filter(|embedding| embedding.found.id == found.id) {
            return Ok(embedding);
        }
        let (id, threads, shared) = (found.id.clone(), self.threads, Arc::clone(&self.shared));
        let load = move || {
            let id = found.id.clone();
            let loaded = Embedding::load(found, threads);
            let embedding = Arc::new(loaded.map_err(|error| shared.load_failed(&id, &error.to_string()))?);
            info!("loaded {id} for embeddings");
            let before = shared.lock().embedding.replace(Arc::clone(&embedding));
            drop((before, turn));
            Ok(embedding)
        };
        let loaded = tokio::task::spawn_blocking(load).await;
        loaded.unwrap_or_else(|error| Err(self.shared.load_failed(&id, &error.to_string())))
    }
}
