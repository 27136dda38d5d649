use std::sync::Arc;

use proptest::prelude::*;

use super::toy::*;
use crate::constraint::Constraint;
use crate::engine::*;
use crate::sampling::Sampling;

/// An engine of each family, with drafting.
struct Pair {
    attention: Engine,
    recurrent: Engine,
}

fn pair() -> Pair {
    let options = EngineOptions {
        draft_width: 6,
        draft_always: true,
        prefix_bytes: 60_000,
        snapshot_every: 16,
        ..EngineOptions::default()
    };
    Pair {
        attention: Engine::start(
            Arc::new(Attention {
                ends: true,
                ..Attention::default()
            }),
            tokenizer(),
            options.clone(),
        )
        .unwrap(),
        recurrent: Engine::start(
            Arc::new(Recurrent {
                ends: true,
                ..Recurrent::default()
            }),
            tokenizer(),
            options,
        )
        .unwrap(),
    }
}

fn prompts() -> impl Strategy<Value = Vec<u32>> {
    // Few different tokens, so that n-grams recur.
    prop_oneof![
        prop::collection::vec(0u32..4, 1..40),
        prop::collection::vec(0u32..256, 1..10)
    ]
}

/// `RYZAN_CASES` texts, else 5000.
#[test]
fn drafts_change_no_greedy_text() {
    let cases = std::env::var("RYZAN_CASES").map_or(5000, |cases| cases.parse().expect("a number"));
    let pair = pair();
    let (attention, recurrent) = (
        Attention {
            ends: true,
            ..Attention::default()
        },
        Recurrent {
            ends: true,
            ..Recurrent::default()
        },
    );
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let request = |prompt: &[u32], max_tokens| Request {
        prompt: prompt.to_vec(),
        max_tokens,
        sampling: Sampling::greedy(),
        speculate: true,
        ..Request::default()
    };
    runner
        .run(&(prompts(), 1usize..60), |(prompt, count)| {
            let one = pair.attention.submit(request(&prompt, count)).unwrap();
            let two = pair.recurrent.submit(request(&prompt, count)).unwrap();
            prop_assert_eq!(collect(one).0, by_hand(&attention, &prompt, count));
            prop_assert_eq!(collect(two).0, by_hand(&recurrent, &prompt, count));
            Ok(())
        })
        .unwrap();
    for (name, engine) in [("attention", &pair.attention), ("recurrent", &pair.recurrent)] {
        let status = engine.status();
        println!(
            "{name}: {} tokens in {} steps, {} of {} drafts accepted",
            status.generated_tokens, status.steps, status.accepted_tokens, status.drafted_tokens
        );
        // Without both accepted and rejected drafts, the cases would prove nothing.
        let (accepted, rejected) = (
            status.accepted_tokens,
            status.drafted_tokens - status.accepted_tokens,
        );
        assert!(accepted > u64::from(cases) / 5 && rejected > u64::from(cases) / 5);
    }
}

#[test]
fn drafts_change_no_seeded_or_constrained_text() {
    let pair = pair();
    let schema = serde_json::json!({"type": "object", "properties": {"path": {"type": "string", "maxLength": 5}, "size": {"type": "integer", "maximum": 99, "minimum": 0}}, "required": ["path", "size"], "additionalProperties": false});
    let fresh = Constraint::json_schema(&schema, &tokenizer()).unwrap();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 150,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    runner
        .run(
            &(prompts(), any::<u64>(), 0.2f32..1.5, any::<bool>()),
            |(prompt, seed, temperature, constrained)| {
                let texts = |engine: &Engine| {
                    [false, true].map(|speculate| {
                        let sampling = Sampling {
                            seed: Some(seed),
                            temperature,
                            repetition_penalty: 1.1,
                            ..Sampling::default()
                        };
                        let constraint = constrained.then(|| fresh.fork());
                        let request = Request {
                            prompt: prompt.clone(),
                            max_tokens: 40,
                            sampling,
                            speculate,
                            constraint,
                            ..Request::default()
                        };
                        collect(engine.submit(request).unwrap()).1
                    })
                };
                let [plain, drafted] = texts(&pair.attention);
                prop_assert_eq!(plain, drafted);
                let [plain, drafted] = texts(&pair.recurrent);
                prop_assert_eq!(plain, drafted);
                Ok(())
            },
        )
        .unwrap();
    assert!(pair.attention.status().accepted_tokens > 100);
}

#[test]
fn a_text_that_repeats_itself_takes_fewer_steps() {
    let engine = Engine::start(
        Arc::new(Attention {
            order: 1,
            ..Attention::default()
        }),
        tokenizer(),
        EngineOptions {
            draft_width: 4,
            draft_always: true,
            ..EngineOptions::default()
        },
    )
    .unwrap();
    let request = Request {
        prompt: vec![1],
        max_tokens: 400,
        sampling: Sampling::greedy(),
        speculate: true,
        ..Request::default()
    };
    assert_eq!(collect(engine.submit(request).unwrap()).0.len(), 400);
    let steps = engine.status().steps;
    assert!(steps < 120, "{steps} steps for 400 tokens");
}
