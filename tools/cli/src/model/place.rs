//! The context of every command.

use sigmavault_catalogue::{Catalogue, Model, Store, Unusable, id_fault};
use sigmavault_facts::{Files, report, status};

use super::arguments::Arguments;
use super::error::ModelError;
use crate::output::tell;

/// The context of every command.
pub struct Place {
    /// The machine's files.
    pub files: Files,
    /// The models on offer.
    pub catalogue: Catalogue,
    /// The folder of models.
    pub store: Store,
    /// The machine's memory in bytes, if known.
    pub memory: Option<u64>,
    /// Whether a program reads the output.
    pub as_json: bool,
}

impl Place {
    /// Reads the catalogue and opens the folder of models.
    pub fn of(arguments: &Arguments) -> Result<Self, ModelError> {
        let files = Files::new(&arguments.local.root);
        let hardware = report::hardware(&files).ok();
        let installed = hardware.map(|report| report.memory.installed_bytes);
        let seen = || status::memory(&files).ok().map(|memory| memory.total_bytes);
        Ok(Self {
            catalogue: Catalogue::load(&files)?,
            store: match &arguments.models_dir {
                Some(folder) => Store::at(folder),
                None => Store::of(&files),
            },
            memory: installed.or_else(seen),
            as_json: arguments.local.json,
            files,
        })
    }

    /// The model that a name resolves to, or an installed one of this name that is no longer offered.
    pub fn find(&self, name: &str) -> Result<Model, ModelError> {
        match self.catalogue.resolve(name, self.memory) {
            Ok(model) => Ok(model.clone()),
            Err(unknown) if id_fault(name).is_some() => Err(unknown.into()),
            Err(unknown) => match self.store.record_of(name)? {
                Some(installed) => Ok(installed.model),
                None => Err(unknown.into()),
            },
        }
    }

    /// Every model that can be used: first those in the catalogue, then the others. Says why one that is here cannot.
    pub fn here(&self) -> Result<Vec<Model>, ModelError> {
        let mut here: Vec<Model> = self.catalogue.models().cloned().collect();
        for name in self.store.names()? {
            if self.catalogue.get(&name).is_some() {
                continue;
            }
            match self.store.record_of(&name) {
                Ok(installed) => here.extend(installed.map(|installed| installed.model)),
                Err(error) => tell(format_args!("note: {name} is not used: {error}")),
            }
        }
        here.retain(|model| match self.store.usable(model) {
            Ok(_) => true,
            Err(Unusable::Absent) => false,
            Err(why) => {
                tell(format_args!("note: {} is not used: {why}", model.id));
                false
            }
        });
        Ok(here)
    }
}
