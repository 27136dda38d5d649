//! `sigmavault model remove`.

use std::io;

use serde::Serialize;
use sigmavault_catalogue::Store;
use sigmavault_facts::show::size;

use super::error::ModelError;
use super::place::Place;
use super::service;
use super::terminal::{ask, somebody_there};

/// Why a model was not removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// An error common to all commands.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The model is in use.
    #[error(
        "nothing was removed: sigmavault-ryzan has {model} loaded; \
         choose another model in /etc/sigmavault/ryzan.toml or stop it: systemctl stop sigmavault-ryzan.service"
    )]
    Loaded {
        /// The model.
        model: String,
    },
    /// The removal was not confirmed.
    #[error("nothing was removed: no confirmation; try: sigmavault model remove {model} --yes")]
    NotConfirmed {
        /// The model.
        model: String,
    },
}

/// A removed model.
#[derive(Debug, Serialize)]
pub struct Removed {
    id: String,
    /// Bytes it occupied on disk.
    bytes: u64,
}

/// Removes a model with everything the engine and downloads keep for it, conversations included.
pub fn run(place: &Place, name: &str, yes: bool) -> Result<Removed, RemoveError> {
    let store = &place.store;
    if store.names().map_err(ModelError::from)?.is_empty() {
        return Err(ModelError::None.into());
    }
    let id = match place.find(name) {
        Ok(model) => model.id,
        // What has no valid record can still be removed.
        Err(_) if store.has(name) => name.to_owned(),
        Err(error) => return Err(error.into()),
    };
    if !store.has(&id) {
        return Err(ModelError::NotHere(id).into());
    }
    if service::has_loaded(&place.files, &id) == Some(true) {
        return Err(RemoveError::Loaded { model: id });
    }
    let question = format!(
        "{id} takes {} in {}. Remove it?",
        size(store.bytes_of(&id)),
        store.folder_of(&id).display()
    );
    let confirmed =
        yes || (somebody_there(place) && ask(&question, &mut io::stdin().lock(), &mut io::stderr())?);
    if !confirmed {
        return Err(RemoveError::NotConfirmed { model: id });
    }
    // What was said to it first: the rest is of no use to anybody.
    Store::remove_cache(&place.files, &id).map_err(ModelError::from)?;
    match store.remove(&id).map_err(ModelError::from)? {
        Some(bytes) => Ok(Removed { id, bytes }),
        None => Err(ModelError::NotHere(id).into()),
    }
}

/// The removed model, for a person.
pub fn show(removed: &Removed) -> String {
    format!("{} is removed; it took {}\n", removed.id, size(removed.bytes))
}
