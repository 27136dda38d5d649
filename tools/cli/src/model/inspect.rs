//! `sigmavault model inspect`. Whether the engine runs a file is what the engine itself says, by the function that the service loads with.

use std::path::{Path, PathBuf};

use serde::Serialize;
use sigmavault_facts::show::{Sheet, Style, size};
use sigmavault_gguf::{Error, File, Index, Summary, support};
use sigmavault_llm::checkpoint;

use super::error::ModelError;
use super::place::Place;

/// Why a file was not inspected.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// An error common to all commands.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The file could not be read.
    #[error(transparent)]
    File(#[from] Error),
    /// The argument is neither a file nor an installed model.
    #[error("{name:?} is not a file, and {source}")]
    Neither {
        /// The argument.
        name: String,
        /// Why it is not a model.
        source: ModelError,
    },
    /// The model is stored in another format.
    #[error("{} is not a GGUF file; no other format can be inspected", .0.display())]
    OtherFormat(PathBuf),
}

/// The contents of a file.
#[derive(Debug, Serialize)]
pub struct Found {
    file: PathBuf,
    bytes: u64,
    version: u32,
    architecture: Option<String>,
    name: Option<String>,
    licence: Option<String>,
    quantisation: Option<String>,
    kinds: Vec<Kind>,
    parameters: u64,
    weight_bytes: u64,
    layers: Option<u64>,
    width: Option<u64>,
    context: Option<u64>,
    vocabulary: Option<u64>,
    tokenizer: Option<String>,
    chat_template: bool,
    tensor_count: usize,
    /// Whether the engine can run it.
    runs: bool,
    /// Why not.
    obstacles: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tensors: Option<Vec<Tensor>>,
}

#[derive(Debug, Serialize)]
struct Kind {
    name: String,
    tensors: usize,
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct Tensor {
    name: String,
    shape: Vec<u64>,
    kind: String,
    type_id: u32,
    offset: usize,
    bytes: usize,
}

/// Inspects a file, or the file of an installed model.
pub fn get(place: &Place, name: &str, with_tensors: bool) -> Result<Found, InspectError> {
    let path = locate(place, name)?;
    let file = File::open(&path)?;
    let summary = Summary::of(file.index());
    let obstacles = verdict(&path, file.index());
    let kinds = summary.kinds.iter().map(|(kind, tensors, bytes)| Kind {
        name: kind.to_string(),
        tensors: *tensors,
        bytes: *bytes,
    });
    let tensors = file.tensors().iter().map(|tensor| Tensor {
        name: tensor.name.clone(),
        shape: tensor.shape.clone(),
        kind: tensor.kind.to_string(),
        type_id: tensor.type_id,
        offset: tensor.range.start,
        bytes: tensor.range.len(),
    });
    Ok(Found {
        bytes: file.map().len() as u64,
        version: file.version(),
        architecture: summary.architecture,
        name: summary.name,
        licence: summary.licence,
        quantisation: summary.quantisation.map(|kind| kind.to_string()),
        kinds: kinds.collect(),
        parameters: summary.parameters,
        weight_bytes: summary.weight_bytes,
        layers: summary.layers,
        width: summary.width,
        context: summary.context,
        vocabulary: summary.vocabulary,
        tokenizer: summary.tokenizer,
        chat_template: summary.chat_template,
        tensor_count: summary.tensors,
        runs: obstacles.is_empty(),
        obstacles,
        tensors: with_tensors.then(|| tensors.collect()),
        file: path,
    })
}

/// Why the engine cannot run a file: all that its header tells, or else what the engine says to it. Nothing if it can.
pub fn verdict(path: &Path, index: &Index) -> Vec<String> {
    let mut found = header_verdict(index);
    if found.is_empty() {
        found.extend(checkpoint::examine(path).err().map(|error| error.to_string()));
    }
    found
}

/// Why the engine cannot run a file, as far as its header tells.
fn header_verdict(index: &Index) -> Vec<String> {
    let obstacles = support::obstacles(index);
    obstacles.iter().map(ToString::to_string).collect()
}

fn locate(place: &Place, name: &str) -> Result<PathBuf, InspectError> {
    let path = Path::new(name);
    if path.exists() || name.contains('/') {
        return Ok(path.to_owned());
    }
    let model = place.find(name).map_err(|source| InspectError::Neither {
        name: name.to_owned(),
        source,
    })?;
    let path = place
        .store
        .main_file(&model)
        .ok_or(ModelError::NotHere(model.id))?;
    if path.extension().is_none_or(|extension| extension != "gguf") {
        return Err(InspectError::OtherFormat(path));
    }
    Ok(path)
}

/// What a file holds, for a person.
pub fn show(found: &Found, style: Style) -> String {
    let mut sheet = Sheet::new(style);
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "not stated".to_owned());
    let number = |value: Option<u64>| value.map_or_else(|| "not stated".to_owned(), |n| n.to_string());
    sheet.line("Name", &text(&found.name));
    sheet.line("Model", &text(&found.architecture));
    sheet.line("Licence", &text(&found.licence));
    sheet.line(
        "File",
        &format!(
            "{}, {}, GGUF version {}",
            found.file.display(),
            size(found.bytes),
            found.version
        ),
    );
    sheet.line(
        "Parameters",
        &format!("{} in {} tensors", count(found.parameters), found.tensor_count),
    );
    sheet.line(
        "Layers",
        &format!("{}, width {}", number(found.layers), number(found.width)),
    );
    sheet.line(
        "Context",
        &found
            .context
            .map_or_else(|| "not stated".to_owned(), |n| format!("{n} tokens")),
    );
    let template = if found.chat_template {
        "with a chat template"
    } else {
        "without a chat template"
    };
    sheet.line(
        "Vocabulary",
        &format!(
            "{} tokens, {}, {template}",
            number(found.vocabulary),
            text(&found.tokenizer)
        ),
    );
    let kinds = found.kinds.iter().map(|kind| {
        vec![
            kind.name.clone(),
            format!("{} tensors", kind.tensors),
            size(kind.bytes),
        ]
    });
    sheet.table("Packed as", &kinds.collect::<Vec<_>>());
    for (index, obstacle) in found.obstacles.iter().enumerate() {
        let name = if index == 0 { "Runs" } else { "" };
        sheet.line(name, &style.bad(&format!("no: {obstacle}")));
    }
    if found.runs {
        sheet.line("Runs", &style.good("yes"));
    }
    let tensors = found.tensors.iter().flatten().map(|tensor| {
        let shape: Vec<String> = tensor.shape.iter().map(u64::to_string).collect();
        vec![
            tensor.name.clone(),
            shape.join(" x "),
            tensor.kind.clone(),
            size(tensor.bytes as u64),
        ]
    });
    sheet.table("Tensors", &tensors.collect::<Vec<_>>());
    sheet.finish()
}

/// A number of parameters, such as `8.2 billion`.
fn count(n: u64) -> String {
    let tenths = |unit: u64| {
        let tenths = u128::from(n) * 10 / u128::from(unit);
        format!("{}.{}", tenths / 10, tenths % 10)
    };
    match n {
        1_000_000_000.. => format!("{} billion", tenths(1_000_000_000)),
        1_000_000.. => format!("{} million", tenths(1_000_000)),
        _ => n.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_for_a_person() {
        assert_eq!(count(8_190_735_360), "8.1 billion");
        assert_eq!(count(366_000_000), "366.0 million");
        assert_eq!(count(999_999), "999999");
    }
}
