//! Loading an embedding model.

use std::sync::Arc;

use sigmavault_catalogue::Use;

use super::embedding::Embedding;
use super::error::ModelsError;
use super::known::AUTO;
use super::registry::Models;
use super::routing::Ask;
use super::shared::State;

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
        let (id, threads) = (found.id.clone(), self.threads);
        let load = move || Embedding::load(found, threads);
        let keep = |state: &mut State, embedding| state.embedding.replace(embedding);
        turn.load(id, load, keep).await
    }
}
