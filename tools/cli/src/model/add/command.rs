//! The command.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;
use sigmavault_catalogue::download::{Stage, Watch as _};
use sigmavault_catalogue::{ChunkList, Digest, Installed, ModelFile, Staging, Store, id_fault};
use sigmavault_facts::show::size;
use sigmavault_facts::time::timestamp;
use sigmavault_gguf::File;
use sigmavault_llm::checkpoint;

use super::describe::{Described, UNKNOWN, id_of, spdx};
use super::error::AddError;
use super::given::{Given, digest_of_name};
use super::{copy, join, safetensors};
use crate::model::inspect;
use crate::model::place::Place;
use crate::model::progress::Onlooker;
use crate::model::terminal::{ask, somebody_there};

/// The name of a GGUF file in the folder of its model.
const FILE: &str = "model.gguf";

/// Names that requests use for something else.
const RESERVED: [&str; 2] = ["auto", "none"];

/// What is to be added, and how.
#[derive(Debug)]
pub struct Order<'a> {
    /// A path or URL.
    pub what: &'a str,
    /// The id, instead of one made of its name.
    pub id: Option<&'a str>,
    /// Its licence, if it does not say it itself.
    pub licence: Option<&'a str>,
    /// The SHA-256 that it must have.
    pub sha256: Option<Digest>,
    /// Whether to link files instead of copying them.
    pub link: bool,
    /// Whether to replace a model without asking.
    pub yes: bool,
}

/// A model that was added.
#[derive(Debug, Serialize)]
pub struct Added {
    id: String,
    name: String,
    path: PathBuf,
    bytes: u64,
    architecture: String,
    licence: String,
    context: u32,
    memory_bytes: u64,
    /// Whether a model of this id was here before.
    replaced: bool,
    /// Whether its files are links to those given.
    linked: bool,
}

/// Adds a model: describes it, asks what there is to ask, copies it, and lets the engine judge what lies there then.
pub fn run(place: &Place, order: &Order<'_>) -> Result<Added, AddError> {
    let given = Given::of(order.what)?;
    check_options(&given, order)?;
    // Before gigabytes are copied; what was copied is judged again.
    let early = match &given {
        Given::Gguf(path) => Some(judged(path, &given.place())?),
        Given::Folder { path, files } => {
            let described = safetensors::describe(path, files)?;
            examine(path, &given.place())?;
            Some(described)
        }
        Given::Parts(parts) => match parts.first() {
            Some(first) => Some(Described::of_gguf(opened(first, &given.place())?.index())),
            None => None,
        },
        Given::Url(_) => None,
    };
    let id = id(&given, order, early.as_ref())?;
    let replaced = may_take(place, &id, order)?;

    let mut onlooker = Onlooker::new()?;
    let staging = Staging::begin(&place.store)?;
    let (files, described) = take(&given, order, &staging, &mut onlooker)?;
    drop(onlooker);
    let bytes = files
        .iter()
        .fold(0, |sum: u64, file| sum.saturating_add(file.bytes));
    let mut model = described.entry(id, bytes);
    if let Some(licence) = order.licence {
        model.licence = spdx(licence);
    }
    model.files = files;
    let installed = Installed {
        accepted_licence: model.licence.clone(),
        time: timestamp(SystemTime::now()),
        model,
    };
    let folder = staging.commit(&installed)?;
    let model = installed.model;
    if replaced {
        // Packed weights and conversations of the one before.
        Store::remove_cache(&place.files, &model.id)?;
    }
    Ok(Added {
        path: model
            .files
            .first()
            .map_or(folder.clone(), |file| folder.join(&file.name)),
        bytes,
        id: model.id,
        name: model.name,
        architecture: model.architecture,
        licence: model.licence,
        context: model.context,
        memory_bytes: model.memory_bytes,
        replaced,
        linked: order.link,
    })
}

fn check_options(given: &Given, order: &Order<'_>) -> Result<(), AddError> {
    match given {
        Given::Url(_) if order.link => Err(AddError::LinkUrl),
        Given::Url(url) if url.starts_with("http://") && order.sha256.is_none() => {
            Err(AddError::Unencrypted(url.clone()))
        }
        Given::Parts(_) if order.link => Err(AddError::LinkParts),
        Given::Parts(_) | Given::Folder { .. } if order.sha256.is_some() => Err(AddError::DigestOfMany),
        _ => Ok(()),
    }
}

/// The id: as said, or made of the name that the model has for itself, or of that of its file.
fn id(given: &Given, order: &Order<'_>, described: Option<&Described>) -> Result<String, AddError> {
    if let Some(id) = order.id {
        return match id_fault(id) {
            None => Ok(id.to_owned()),
            Some(fault) => Err(AddError::Id(format!("the id {id:?} {fault}"))),
        };
    }
    let own = described.and_then(|described| id_of(described.name.as_deref()?));
    let stem = given.stem();
    // Ollama's names are no names.
    let of_file = match given {
        Given::Gguf(path) if digest_of_name(path).is_some() => None,
        _ => id_of(&stem),
    };
    own.or(of_file)
        .ok_or_else(|| AddError::Id(format!("neither the model nor its file {stem:?} has a name")))
}

/// Whether a model of this id is here, and may be replaced.
fn may_take(place: &Place, id: &str, order: &Order<'_>) -> Result<bool, AddError> {
    let here = place.store.has(id);
    if RESERVED.contains(&id) || place.catalogue.models().any(|model| model.is_called(id)) {
        return Err(AddError::Offered(id.to_owned()));
    }
    if !here || order.yes {
        return Ok(here);
    }
    let question = format!(
        "{id} is here already, with {}. Replace it?",
        size(place.store.bytes_of(id))
    );
    if somebody_there(place) && ask(&question, &mut io::stdin().lock(), &mut io::stderr())? {
        return Ok(true);
    }
    Err(AddError::Here(id.to_owned()))
}

/// Takes the files of a model, and describes it.
fn take(
    given: &Given,
    order: &Order<'_>,
    staging: &Staging,
    onlooker: &mut Onlooker,
) -> Result<(Vec<ModelFile>, Described), AddError> {
    let staged = staging.path().join(FILE);
    let place = given.place();
    match given {
        Given::Gguf(path) => {
            let list = one(path, FILE, order.link, staging, onlooker)?;
            if let Some(expected) = order.sha256.or_else(|| digest_of_name(path)) {
                compare(&place, expected, &list)?;
            }
            Ok((vec![entry(FILE, &list, file_url(path))], judged(&staged, &place)?))
        }
        Given::Parts(parts) => {
            let needed = parts
                .iter()
                .filter_map(|part| part.metadata().ok())
                .map(|found| found.len())
                .sum();
            copy::space(staging, needed)?;
            let file = staging.file(FILE)?;
            join::join(parts, &file, &mut |done, total| {
                onlooker.progress(FILE, Stage::Fetching, done, total);
                !onlooker.wants_end()
            })?;
            file.sync_all().map_err(AddError::read(staged.display()))?;
            let from = parts.first().map_or(staged.as_path(), PathBuf::as_path);
            let described = judged(&staged, &place)?;
            let list = copy::read_back(from, staging, FILE, onlooker)?;
            Ok((vec![entry(FILE, &list, file_url(from))], described))
        }
        Given::Folder { path, files } => {
            let mut entries = Vec::new();
            for name in files {
                let from = path.join(name);
                let list = one(&from, name, order.link, staging, onlooker)?;
                entries.push(entry(name, &list, file_url(&from)));
            }
            let described = safetensors::describe(staging.path(), files)?;
            examine(staging.path(), &place)?;
            Ok((entries, described))
        }
        Given::Url(url) => {
            let list = copy::url(url, staging, FILE, onlooker)?;
            if let Some(expected) = order.sha256 {
                compare(url, expected, &list)?;
            }
            Ok((vec![entry(FILE, &list, bare_url(url))], judged(&staged, url)?))
        }
    }
}

fn one(
    from: &Path,
    name: &str,
    link: bool,
    staging: &Staging,
    onlooker: &mut Onlooker,
) -> Result<ChunkList, AddError> {
    if link {
        return copy::link(from, staging, name, onlooker);
    }
    let needed = from.metadata().map_or(0, |found| found.len());
    copy::space(staging, needed)?;
    copy::file(from, staging, name, onlooker)
}

fn compare(place: &str, expected: Digest, list: &ChunkList) -> Result<(), AddError> {
    if list.sha256 == expected {
        return Ok(());
    }
    Err(AddError::Digest {
        place: place.to_owned(),
        expected,
        found: list.sha256,
    })
}

fn opened(path: &Path, place: &str) -> Result<File, AddError> {
    File::open(path).map_err(|error| match error {
        sigmavault_gguf::Error::Malformed { source, .. } => AddError::damaged(place, source),
        error => AddError::damaged(place, error),
    })
}

/// What a GGUF file says of itself, if the engine runs it.
fn judged(path: &Path, place: &str) -> Result<Described, AddError> {
    let file = opened(path, place)?;
    let obstacles = inspect::verdict(path, file.index());
    if obstacles.is_empty() {
        return Ok(Described::of_gguf(file.index()));
    }
    Err(AddError::CannotRun {
        place: place.to_owned(),
        obstacles,
    })
}

/// Whether the engine runs a folder of transformers.
fn examine(path: &Path, place: &str) -> Result<(), AddError> {
    checkpoint::examine(path)
        .map(drop)
        .map_err(|error| AddError::CannotRun {
            place: place.to_owned(),
            obstacles: vec![error.to_string()],
        })
}

fn entry(name: &str, list: &ChunkList, url: String) -> ModelFile {
    ModelFile {
        name: name.to_owned(),
        bytes: list.bytes,
        sha256: list.sha256,
        url,
        chunks: Vec::new(),
    }
}

/// The URL of a file of this machine (RFC 8089).
fn file_url(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt as _;

    let mut url = "file://".to_owned();
    for &byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(url, "%{byte:02X}");
        }
    }
    url
}

/// A URL without user, query and fragment, which may hold secrets: the record is for everybody.
fn bare_url(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or(url);
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = host.rsplit('@').next().unwrap_or(host);
            format!("{scheme}://{host}{path}")
        }
        None => url.to_owned(),
    }
}

/// The added model, for a person.
pub fn show(added: &Added) -> String {
    let how = if added.replaced { "replaced" } else { "added" };
    let licence = if added.licence == UNKNOWN {
        "its licence is unknown: the model does not say it".to_owned()
    } else {
        format!("licence {}", added.licence)
    };
    let context = if added.context == u32::MAX {
        "no limit to its context".to_owned()
    } else {
        format!("context of {} tokens", added.context)
    };
    format!(
        "{} ({}) is {how}: {}\n{}, {}, {context}, {} of memory\n",
        added.id,
        size(added.bytes),
        added.path.display(),
        added.architecture,
        licence,
        size(added.memory_bytes),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_records_hold_no_secrets_and_no_spaces() {
        assert_eq!(
            bare_url("https://me:secret@x.org/a/b.gguf?token=1#2"),
            "https://x.org/a/b.gguf"
        );
        assert_eq!(bare_url("https://x.org"), "https://x.org");
        assert_eq!(
            file_url(Path::new("/a b/é%.gguf")),
            "file:///a%20b/%C3%A9%25.gguf"
        );
    }
}
