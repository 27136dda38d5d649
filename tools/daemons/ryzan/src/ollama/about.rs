//! `GET /api/tags` and `POST /api/show`: what a model is.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Map, Value, json};
use sigmavault_facts::time::timestamp;

use crate::models::Described;

/// A model in the list. It appears under the name that requests use.
pub fn tag(name: &str, model: &Described) -> Value {
    json!({
        "name": name,
        "model": name,
        "modified_at": modified(model),
        "size": model.bytes,
        "digest": model.digest.clone().unwrap_or_default(),
        "details": details(model),
    })
}

/// Everything about a model.
pub fn show(model: &Described, template: &str) -> Value {
    let mut info = Map::new();
    if let Some(architecture) = &model.architecture {
        info.insert("general.architecture".to_owned(), json!(architecture));
        if let Some(context) = model.context {
            info.insert(format!("{architecture}.context_length"), json!(context));
        }
    }
    info.insert("general.basename".to_owned(), json!(model.id));
    json!({
        "modelfile": "",
        "parameters": "",
        "template": template,
        "license": model.licence.clone().unwrap_or_default(),
        "details": details(model),
        "model_info": info,
        "capabilities": if model.embedding { json!(["embedding"]) } else { json!(["completion", "tools", "thinking"]) },
        "modified_at": modified(model),
    })
}

fn modified(model: &Described) -> String {
    timestamp(UNIX_EPOCH + Duration::from_secs(model.created))
}

fn details(model: &Described) -> Value {
    let family = model.architecture.clone().unwrap_or_default();
    json!({
        "parent_model": "",
        "format": if model.gguf { "gguf" } else { "safetensors" },
        "family": family,
        "families": [family],
        "parameter_size": "",
        "quantization_level": "",
    })
}
