//! Sentence embeddings against transformers.

#![allow(clippy::unwrap_used, reason = "a failure fails the test")]

mod common;

use common::{distance, folder};
use safetensors::SafeTensors;
use sigmavault_llm::model::{Embedder, ForwardError};
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
