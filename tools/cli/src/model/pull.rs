//! `sigmavault model pull`.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;
use sigmavault_catalogue::Model;
use sigmavault_catalogue::download::{self, DownloadError, Order, Source, Tuning};
use sigmavault_facts::report;
use sigmavault_facts::show::size;
use sigmavault_facts::time::timestamp;

use super::error::ModelError;
use super::fetch;
use super::place::Place;
use super::progress::{Onlooker, SignalError};
use super::terminal::{ask, somebody_there};

/// Why a model was not pulled.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// An error common to all commands.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The download.
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// Ctrl-C cannot be caught.
    #[error(transparent)]
    Signal(#[from] SignalError),
    /// The accepted licence is not the model's.
    #[error("nothing was fetched: {model} has the licence {licence}, not {accepted}; read it at {url}")]
    OtherLicence {
        /// The model.
        model: String,
        /// Its licence.
        licence: String,
        /// The accepted licence.
        accepted: String,
        /// Where it can be read.
        url: String,
    },
    /// The licence was not accepted.
    #[error(
        "nothing was fetched: the licence {licence} of {model} was not accepted; read it at {url}, then: \
         sigmavault model pull {model} --accept-licence {licence}"
    )]
    NotAccepted {
        /// The model.
        model: String,
        /// Its licence.
        licence: String,
        /// Where it can be read.
        url: String,
    },
}

/// A pulled model.
#[derive(Debug, Serialize)]
pub struct Pulled {
    id: String,
    name: String,
    path: PathBuf,
    bytes: u64,
    licence: String,
    /// Whether it was installed before.
    already: bool,
}

/// Pulls a model, or those that the tier of this machine resolves to.
pub fn run(
    place: &Place,
    name: Option<&str>,
    accepted: Option<&str>,
    repair: bool,
    from: Option<&Path>,
) -> Result<Vec<Pulled>, PullError> {
    let models = match name {
        Some(name) => resolve(place, name)?,
        None => resolve(place, &tier(place)?)?,
    };
    // All licences are accepted before the first download.
    for model in &models {
        accept(place, model, accepted, from)?;
    }
    let source = match from {
        Some(folder) => Source::Folder(folder.to_owned()),
        None => Source::Relay(fetch::relay()),
    };
    models
        .iter()
        .map(|model| one(place, model, repair, &source))
        .collect()
}

fn resolve(place: &Place, names: &str) -> Result<Vec<Model>, ModelError> {
    let models = place.catalogue.resolve_all(names, place.memory)?;
    Ok(models.into_iter().cloned().collect())
}

fn tier(place: &Place) -> Result<String, ModelError> {
    match report::hardware(&place.files) {
        Ok(report) => Ok(report.model.tier.name().to_owned()),
        Err(error) => Err(ModelError::NoTier(error.to_string())),
    }
}

fn accept(
    place: &Place,
    model: &Model,
    accepted: Option<&str>,
    from: Option<&Path>,
) -> Result<(), PullError> {
    let (id, licence, url) = (&model.id, &model.licence, &model.licence_url);
    if let Some(accepted) = accepted {
        if accepted == licence {
            return Ok(());
        }
        return Err(PullError::OtherLicence {
            model: id.clone(),
            licence: licence.clone(),
            accepted: accepted.to_owned(),
            url: url.clone(),
        });
    }
    let before = place
        .store
        .installed(id)
        .map(|installed| installed.accepted_licence);
    if before.as_ref() == Some(licence) {
        return Ok(());
    }
    let question = format!(
        "{} by {}: {} to fetch from {}, {} of memory to run it.\nIts licence is {licence}, see {url}.\nDo you accept it?",
        model.name,
        model.publisher,
        size(model.bytes()),
        from.map_or_else(|| host(model).to_owned(), |folder| folder.display().to_string()),
        size(model.memory_bytes),
    );
    if somebody_there(place) && ask(&question, &mut io::stdin().lock(), &mut io::stderr())? {
        return Ok(());
    }
    Err(PullError::NotAccepted {
        model: id.clone(),
        licence: licence.clone(),
        url: url.clone(),
    })
}

fn host(model: &Model) -> &str {
    let url = model.files.first().map_or("", |file| file.url.as_str());
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

fn one(place: &Place, model: &Model, repair: bool, source: &Source) -> Result<Pulled, PullError> {
    let already = place.store.main_file(model).is_some();
    let order = Order {
        model,
        accepted_licence: &model.licence,
        time: timestamp(SystemTime::now()),
        repair,
    };
    let mut onlooker = Onlooker::new()?;
    let path = download::pull(&place.store, &order, source, &Tuning::default(), &mut onlooker)?;
    Ok(Pulled {
        id: model.id.clone(),
        name: model.name.clone(),
        path,
        bytes: model.bytes(),
        licence: model.licence.clone(),
        already,
    })
}

/// The pulled models, for a person.
pub fn show(pulled: &[Pulled]) -> String {
    let mut text = String::new();
    for model in pulled {
        let how = if model.already {
            "is here"
        } else {
            "is here now, verified"
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{} ({}) {how}: {}",
            model.id,
            size(model.bytes),
            model.path.display()
        );
    }
    text
}
