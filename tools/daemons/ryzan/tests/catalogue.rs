//! Names, aliases and tiers over a catalogue, and embeddings.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::Path;

use common::{Daemon, write_model};
use serde_json::{Value, json};
use tempfile::TempDir;

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

/// A WordPiece vocabulary of letters, with the tokens that begin and end a text.
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

/// A machine with a catalogue of three models, two of which are there.
fn machine() -> TempDir {
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
        catalogue += &format!(
            "[[model]]\nid = \"{id}\"\nname = \"{id}\"\npublisher = \"Somebody\"\naliases = [\"{alias}\"]\nuse = \"{use_}\"\n\
             architecture = \"qwen3\"\nlicence = \"MIT\"\nlicence-url = \"https://example.org\"\ncontext = 512\n\
             memory-bytes = 1000000\n"
        );
        for name in files {
            let bytes = fs::metadata(models.join(id).join(name)).map_or(1, |found| found.len());
            let zeros = "0".repeat(64);
            catalogue += &format!(
                "[[model.file]]\nname = \"{name}\"\nbytes = {bytes}\nsha256 = \"{zeros}\"\nurl = \"https://example.org/{name}\"\n"
            );
        }
    }
    fs::write(root.path().join("usr/lib/sigmavault/models.toml"), catalogue).unwrap();
    root
}

#[test]
fn tiers_and_aliases_are_resolved_and_the_real_name_is_shown() {
    let daemon = Daemon::start_in(machine(), Some("little"), "", "unix:path=/nonexistent");
    let (_, status) = daemon.unix("GET", "/control/status", None);
    assert_eq!(
        (&status["tier"], &status["resolved_model"], &status["reason"]),
        (
            &json!("bitnet-7b"),
            &json!("little"),
            &json!("bitnet-7b is not on this machine, little is")
        )
    );
    let (_, models) = daemon.tcp("GET", "/v1/models", None);
    let names: Vec<(&str, &str)> = models["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| {
            (
                model["id"].as_str().unwrap(),
                model["resolved_model"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        names,
        [
            ("auto", "little"),
            ("draft-350m", "little"),
            ("embedding", "bert"),
            ("bert", "bert"),
            ("little", "little")
        ]
    );
    let chat = |model: &str| {
        let body =
            json!({"model": model, "max_tokens": 2, "messages": [{"role": "user", "content": "Hello"}]});
        daemon.tcp("POST", "/v1/chat/completions", Some(&body))
    };
    for name in ["auto", "draft-350m", "little"] {
        let (status, body) = chat(name);
        assert_eq!(
            (status, &body["resolved_model"]),
            (200, &json!("little")),
            "{body}"
        );
    }
    let (status, body) = chat("bitnet-7b");
    assert_eq!(
        (status, &body["error"]["message"]),
        (
            503,
            &json!("bitnet-7b (big) is not on this machine; get it with: sigmavault model pull big")
        )
    );
    let (status, body) = chat("bert");
    assert_eq!((status, &body["error"]["param"]), (400, &json!("model")));
    assert_eq!(daemon.stop(), Some(0));
}

#[test]
fn embeddings_are_one_long_and_the_same_in_both_encodings() {
    let daemon = Daemon::start_in(machine(), Some("little"), "", "unix:path=/nonexistent");
    let embed = |more: Value| {
        let mut body = json!({"model": "auto", "input": ["ab", "hello nas"]});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        daemon.tcp("POST", "/v1/embeddings", Some(&body))
    };
    let (status, body) = embed(json!({}));
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["model"], "bert");
    // Two letters and eight, and two tokens around each text.
    assert_eq!(body["usage"]["prompt_tokens"], 2 + 8 + 4);
    let vector = |index: usize| -> Vec<f32> {
        let values = body["data"][index]["embedding"].as_array().unwrap();
        #[expect(clippy::cast_possible_truncation, reason = "they were written from 32 bits")]
        let vector = values
            .iter()
            .map(|value| value.as_f64().unwrap() as f32)
            .collect();
        vector
    };
    let length: f32 = vector(0).iter().map(|value| value * value).sum();
    assert!((length - 1.0).abs() < 1e-4, "{length}");
    assert_ne!(vector(0), vector(1));
    let (_, encoded) = embed(json!({"encoding_format": "base64"}));
    let bytes = base64::Engine::decode(
        &base64::prelude::BASE64_STANDARD,
        encoded["data"][1]["embedding"].as_str().unwrap(),
    )
    .unwrap();
    let (words, []) = bytes.as_chunks::<4>() else {
        panic!()
    };
    assert_eq!(
        words
            .iter()
            .map(|word| f32::from_le_bytes(*word))
            .collect::<Vec<_>>(),
        vector(1)
    );
    let (status, body) = embed(json!({"dimensions": 3}));
    assert_eq!((status, &body["error"]["param"]), (400, &json!("dimensions")));
    let (status, body) = embed(json!({"model": "little"}));
    assert_eq!((status, &body["error"]["param"]), (400, &json!("model")));
}
