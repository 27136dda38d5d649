//! The files with the tensors of a folder of transformers: one, or several listed in an index.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::weights::read_json;
use crate::model::error::LoadError;

/// The files of a model at `path`, a file or a folder.
pub fn files(path: &Path) -> Result<Vec<PathBuf>, LoadError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let (whole, index) = (
        path.join("model.safetensors"),
        path.join("model.safetensors.index.json"),
    );
    if whole.exists() || !index.exists() {
        return Ok(vec![whole]);
    }
    let json = read_json(&index)?;
    let names = names(&json).map_err(|reason| LoadError::Safetensors { path: index, reason })?;
    Ok(names.into_iter().map(|name| path.join(name)).collect())
}

/// The names of the files in an index, each once.
fn names(index: &Json) -> Result<BTreeSet<&str>, String> {
    let map = index.get("weight_map").and_then(Json::as_object);
    let map = map.filter(|map| !map.is_empty()).ok_or("it names no tensors")?;
    map.values()
        .map(|name| match name.as_str() {
            // Only files beside the index are allowed.
            Some(name) if name.ends_with(".safetensors") && !name.contains(['/', '\\']) => Ok(name),
            _ => Err(format!("{name} is no name of a safetensors file beside it")),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_index_names_files_beside_it() {
        let index = json!({"weight_map": {"a": "2.safetensors", "b": "1.safetensors", "c": "2.safetensors"}});
        let found: Vec<&str> = names(&index).unwrap().into_iter().collect();
        assert_eq!(found, ["1.safetensors", "2.safetensors"]);
        assert_eq!(names(&json!({})).unwrap_err(), "it names no tensors");
        let outside = json!({"weight_map": {"a": "../1.safetensors"}});
        assert_eq!(
            names(&outside).unwrap_err(),
            "\"../1.safetensors\" is no name of a safetensors file beside it"
        );
    }
}
