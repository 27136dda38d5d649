//! A folder that stands for a machine with a catalogue, models and a tier.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::write_model;

/// The file of the machine's detector; the tier is what counts here.
const HARDWARE: &str = r#"{
  "version": 1, "detected_at": "2026-11-20T09:00:00Z",
  "machine": {"vendor": "QEMU", "product": "Standard PC", "board": null},
  "virtualisation": {"hypervisor": "kvm", "container": null},
  "memory": {"installed_bytes": 17179869184, "seen_bytes": 16481083392, "limit_bytes": null,
             "source": "smbios-modules", "how": "one module of 16 GiB RAM (SMBIOS)", "modules": []},
  "cpu": {"vendor": "AuthenticAMD", "model": "EPYC", "arch": "x86_64", "physical_cores": 2, "logical_cores": 2,
          "isa": ["avx", "avx2"]},
  "bandwidth": null, "disks": [], "sensors": [],
  "model": {"tier": "bitnet-7b", "source": "rule", "overridden": false, "by_hardware": "bitnet-7b",
            "reason": "16 GiB of memory, from 16 to below 32 GiB", "warnings": []},
  "warnings": []
}"#;

/// A `WordPiece` vocabulary of letters, with the tokens that begin and end a text.
fn tokenizer() -> Value {
    let mut vocabulary = serde_json::Map::new();
    for token in ["[PAD]", "[UNK]", "[CLS]", "[SEP]"] {
        vocabulary.insert(token.to_owned(), json!(vocabulary.len()));
    }
    for letter in 'a'..='z' {
        vocabulary.insert(letter.to_string(), json!(vocabulary.len()));
        vocabulary.insert(format!("##{letter}"), json!(vocabulary.len()));
    }
    let special = |id: u32, content: &str| {
        json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
               "normalized": false, "special": true})
    };
    json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": [special(0, "[PAD]"), special(1, "[UNK]"), special(2, "[CLS]"), special(3, "[SEP]")],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                       "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                       {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
                               "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]}}},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": vocabulary}
    })
}

/// A machine whose catalogue has these models, all of them there, and memory for `fit` of them.
pub fn machine_with(ids: &[&str], fit: u64) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for folder in ["usr/lib/sigmavault", "run/sigmavault"] {
        fs::create_dir_all(root.path().join(folder)).unwrap();
    }
    // 60 % are for models.
    let memory = fit * 1_000_000 / 60 * 100 + 100_000;
    let hardware = HARDWARE.replace(
        "\"seen_bytes\": 16481083392",
        &format!("\"seen_bytes\": {memory}"),
    );
    assert_ne!(hardware, HARDWARE);
    fs::write(root.path().join("run/sigmavault/hardware.json"), hardware).unwrap();
    let mut catalogue = String::new();
    for (number, id) in ids.iter().enumerate() {
        let home = root.path().join("models").join(id);
        fs::create_dir_all(&home).unwrap();
        write_model(&home.join("model.gguf"));
        let alias = if number == 0 { "\"bitnet-7b\"" } else { "" };
        entry(&mut catalogue, root.path(), id, alias, "chat", &["model.gguf"]);
    }
    fs::write(root.path().join("usr/lib/sigmavault/models.toml"), catalogue).unwrap();
    root
}

/// A machine with a catalogue of three models, two of which are there.
pub fn machine() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let models = root.path().join("models");
    for folder in [
        "models/little",
        "models/bert",
        "usr/lib/sigmavault",
        "run/sigmavault",
    ] {
        fs::create_dir_all(root.path().join(folder)).unwrap();
    }
    fs::write(root.path().join("run/sigmavault/hardware.json"), HARDWARE).unwrap();
    write_model(&models.join("little/model.gguf"));
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../libs/llm/tests/fixtures/bert");
    for name in ["config.json", "model.safetensors"] {
        fs::copy(fixture.join(name), models.join("bert").join(name)).unwrap();
    }
    fs::write(models.join("bert/tokenizer.json"), tokenizer().to_string()).unwrap();
    let mut catalogue = String::new();
    for (id, alias, use_, files) in [
        ("big", "bitnet-7b", "chat", &["model.gguf"][..]),
        ("little", "draft-350m", "chat", &["model.gguf"]),
        (
            "bert",
            "embedding",
            "embedding",
            &["model.safetensors", "config.json", "tokenizer.json"],
        ),
    ] {
        entry(
            &mut catalogue,
            root.path(),
            id,
            &format!("\"{alias}\""),
            use_,
            files,
        );
    }
    fs::write(root.path().join("usr/lib/sigmavault/models.toml"), catalogue).unwrap();
    root
}

/// A machine whose catalogue has these models: id, alias, use, the folder with their files, and these.
pub fn machine_of(models: &[(&str, &str, &str, &Path, &[&str])]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for folder in ["usr/lib/sigmavault", "run/sigmavault"] {
        fs::create_dir_all(root.path().join(folder)).unwrap();
    }
    fs::write(root.path().join("run/sigmavault/hardware.json"), HARDWARE).unwrap();
    let mut catalogue = String::new();
    for (id, alias, use_, from, files) in models {
        let home = root.path().join("models").join(id);
        fs::create_dir_all(&home).unwrap();
        for name in *files {
            fs::copy(from.join(name), home.join(name)).unwrap();
        }
        entry(
            &mut catalogue,
            root.path(),
            id,
            &format!("\"{alias}\""),
            use_,
            files,
        );
    }
    fs::write(root.path().join("usr/lib/sigmavault/models.toml"), catalogue).unwrap();
    root
}

/// Adds a model to a catalogue.
fn entry(catalogue: &mut String, root: &Path, id: &str, aliases: &str, use_: &str, files: &[&str]) {
    write!(
        catalogue,
        "[[model]]\nid = \"{id}\"\nname = \"{id}\"\npublisher = \"Somebody\"\naliases = [{aliases}]\nuse = \"{use_}\"\n\
         architecture = \"qwen3\"\nlicence = \"MIT\"\nlicence-url = \"https://example.org\"\ncontext = 512\n\
         memory-bytes = 1000000\n"
    )
    .unwrap();
    for name in files {
        let bytes = fs::metadata(root.join("models").join(id).join(name)).map_or(1, |found| found.len());
        let zeros = "0".repeat(64);
        write!(
            catalogue,
            "[[model.file]]\nname = \"{name}\"\nbytes = {bytes}\nsha256 = \"{zeros}\"\nurl = \"https://example.org/{name}\"\n"
        )
        .unwrap();
    }
}
