//! Real models through the whole service, held against their reference implementations.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

mod common;

use std::path::PathBuf;

use common::Daemon;
use common::machine::machine_of;
use serde_json::{Value, json};
use sigmavault_llm::checkpoint::Checkpoint;
use sigmavault_llm::inference::{Step, Wanted};
use sigmavault_llm::model::{KvKind, LoadOptions};
use sigmavault_ternary::{Pool, Precision};

/// Where the reference's best token leads the second by less, the service, which rounds activations to bytes, may choose the other.
const SURE: f64 = 0.5;

fn expected() -> Value {
    serde_json::from_str(include_str!("../../../../tests/ryzan/real_models/expected.json")).unwrap()
}

fn folder() -> PathBuf {
    PathBuf::from(std::env::var("RYZAN_REAL_MODELS").unwrap())
}

fn ids(value: &Value) -> Vec<u32> {
    let ids = value.as_array().unwrap().iter();
    ids.map(|id| u32::try_from(id.as_u64().unwrap()).unwrap())
        .collect()
}

#[test]
#[ignore = "needs real models; ci/real-models gets them and runs this"]
fn smollm2_is_computed_as_by_transformers() {
    let expected = expected();
    let options = LoadOptions {
        precision: Precision::Int16Blocks,
        kv: KvKind::F32,
        ..LoadOptions::default()
    };
    let Checkpoint { model, tokenizer, .. } =
        Checkpoint::load(&folder().join("smollm2/model.gguf"), &options).unwrap();
    let cases = expected["encoded"].as_array().unwrap();
    assert!(cases.len() >= 50);
    for case in cases {
        let text = case["text"].as_str().unwrap();
        assert_eq!(
            tokenizer.encode(text, true).unwrap(),
            ids(&case["ids"]),
            "{text:?}"
        );
        assert_eq!(
            tokenizer.encode(text, false).unwrap(),
            ids(&case["plain"]),
            "as a user's text: {text:?}"
        );
    }
    let pool = Pool::new(2);
    for answer in expected["answers"].as_array().unwrap() {
        let (mut next, mut sequence) = (ids(&answer["prompt"]), model.sequence());
        for (at, token) in ids(&answer["tokens"]).into_iter().enumerate() {
            let mut out = Vec::new();
            let step = Step {
                sequence: &mut sequence,
                tokens: &next,
                logits: Wanted::Last,
                out: &mut out,
            };
            model.forward(&mut [step], &pool).unwrap();
            let best = out.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
            assert_eq!(best.0, token as usize, "token {at} of {}", answer["text"]);
            next = vec![token];
        }
    }
}

#[test]
#[ignore = "needs real models; ci/real-models gets them and runs this"]
fn the_service_answers_as_the_references_do() {
    let expected = expected();
    let minilm = folder().join("minilm");
    let machine = machine_of(&[
        (
            "smollm2",
            "bitnet-7b",
            "chat",
            &folder().join("smollm2"),
            &["model.gguf"],
        ),
        (
            "minilm",
            "embedding",
            "embedding",
            &minilm,
            &["model.safetensors", "config.json", "tokenizer.json"],
        ),
    ]);
    let daemon = Daemon::start_in(
        machine,
        Some("smollm2"),
        "requests-per-minute = 10000\n",
        "unix:path=/nonexistent",
    );
    let post = |path: &str, body: &Value| {
        let (status, found) = daemon.unix("POST", path, Some(body));
        assert_eq!(status, 200, "{found}");
        found
    };
    // The template and its tokens are the reference's, and the answer makes sense.
    for answer in expected["answers"].as_array().unwrap() {
        let body =
            json!({"model": "smollm2", "messages": answer["messages"], "temperature": 0, "max_tokens": 32});
        let found = post("/v1/chat/completions", &body);
        assert_eq!(
            found["usage"]["prompt_tokens"],
            json!(answer["prompt"].as_array().unwrap().len())
        );
        println!(
            "{}\n  {}",
            found["choices"][0]["message"]["content"], answer["text"]
        );
    }
    // Token by token, each after the reference's text so far.
    let tokenizer = Checkpoint::load(&folder().join("smollm2/model.gguf"), &LoadOptions::default())
        .unwrap()
        .tokenizer;
    let (mut equal, mut all) = (0, 0);
    for answer in expected["answers"].as_array().unwrap() {
        let mut prompt = ids(&answer["prompt"]);
        for (token, lead) in ids(&answer["tokens"])
            .into_iter()
            .zip(answer["leads"].as_array().unwrap())
        {
            let body = json!({"model": "smollm2", "prompt": prompt, "temperature": 0, "max_tokens": 1});
            let found = post("/v1/completions", &body);
            let same = found["choices"][0]["text"] == json!(tokenizer.decode(&[token], false));
            assert!(
                same || lead.as_f64().unwrap() < SURE,
                "{} instead of token {token}, which leads by {lead}, after {:?}",
                found["choices"][0]["text"],
                tokenizer.decode(&prompt, true)
            );
            equal += usize::from(same);
            all += 1;
            prompt.push(token);
        }
    }
    println!("{equal} of {all} tokens are the reference's");
    assert!(
        equal * 100 >= all * 90,
        "{equal} of {all} tokens are the reference's"
    );

    let cases = expected["embeddings"].as_array().unwrap();
    let texts: Vec<&Value> = cases.iter().map(|case| &case["text"]).collect();
    let body = json!({"model": "minilm", "input": texts});
    let found = post("/v1/embeddings", &body);
    let tokens: u64 = cases.iter().map(|case| case["tokens"].as_u64().unwrap()).sum();
    assert_eq!(found["usage"]["prompt_tokens"], json!(tokens));
    for (case, found) in cases.iter().zip(found["data"].as_array().unwrap()) {
        let numbers = |value: &Value| -> Vec<f64> {
            let numbers = value.as_array().unwrap().iter();
            numbers.map(|number| number.as_f64().unwrap()).collect()
        };
        let (ours, theirs) = (numbers(&found["embedding"]), numbers(&case["vector"]));
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let cosine = dot(&ours, &theirs) / (dot(&ours, &ours) * dot(&theirs, &theirs)).sqrt();
        println!("{cosine:.7} {}", case["text"]);
        assert!(cosine >= 0.9999, "{cosine} for {}", case["text"]);
    }
}
