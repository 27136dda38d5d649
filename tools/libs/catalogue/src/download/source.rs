//! Where files come from.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom};
use std::path::PathBuf;

use super::http::{Answer, Ask, Http, RequestError};
use super::relay::Relay;
use crate::model::{Model, ModelFile};

/// Where the files of a model come from.
#[derive(Debug)]
pub enum Source {
    /// The URLs of the catalogue, by this process.
    Net(Http),
    /// The URLs of the catalogue, by another process.
    Relay(Relay),
    /// A folder, such as a USB stick: the files themselves, or in subfolders named by model id.
    Folder(PathBuf),
}

impl Source {
    /// The URL or path of a file, also for messages.
    pub(super) fn place(&self, model: &Model, file: &ModelFile) -> String {
        match self {
            Self::Net(_) | Self::Relay(_) => file.url.clone(),
            Self::Folder(folder) => {
                let below = folder.join(&model.id).join(&file.name);
                let path = if below.is_file() {
                    below
                } else {
                    folder.join(&file.name)
                };
                path.display().to_string()
            }
        }
    }

    pub(super) fn get(&self, ask: &Ask) -> Result<Answer, RequestError> {
        match self {
            Self::Net(http) => http.get(ask),
            Self::Relay(relay) => relay.get(ask),
            Self::Folder(_) => open(ask),
        }
    }
}

fn open(ask: &Ask) -> Result<Answer, RequestError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => RequestError::Refused(error.to_string()),
        _ => RequestError::broken(error.to_string()),
    };
    let mut file = File::open(&ask.place).map_err(failed)?;
    let found = file.metadata().map_err(failed)?;
    if !found.is_file() {
        return Err(RequestError::Refused("it is not a file".to_owned()));
    }
    if ask.total.is_some_and(|total| total != found.len()) {
        return Err(RequestError::Length(found.len()));
    }
    file.seek(SeekFrom::Start(ask.start)).map_err(failed)?;
    Ok(Answer {
        from: ask.start,
        total: Some(found.len()),
        pin: None,
        body: Box::new(file),
    })
}
