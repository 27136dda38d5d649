//! Drafting changes no text of the real architectures: the same greedy text with and without, on the small models of every family.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use sigmavault_facts::Files;
use sigmavault_llm::engine::{Engine, EngineOptions, Event, Request};
use sigmavault_llm::model::{LoadOptions, Model};
use sigmavault_llm::sampling::Sampling;
use sigmavault_llm::tokenizer::{TokenKind, Tokenizer, Vocabulary};
use sigmavault_ryzan::models::forward::Driven;

/// At least as many tokens as the model has, the last of which ends a text, and every byte.
fn tokenizer(size: usize) -> Arc<Tokenizer> {
    let size = size.max(257);
    let mut kinds = vec![TokenKind::Normal; size];
    kinds[size - 1] = TokenKind::Control;
    let tokens = (0..size)
        .map(|id| {
            if id < 256 {
                format!("\\x{id:02x}")
            } else {
                format!("t{id} ")
            }
        })
        .collect();
    let vocabulary = Vocabulary {
        model: "rwkv".into(),
        tokens,
        kinds,
        eos: Some(u32::try_from(size - 1).unwrap()),
        ..Vocabulary::default()
    };
    Arc::new(Tokenizer::from_vocabulary(&vocabulary).unwrap())
}

fn text(engine: &Engine, prompt: &[u32], speculate: bool) -> Vec<u32> {
    let request = Request {
        prompt: prompt.to_vec(),
        max_tokens: 40,
        sampling: Sampling::greedy(),
        speculate,
        ..Request::default()
    };
    let mut generation = engine.submit(request).unwrap();
    let mut tokens = Vec::new();
    loop {
        match generation.blocking_next().unwrap() {
            Event::Token { id, .. } => tokens.push(id),
            Event::Finished { .. } => return tokens,
            Event::Failed(why) => panic!("{why}"),
            Event::Prompt(_) => panic!("no prompt was to be scored"),
        }
    }
}

/// Prompts that repeat themselves and prompts that do not.
fn prompts(count: u64, vocabulary: u32) -> impl Iterator<Item = Vec<u32>> {
    (0..count).map(move |number| {
        let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = move |below: u32| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            u32::try_from(state % u64::from(below)).unwrap()
        };
        let few = if number % 2 == 0 { 5 } else { vocabulary - 1 };
        (0..=next(30)).map(|_| next(few)).collect()
    })
}

/// Drafts that were accepted, and those that were not.
fn compare(fixture: &str, options: &LoadOptions) -> (u64, u64) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../libs/llm/tests/fixtures")
        .join(fixture);
    let file = folder.join("model.gguf");
    let model = Model::load(if file.exists() { &file } else { &folder }, options).unwrap();
    let vocabulary = model.info().vocabulary;
    let driven = Arc::new(Driven::new(model, 2, Files::default(), Box::new(())));
    let start = |prefix_bytes, draft_width| {
        let options = EngineOptions {
            draft_always: true,
            draft_width,
            prefix_bytes,
            snapshot_every: 16,
            ..EngineOptions::default()
        };
        Engine::start(Arc::clone(&driven), tokenizer(vocabulary), options).unwrap()
    };
    // One computes everything anew and drafts nothing, the other one keeps what it can and drafts all it can.
    let (plain, drafting) = (start(0, 0), start(1 << 24, 6));
    let cases = std::env::var("RYZAN_CASES").map_or(60, |cases| cases.parse().unwrap());
    for prompt in prompts(cases, u32::try_from(vocabulary).unwrap()) {
        assert_eq!(
            text(&plain, &prompt, false),
            text(&drafting, &prompt, true),
            "{fixture}: {prompt:?}"
        );
    }
    let status = drafting.status();
    println!(
        "{fixture}: {cases} texts, {} tokens in {} steps, {} of {} drafts accepted",
        status.generated_tokens, status.steps, status.accepted_tokens, status.drafted_tokens
    );
    (
        status.accepted_tokens,
        status.drafted_tokens - status.accepted_tokens,
    )
}

/// `RYZAN_CASES` texts of each family, else 60.
#[test]
fn drafts_change_no_text_of_any_family() {
    let (mut right, mut wrong) = (0, 0);
    for fixture in ["qwen3-q2_0", "bitnet-tq2_0", "mamba2-f16", "rwkv7-f16"] {
        let counts = compare(fixture, &LoadOptions::default());
        right += counts.0;
        wrong += counts.1;
    }
    // Without accepted drafts and rejected ones the cases would prove nothing.
    assert!(right > 200 && wrong > 1000, "{right} right, {wrong} wrong");
}
