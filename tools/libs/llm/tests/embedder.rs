//! Sentence embeddings against transformers.

#![allow(clippy::unwrap_used, reason = "a failure fails the test")]

mod common;

use std::path::Path;

use common::{distance, folder};
use safetensors::SafeTensors;
use sigmavault_gguf::{TensorKind, Writer};
use sigmavault_llm::inference::ForwardError;
use sigmavault_llm::model::Embedder;
use sigmavault_ternary::Pool;

#[test]
fn embeddings_equal_the_reference() {
    let pool = Pool::new(2);
    let model = Embedder::load(&folder("bert")).unwrap();
    let bytes = std::fs::read(folder("bert").join("expected.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    for n in 0..4 {
        let words =
            |name: String| -> Vec<[u8; 4]> { file.tensor(&name).unwrap().data().as_chunks().0.to_vec() };
        let tokens: Vec<u32> = words(format!("tokens.{n}"))
            .into_iter()
            .map(u32::from_le_bytes)
            .collect();
        let theirs: Vec<f32> = words(format!("embedding.{n}"))
            .into_iter()
            .map(f32::from_le_bytes)
            .collect();
        let ours = model.embed(&tokens, &pool).unwrap();
        let off = distance(&ours, &theirs, model.width());
        println!("{} tokens: {off:.1e}", tokens.len());
        assert!(off < 1e-5, "a text of {} tokens is off by {off}", tokens.len());
    }
}

/// The model of the fixture as a GGUF file, as llama.cpp's converter writes it.
fn as_gguf(file: &Path, pooling: u32, half: bool) {
    let bytes = std::fs::read(folder("bert").join("model.safetensors")).unwrap();
    let model = SafeTensors::deserialize(&bytes).unwrap();
    let mut tensors: Vec<(String, Vec<u64>, TensorKind, Vec<u8>)> = Vec::new();
    let mut writer = Writer::new();
    writer
        .set("general.architecture", "bert")
        .set("bert.block_count", 2_u32)
        .set("bert.context_length", 64_u32)
        .set("bert.embedding_length", 64_u32)
        .set("bert.feed_forward_length", 128_u32)
        .set("bert.attention.head_count", 4_u32)
        .set("bert.attention.layer_norm_epsilon", 1e-12_f32)
        .set("bert.attention.causal", false)
        .set("bert.pooling_type", pooling);
    let names = [
        ("embeddings.word_embeddings", "token_embd"),
        ("embeddings.position_embeddings", "position_embd"),
        ("embeddings.token_type_embeddings", "token_types"),
        ("embeddings.LayerNorm", "token_embd_norm"),
        ("attention.self.query", "attn_q"),
        ("attention.self.key", "attn_k"),
        ("attention.self.value", "attn_v"),
        ("attention.output.dense", "attn_output"),
        ("attention.output.LayerNorm", "attn_output_norm"),
        ("intermediate.dense", "ffn_up"),
        ("output.dense", "ffn_down"),
        ("output.LayerNorm", "layer_output_norm"),
    ];
    for (name, view) in model.tensors() {
        let (name, prefix) = match name.strip_prefix("encoder.layer.") {
            Some(rest) => {
                let (layer, rest) = rest.split_once('.').unwrap();
                (rest.to_owned(), format!("blk.{layer}."))
            }
            None => (name, String::new()),
        };
        let (module, end) = name.rsplit_once('.').unwrap();
        let (_, ours) = names.iter().find(|(theirs, _)| *theirs == module).unwrap();
        let shape = view.shape().iter().rev().map(|n| *n as u64).collect();
        let (kind, bytes) = if half && view.shape().len() == 2 && !prefix.is_empty() {
            let numbers = view.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b));
            let halves = numbers.flat_map(|number| half::f16::from_f32(number).to_le_bytes());
            (TensorKind::F16, halves.collect())
        } else {
            (TensorKind::F32, view.data().to_vec())
        };
        tensors.push((format!("{prefix}{ours}.{end}"), shape, kind, bytes));
    }
    for (name, shape, kind, bytes) in &tensors {
        writer.tensor(name, shape, *kind, bytes);
    }
    writer.write(&mut std::fs::File::create(file).unwrap()).unwrap();
}

#[test]
fn gguf_files_give_the_same_embeddings() {
    let (pool, place) = (Pool::new(2), tempfile::tempdir().unwrap());
    let file = place.path().join("model.gguf");
    let tokens: Vec<u32> = (0..33).map(|n| n * 7 % 256).collect();
    let expected = Embedder::load(&folder("bert"))
        .unwrap()
        .embed(&tokens, &pool)
        .unwrap();
    as_gguf(&file, 1, false);
    let same = Embedder::load(&file).unwrap().embed(&tokens, &pool).unwrap();
    assert!(same == expected);
    as_gguf(&file, 1, true);
    let halves = Embedder::load(&file).unwrap().embed(&tokens, &pool).unwrap();
    assert!(distance(&halves, &expected, 64) < 2e-3);
    // The first row of one token is the mean of it, and of several tokens it is not.
    as_gguf(&file, 2, false);
    let first = Embedder::load(&file).unwrap();
    assert!(distance(&first.embed(&tokens, &pool).unwrap(), &expected, 64) > 0.1);
    let mean = Embedder::load(&folder("bert")).unwrap();
    assert!(first.embed(&[9], &pool).unwrap() == mean.embed(&[9], &pool).unwrap());
    as_gguf(&file, 3, false);
    assert_eq!(
        Embedder::load(&file).unwrap_err().to_string(),
        "the model's metadata has bert.pooling_type = 3: only the mean (1) and the first token (2) are supported"
    );
}

#[test]
fn texts_that_do_not_fit_are_refused() {
    let pool = Pool::new(1);
    let model = Embedder::load(&folder("bert")).unwrap();
    let refused = |tokens: &[u32]| model.embed(tokens, &pool).unwrap_err();
    assert_eq!(
        refused(&[]),
        ForwardError::Context {
            length: 0,
            context: 64
        }
    );
    assert_eq!(
        refused(&[1; 65]),
        ForwardError::Context {
            length: 65,
            context: 64
        }
    );
    assert_eq!(
        refused(&[1, 256]),
        ForwardError::Token {
            token: 256,
            vocabulary: 256
        }
    );
}
