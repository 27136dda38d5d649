//! Names, aliases and tiers over a catalogue, and embeddings.

#![allow(clippy::unwrap_used)]

mod common;

use common::Daemon;
use common::machine::machine;
use serde_json::{Value, json};

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
