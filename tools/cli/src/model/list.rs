//! `sigmavault model list`.

use std::path::PathBuf;

use serde::Serialize;
use sigmavault_catalogue::{Model, Origin, Use};
use sigmavault_facts::show::{Sheet, Style, size};

use super::error::{ModelError, NONE};
use super::place::Place;

/// The models.
#[derive(Debug, Serialize)]
pub struct List {
    /// The folder of models.
    folder: PathBuf,
    models: Vec<Entry>,
}

#[derive(Debug, Serialize)]
struct Entry {
    id: String,
    name: String,
    publisher: String,
    aliases: Vec<String>,
    #[serde(rename = "use")]
    use_: Use,
    architecture: String,
    licence: String,
    licence_url: String,
    context: u32,
    /// Bytes of its files.
    bytes: u64,
    memory_bytes: u64,
    state: State,
    /// Origin of its entry; `None` if it is no longer offered.
    origin: Option<Origin>,
    /// The file to open, if it is installed.
    path: Option<PathBuf>,
    /// Bytes it occupies on disk, including what the engine keeps beside it.
    disk_bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Here,
    Begun,
    Offered,
}

/// Every offered or installed model.
pub fn get(place: &Place) -> Result<List, ModelError> {
    let store = &place.store;
    let mut models: Vec<Model> = place.here()?;
    let others = place.catalogue.models().filter(|model| !models.contains(model));
    let others: Vec<Model> = others.cloned().collect();
    models.extend(others);
    let entries = models.into_iter().map(|model| {
        let path = store.main_file(&model);
        let state = match (&path, store.partial_bytes(&model)) {
            (Some(_), _) => State::Here,
            (None, Some(_)) => State::Begun,
            (None, None) => State::Offered,
        };
        Entry {
            state,
            origin: place.catalogue.origin(&model.id),
            path,
            disk_bytes: store.bytes_of(&model.id),
            bytes: model.bytes(),
            id: model.id,
            name: model.name,
            publisher: model.publisher,
            aliases: model.aliases,
            use_: model.use_,
            architecture: model.architecture,
            licence: model.licence,
            licence_url: model.licence_url,
            context: model.context,
            memory_bytes: model.memory_bytes,
        }
    });
    Ok(List {
        folder: store.folder().to_owned(),
        models: entries.collect(),
    })
}

/// The list for a person.
pub fn show(list: &List, style: Style) -> String {
    let mut sheet = Sheet::new(style);
    let rows = |wanted: State| -> Vec<Vec<String>> {
        let wanted = list.models.iter().filter(|entry| entry.state == wanted);
        wanted.map(row).collect()
    };
    let here = rows(State::Here);
    if here.is_empty() {
        sheet.line("Here", NONE);
    }
    sheet.table("Here", &here);
    sheet.table("Begun", &rows(State::Begun));
    sheet.table("Offered", &rows(State::Offered));
    sheet.line("Folder", &list.folder.display().to_string());
    sheet.finish()
}

fn row(entry: &Entry) -> Vec<String> {
    let bytes = if entry.state == State::Here {
        entry.disk_bytes
    } else {
        entry.bytes
    };
    vec![
        entry.id.clone(),
        entry.name.clone(),
        size(bytes),
        format!("{} of memory", size(entry.memory_bytes)),
        entry.licence.clone(),
        entry.aliases.join(", "),
    ]
}
