//! `sigmavault model`: the language models of this machine.
//!
//! - [`list`], [`pull`], [`inspect`], [`verify`], [`remove`]: one module per command
//! - [`progress`]: bars, notes and Ctrl-C
//! - [`service`]: what the running service has loaded

mod inspect;
mod list;
mod progress;
mod pull;
mod remove;
mod service;
mod verify;

use std::io::{self, BufRead, IsTerminal as _, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use sigmavault_catalogue::{Catalogue, CatalogueError, Model, Store, StoreError, UnknownModel};
use sigmavault_facts::show::Style;
use sigmavault_facts::{Files, report, status};

use crate::{Local, json, needs_root};

/// What is said when there is no model at all.
const NONE: &str = "no model is on this machine; get one with: sigmavault model pull";

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    local: Local,
    /// The folder of models, instead of /srv/sigmavault/models on a pool or /var/lib/sigmavault/models
    #[arg(long, value_name = "DIR", global = true)]
    models_dir: Option<PathBuf>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the models that are offered, and those that are here
    List,
    /// Get a model over the network, or from a folder
    ///
    /// Shows the licence first and has it accepted. A download that was broken off goes on where it ended. Every file is
    /// checked against the SHA-256 of the catalogue before it gets its name.
    Pull {
        /// A model or an alias; without it, what this machine's model tier stands for
        model: Option<String>,
        /// Accept this licence without asking, such as Apache-2.0
        #[arg(long, value_name = "LICENCE")]
        accept_licence: Option<String>,
        /// Read files that are here already, and get their damaged pieces again
        #[arg(long)]
        repair: bool,
        /// Take the files from this folder, such as a stick, instead of the network
        #[arg(long, value_name = "DIR")]
        from: Option<PathBuf>,
    },
    /// Show what a GGUF file holds, and whether the engine can run it
    Inspect {
        /// A file, or a model that is here
        #[arg(value_name = "FILE")]
        file: String,
        /// List the tensors too
        #[arg(long)]
        tensors: bool,
    },
    /// Read a model from the disk and compare it with the catalogue
    Verify {
        /// A model or an alias; without it, all that are here
        model: Option<String>,
    },
    /// Remove a model from the disk
    Remove {
        /// A model or an alias
        model: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// A command on models that failed.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The catalogue.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// A name that is not in it.
    #[error(transparent)]
    Unknown(#[from] UnknownModel),
    /// The folder of models.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No model at all.
    #[error("{NONE}")]
    None,
    /// This model is not there.
    #[error("the model {0} is not on this machine; get it with: sigmavault model pull {0}")]
    NotHere(String),
    /// Nothing tells which model is meant.
    #[error("this machine's model tier is not known ({0}); name a model, see: sigmavault model list")]
    NoTier(String),
    /// The question could not be asked, or the answer not be read.
    #[error("cannot ask: {0}")]
    Ask(io::Error),
}

/// What every command needs.
struct Place {
    files: Files,
    catalogue: Catalogue,
    store: Store,
    /// Bytes of memory, when that is known.
    memory: Option<u64>,
    as_json: bool,
}

impl Place {
    fn of(arguments: &Arguments) -> Result<Self, ModelError> {
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

    /// The model that a name stands for, or the one of this name that is here although it is no longer offered.
    fn find(&self, name: &str) -> Result<Model, ModelError> {
        match self.catalogue.resolve(name, self.memory) {
            Ok(model) => Ok(model.clone()),
            Err(unknown) => match self.store.installed(name) {
                Some(installed) => Ok(installed.model),
                None => Err(unknown.into()),
            },
        }
    }

    /// Every model that is here with all its files: the catalogue's, then those that are no longer offered.
    fn here(&self) -> Result<Vec<Model>, ModelError> {
        let mut here: Vec<Model> = self.catalogue.models().cloned().collect();
        for name in self.store.names()? {
            if self.catalogue.get(&name).is_none()
                && let Some(installed) = self.store.installed(&name)
            {
                here.push(installed.model);
            }
        }
        here.retain(|model| self.store.main_file(model).is_some());
        Ok(here)
    }
}

pub fn run(arguments: &Arguments) -> anyhow::Result<Vec<u8>> {
    let style = Style::of_stdout();
    let place = Place::of(arguments)?;
    let changes = matches!(arguments.action, Action::Pull { .. } | Action::Remove { .. });
    if changes && arguments.models_dir.is_none() {
        needs_root(&place.files, "this changes the models of this machine")?;
    }
    let print = |value: serde_json::Value, text: String| {
        if place.as_json {
            json(&value)
        } else {
            Ok(text.into_bytes())
        }
    };
    match &arguments.action {
        Action::List => {
            let list = list::get(&place)?;
            print(serde_json::to_value(&list)?, list::show(&list, style))
        }
        Action::Pull {
            model,
            accept_licence,
            repair,
            from,
        } => {
            let (name, licence) = (model.as_deref(), accept_licence.as_deref());
            let pulled = pull::run(&place, name, licence, *repair, from.as_deref())?;
            print(serde_json::to_value(&pulled)?, pull::show(&pulled))
        }
        Action::Inspect { file, tensors } => {
            let found = inspect::get(&place, file, *tensors)?;
            print(serde_json::to_value(&found)?, inspect::show(&found, style))
        }
        Action::Verify { model } => {
            let verified = verify::run(&place, model.as_deref())?;
            let text = verify::show(&verified, style);
            let bytes = print(serde_json::to_value(&verified)?, text)?;
            if verify::all_good(&verified) {
                return Ok(bytes);
            }
            io::stdout().lock().write_all(&bytes)?;
            anyhow::bail!(
                "not every file is as the catalogue says; mend it with: sigmavault model pull --repair MODEL"
            )
        }
        Action::Remove { model, yes } => {
            let removed = remove::run(&place, model, *yes)?;
            print(serde_json::to_value(&removed)?, remove::show(&removed))
        }
    }
}

/// Whether somebody is there to be asked.
fn somebody_there(place: &Place) -> bool {
    !place.as_json && io::stdin().is_terminal()
}

/// Asks a question that only "yes" answers.
fn ask(question: &str, input: &mut dyn BufRead, output: &mut dyn Write) -> Result<bool, ModelError> {
    write!(output, "{question} Type yes to go on: ")
        .and_then(|()| output.flush())
        .map_err(ModelError::Ask)?;
    let mut typed = String::new();
    input.read_line(&mut typed).map_err(ModelError::Ask)?;
    Ok(typed.trim() == "yes")
}

/// Text of a file that may hold anything, fit for a terminal.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        for (typed, expected) in [
            ("yes\n", true),
            (" yes \n", true),
            ("y\n", false),
            ("", false),
            ("no\n", false),
        ] {
            let mut said = Vec::new();
            assert_eq!(
                ask("Sure?", &mut typed.as_bytes(), &mut said).unwrap(),
                expected,
                "{typed:?}"
            );
            assert_eq!(said, b"Sure? Type yes to go on: ");
        }
    }

    #[test]
    fn escapes_do_not_reach_the_terminal() {
        assert_eq!(printable("a\x1b[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
    }
}
