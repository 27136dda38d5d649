//! `sigmavault model verify`.

use std::io;

use serde::Serialize;
use sigmavault_catalogue::Model;
use sigmavault_catalogue::verify::{self, Checked, State};
use sigmavault_facts::show::{Sheet, Style, size};

use super::error::ModelError;
use super::place::Place;
use super::progress::{Onlooker, SignalError};

/// Why models were not verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// An error common to all commands.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Ctrl-C cannot be caught.
    #[error(transparent)]
    Signal(#[from] SignalError),
    /// The user stopped it.
    #[error("stopped; nothing was changed")]
    Stopped,
}

/// The result for one model.
#[derive(Debug, Serialize)]
pub struct Verified {
    id: String,
    good: bool,
    files: Vec<Checked>,
}

/// Verifies a model, or all installed ones.
pub fn run(place: &Place, name: Option<&str>) -> Result<Vec<Verified>, VerifyError> {
    let models = match name {
        Some(name) => {
            let model = place.find(name)?;
            if !place.store.has(&model.id) {
                return Err(ModelError::NotHere(model.id).into());
            }
            vec![model]
        }
        None => place.here()?,
    };
    if models.is_empty() {
        return Err(ModelError::None.into());
    }
    let mut onlooker = Onlooker::new()?;
    models
        .iter()
        .map(|model| one(place, model, &mut onlooker))
        .collect()
}

fn one(place: &Place, model: &Model, onlooker: &mut Onlooker) -> Result<Verified, VerifyError> {
    let checked = verify::model(&place.store, model, &mut |bytes| {
        onlooker.reading(&model.id, bytes, model.bytes());
        !onlooker.wants_end()
    });
    let files = match checked {
        Err(error) if error.source.kind() == io::ErrorKind::Interrupted => return Err(VerifyError::Stopped),
        checked => checked.map_err(ModelError::from)?,
    };
    Ok(Verified {
        id: model.id.clone(),
        good: files.iter().all(|file| file.state == State::Good),
        files,
    })
}

/// Whether all files are good.
pub fn all_good(verified: &[Verified]) -> bool {
    verified.iter().all(|model| model.good)
}

/// The results, for a person.
pub fn show(verified: &[Verified], style: Style) -> String {
    let mut sheet = Sheet::new(style);
    for model in verified {
        sheet.line("Model", &model.id);
        for file in &model.files {
            let state = match &file.state {
                State::Good => style.good("good"),
                State::Missing => style.bad("missing"),
                State::Length { expected, found } => {
                    style.bad(&format!("{} instead of {}", size(*found), size(*expected)))
                }
                State::Damaged { chunks } => style.bad(&damage(chunks)),
            };
            sheet.line("", &format!("{}: {state}", file.file));
        }
    }
    sheet.finish()
}

fn damage(chunks: &[u64]) -> String {
    const SHOWN: usize = 10;
    if chunks.is_empty() {
        return "damaged".to_owned();
    }
    let mut numbers: Vec<String> = chunks.iter().take(SHOWN).map(u64::to_string).collect();
    if chunks.len() > SHOWN {
        numbers.push(format!("and {} more", chunks.len() - SHOWN));
    }
    format!("damaged in the 8 MiB pieces {}", numbers.join(", "))
}
