//! A folder of transformers: `config.json`, `tokenizer.json`, and safetensors files.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use serde_json::Value;
use sigmavault_gguf::support::ARCHITECTURES;

use super::describe::Described;
use super::error::AddError;

/// The longest header of a safetensors file, by its format.
const LONGEST_HEADER: u64 = 100_000_000;

/// The longest JSON file that is read; vocabularies of 250,000 tokens take 30 MB.
const LONGEST_JSON: u64 = 128 << 20;

/// Names of `model_type` for what GGUF files call otherwise, or have none of.
const OTHER_NAMES: [&str; 2] = ["granitemoehybrid", "bert"];

/// What a folder says of its model, once its files are what they should be.
pub fn describe(folder: &Path, files: &[String]) -> Result<Described, AddError> {
    for name in files {
        let path = folder.join(name);
        if name.ends_with(".safetensors") {
            header(&path).map_err(|why| AddError::damaged(path.display(), why))?;
        }
    }
    let config = json(&folder.join("config.json"))?;
    json(&folder.join("tokenizer.json"))?;
    let text = |key: &str| config.get(key).and_then(Value::as_str).map(str::to_owned);
    let architecture = text("model_type").unwrap_or_default();
    if let Some(obstacle) = obstacle(&architecture) {
        return Err(AddError::CannotRun {
            place: folder.display().to_string(),
            obstacles: vec![obstacle],
        });
    }
    let card = File::open(folder.join("README.md"))
        .ok()
        .map(card)
        .unwrap_or_default();
    Ok(Described {
        name: text("_name_or_path")
            .and_then(|name| name.rsplit('/').next().map(str::to_owned))
            .filter(|name| !name.is_empty()),
        licence: card.licence.or_else(|| text("license")),
        licence_url: card.link,
        context: number(&config, "max_position_embeddings"),
        token_bytes: token_bytes(&config),
        embedding: architecture == "bert",
        architecture,
        publisher: None,
    })
}

/// Why the engine cannot run a folder of this `model_type`.
fn obstacle(architecture: &str) -> Option<String> {
    let known =
        ARCHITECTURES.iter().any(|(name, _)| *name == architecture) || OTHER_NAMES.contains(&architecture);
    match (known, architecture) {
        (true, _) => None,
        (false, "") => Some("config.json does not say its architecture (model_type)".to_owned()),
        (false, name) => Some(format!("the engine does not run the architecture {name:?}")),
    }
}

fn number(config: &Value, key: &str) -> Option<u64> {
    config.get(key).and_then(Value::as_u64)
}

/// Bytes of keys and values for each token, in 16 bits.
fn token_bytes(config: &Value) -> u64 {
    let Some(heads) = number(config, "num_attention_heads").filter(|heads| *heads > 0) else {
        return 0;
    };
    let layers = config
        .get("layers_block_type")
        .and_then(Value::as_array)
        .map_or_else(
            || number(config, "num_hidden_layers").unwrap_or(0),
            |types| types.iter().filter(|kind| *kind == "attention").count() as u64,
        );
    let kept = number(config, "num_key_value_heads").unwrap_or(heads);
    let width =
        number(config, "head_dim").unwrap_or_else(|| number(config, "hidden_size").unwrap_or(0) / heads);
    layers
        .saturating_mul(kept)
        .saturating_mul(width)
        .saturating_mul(4)
}

fn json(path: &Path) -> Result<Value, AddError> {
    let mut text = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LONGEST_JSON).read_to_end(&mut text))
        .map_err(AddError::read(path.display()))?;
    serde_json::from_slice(&text)
        .map_err(|error| AddError::damaged(path.display(), format!("it is not JSON: {error}")))
}

/// Checks that a safetensors file has the length that its header says.
fn header(path: &Path) -> Result<(), String> {
    let text = |error: io::Error| error.to_string();
    let mut file = File::open(path).map_err(text)?;
    let length = file.metadata().map_err(text)?.len();
    let mut bytes = [0; 8];
    file.read_exact(&mut bytes).map_err(text)?;
    let header = u64::from_le_bytes(bytes);
    if header > LONGEST_HEADER || header > length.saturating_sub(8) {
        return Err("it is not a whole safetensors file: its header is longer than the file".to_owned());
    }
    let mut json = Vec::new();
    file.take(header).read_to_end(&mut json).map_err(text)?;
    let json: serde_json::Map<String, Value> =
        serde_json::from_slice(&json).map_err(|error| format!("it is not a safetensors file: {error}"))?;
    let end = json
        .values()
        .filter_map(|tensor| tensor.get("data_offsets")?.get(1)?.as_u64())
        .max()
        .unwrap_or(0);
    if end.checked_add(8 + header) == Some(length) {
        Ok(())
    } else {
        Err(format!(
            "it is not a whole safetensors file: it has {length} bytes, and its header says another number"
        ))
    }
}

/// What the head of a model card says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Card {
    licence: Option<String>,
    link: Option<String>,
}

/// Reads the head of a model card (`README.md` of Hugging Face): lines of `key: value` between two lines of `---`.
fn card(file: impl io::Read) -> Card {
    let mut text = Vec::new();
    if file.take(64 << 10).read_to_end(&mut text).is_err() {
        return Card::default();
    }
    let text = String::from_utf8_lossy(&text);
    let mut lines = text.lines();
    if lines.next().map(str::trim_end) != Some("---") {
        return Card::default();
    }
    let (mut licence, mut name, mut link) = (None, None, None);
    for line in lines.take_while(|line| line.trim_end() != "---") {
        let Some((key, value)) = line.split_once(':') else {
            continue;
        };
        let value = value.trim().trim_matches(['"', '\'']);
        let place = match key {
            "license" => &mut licence,
            "license_name" => &mut name,
            "license_link" => &mut link,
            _ => continue,
        };
        *place = Some(value.to_owned()).filter(|value| !value.is_empty());
    }
    // A licence without an SPDX name is called "other", and has its own name.
    Card {
        licence: licence.filter(|licence| licence != "other").or(name),
        link,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_card_names_the_licence() {
        let read = |text: &str| card(text.as_bytes());
        assert_eq!(
            read("---\nlicense: apache-2.0\n---\nlicense: MIT\n")
                .licence
                .as_deref(),
            Some("apache-2.0")
        );
        let other =
            read("---\nlicense: other\nlicense_name: llama3.2\nlicense_link: \"https://x.org/L\"\n---\n");
        assert_eq!(other.licence.as_deref(), Some("llama3.2"));
        assert_eq!(other.link.as_deref(), Some("https://x.org/L"));
        assert_eq!(read("# license: MIT\n"), Card::default());
    }

    fn tensors(data: usize) -> Vec<u8> {
        let header = br#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header);
        bytes.resize(bytes.len() + data, 0);
        bytes
    }

    #[test]
    fn a_folder_says_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
        let files = ["model.safetensors".to_owned()];
        let found = || describe(folder.path(), &files).map_err(|error| error.to_string());
        write("model.safetensors", &tensors(8));
        write("config.json", br#"{"model_type":"qwen3","max_position_embeddings":4096,"num_hidden_layers":2,
            "num_attention_heads":4,"num_key_value_heads":2,"hidden_size":64,"head_dim":32,"_name_or_path":"Qwen/Qwen3-0.6B"}"#);
        write("tokenizer.json", b"{}");
        write("README.md", b"---\nlicense: mit\n---\n");
        let good = found().unwrap();
        assert_eq!(
            (good.name.as_deref(), good.licence.as_deref()),
            (Some("Qwen3-0.6B"), Some("mit"))
        );
        assert_eq!((good.context, good.token_bytes), (Some(4096), 2 * 2 * 32 * 4));
        write("model.safetensors", &tensors(7));
        assert!(
            found()
                .unwrap_err()
                .contains("it is not a whole safetensors file: it has 69 bytes")
        );
        write("model.safetensors", &[0xff; 20]);
        assert!(
            found()
                .unwrap_err()
                .ends_with("its header is longer than the file")
        );
        write("model.safetensors", &tensors(8));
        write("config.json", br#"{"model_type":"gpt5"}"#);
        assert!(
            found()
                .unwrap_err()
                .ends_with("the engine does not run the architecture \"gpt5\"")
        );
        write("config.json", b"{");
        assert!(found().unwrap_err().contains("config.json: it is not JSON"));
    }
}
