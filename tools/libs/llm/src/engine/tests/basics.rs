use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::toy::*;
use crate::constraint::Constraint;
use crate::engine::*;
use crate::inference::Forward;
use crate::sampling::Sampling;

fn engine(model: &Arc<Attention>, options: EngineOptions) -> Engine {
    Engine::start(Arc::clone(model), tokenizer(), options).unwrap()
}

fn request(prompt: &[u32], max_tokens: usize) -> Request {
    Request {
        prompt: prompt.to_vec(),
        max_tokens,
        sampling: Sampling::greedy(),
        ..Request::default()
    }
}

fn usage(event: &Event) -> (FinishReason, Usage) {
    match event {
        Event::Finished { reason, usage, .. } => (*reason, *usage),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_text_is_what_the_model_says() {
    let model = Arc::new(Attention::default());
    let engine = engine(&model, EngineOptions::default());
    let (ids, text, last) = collect(engine.submit(request(&[1, 2, 3], 50)).unwrap());
    assert_eq!(ids, by_hand(&Attention::default(), &[1, 2, 3], 50));
    assert_eq!(text, tokenizer().decode(&ids, false));
    assert_eq!(
        usage(&last),
        (
            FinishReason::Length,
            Usage {
                prompt: 3,
                cached: 0,
                completion: 50
            }
        )
    );
}

#[test]
fn many_texts_at_once_are_what_each_is_alone() {
    let model = Arc::new(Attention {
        ends: true,
        ..Attention::default()
    });
    let engine = engine(
        &model,
        EngineOptions {
            chunk: 16,
            shared_chunk: 8,
            parallel: 5,
            ..EngineOptions::default()
        },
    );
    let prompts: Vec<Vec<u32>> = (0..20u32)
        .map(|i| (0..=i * 7).map(|t| (t * 31 + i) % 256).collect())
        .collect();
    let generations: Vec<_> = prompts
        .iter()
        .map(|p| engine.submit(request(p, 40)).unwrap())
        .collect();
    let alone = Attention {
        ends: true,
        ..Attention::default()
    };
    for (generation, prompt) in generations.into_iter().zip(&prompts) {
        assert_eq!(collect(generation).0, by_hand(&alone, prompt, 40), "{prompt:?}");
    }
    assert_eq!(model.gauges.widest.load(Ordering::SeqCst), 5);
}

#[test]
fn the_context_ends_a_text() {
    let model = Arc::new(Attention {
        context: 30,
        ..Attention::default()
    });
    let engine = engine(&model, EngineOptions::default());
    let (ids, _, last) = collect(engine.submit(request(&[1; 20], 500)).unwrap());
    assert_eq!(ids.len(), 10);
    assert_eq!(usage(&last).0, FinishReason::Length);
    assert_eq!(
        engine.submit(request(&[1; 30], 5)).unwrap_err(),
        SubmitError::TooLong {
            prompt: 30,
            context: 30
        }
    );
}

#[test]
fn a_stop_text_ends_a_text_before_it() {
    let model = Arc::new(Attention::default());
    let engine = engine(&model, EngineOptions::default());
    let (_, text, _) = collect(engine.submit(request(&[9, 9], 60)).unwrap());
    let stop: String = text.chars().skip(12).take(3).collect();
    let (_, cut, last) = collect(
        engine
            .submit(Request {
                stop: vec![stop.clone()],
                ..request(&[9, 9], 60)
            })
            .unwrap(),
    );
    assert_eq!(cut, text[..text.find(&stop).unwrap()]);
    assert_eq!(usage(&last).0, FinishReason::Stop);
}

#[test]
fn requests_that_cannot_run_are_refused() {
    let model = Arc::new(Attention::default());
    let engine = engine(
        &model,
        EngineOptions {
            state_bytes: 10_000,
            ..EngineOptions::default()
        },
    );
    assert_eq!(
        engine.submit(request(&[], 5)).unwrap_err(),
        SubmitError::EmptyPrompt
    );
    assert_eq!(
        engine.submit(request(&[270], 5)).unwrap_err(),
        SubmitError::UnknownToken(270)
    );
    assert_eq!(
        engine.submit(request(&[1], 100)).unwrap_err(),
        SubmitError::TooLarge {
            needed: 10_100,
            limit: 10_000
        }
    );
    let hot = Request {
        sampling: Sampling {
            temperature: -1.0,
            ..Sampling::default()
        },
        ..request(&[1], 5)
    };
    assert_eq!(
        engine.submit(hot).unwrap_err().to_string(),
        "`temperature` must be from 0 to 100, not -1"
    );
    assert_eq!(
        usage(&collect(engine.submit(request(&[1], 0)).unwrap()).2),
        (
            FinishReason::Length,
            Usage {
                prompt: 1,
                ..Usage::default()
            }
        )
    );
}

#[test]
fn the_queue_is_bounded_and_memory_is_shared_out() {
    let model = Arc::new(Attention::default());
    model.gauges.hold(true);
    let engine = engine(
        &model,
        EngineOptions {
            queue: 3,
            state_bytes: 5_000,
            ..EngineOptions::default()
        },
    );
    // Two requests fit: each may grow to 22 tokens of 100 bytes.
    let mut taken = vec![engine.submit(request(&[1, 2], 20)).unwrap()];
    while engine.status().queued > 0 {
        std::thread::yield_now();
    }
    taken.extend((0..3).map(|_| engine.submit(request(&[1, 2], 20)).unwrap()));
    assert_eq!(
        engine.submit(request(&[1, 2], 20)).unwrap_err(),
        SubmitError::Busy { queued: 3 }
    );
    model.gauges.hold(false);
    for generation in taken {
        assert_eq!(collect(generation).0.len(), 20);
    }
    assert_eq!(model.gauges.widest.load(Ordering::SeqCst), 2);
}

#[test]
fn a_dropped_generation_makes_room() {
    let model = Arc::new(Attention::default());
    let engine = engine(
        &model,
        EngineOptions {
            parallel: 1,
            ..EngineOptions::default()
        },
    );
    // Held at its first pass: otherwise a busy machine may compute all of it before it is dropped.
    model.gauges.hold(true);
    let endless = engine.submit(request(&[5], 4000)).unwrap();
    while engine.status().queued > 0 {
        std::thread::yield_now();
    }
    let waiting = engine.submit(request(&[6], 3)).unwrap();
    drop(endless);
    model.gauges.hold(false);
    assert_eq!(collect(waiting).0.len(), 3);
    assert!(model.gauges.tokens.load(Ordering::SeqCst) < 4000);
}

#[test]
fn a_pause_holds_and_a_shutdown_ends() {
    let model = Arc::new(Attention::default());
    let engine = engine(&model, EngineOptions::default());
    engine.set_threads(0);
    let held = engine.submit(request(&[5], 10)).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert_eq!(model.gauges.steps.load(Ordering::SeqCst), 0);
    assert_eq!(engine.status().threads, 0);
    engine.set_threads(2);
    assert_eq!(collect(held).0.len(), 10);
    engine.set_threads(0);
    let lost = engine.submit(request(&[5], 10)).unwrap();
    engine.close();
    assert_eq!(collect(lost).2, Event::Failed("the engine was shut down".into()));
}

#[test]
fn a_model_without_work_rests_and_wakes_for_the_next() {
    let model = Arc::new(Attention::default());
    let options = EngineOptions {
        rest_after: Some(Duration::from_millis(20)),
        ..EngineOptions::default()
    };
    let engine = engine(&model, options);
    let (awake, wakes) = (
        || model.gauges.awake.load(Ordering::SeqCst),
        || model.gauges.wakes.load(Ordering::SeqCst),
    );
    let until = |wanted: bool| {
        let began = Instant::now();
        while awake() != wanted {
            assert!(began.elapsed() < Duration::from_secs(10), "awake: {}", !wanted);
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    assert!(!awake());
    for times in 1..4 {
        assert_eq!(collect(engine.submit(request(&[5], 10)).unwrap()).0.len(), 10);
        until(false);
        assert_eq!(wakes(), times);
    }
    let text = collect(engine.submit(request(&[5], 100)).unwrap()).0;
    until(false);
    // A request to rest in the middle of a text is obeyed, and the text continues unchanged.
    let engine = self::engine(&model, EngineOptions::default());
    model.gauges.hold(true);
    let generation = engine.submit(request(&[5], 100)).unwrap();
    for _ in 0..3 {
        until(true);
        engine.set_threads(0);
        engine.rest();
        model.gauges.hold(false);
        until(false);
        model.gauges.hold(true);
        engine.set_threads(1);
    }
    model.gauges.hold(false);
    assert_eq!(collect(generation).0, text);
    assert_eq!(wakes(), 8);
    assert_eq!(model.gauges.asleep.load(Ordering::SeqCst), 0);
}

#[test]
fn draining_finishes_what_was_taken() {
    let model = Arc::new(Attention::default());
    let engine = engine(
        &model,
        EngineOptions {
            parallel: 1,
            ..EngineOptions::default()
        },
    );
    let taken: Vec<_> = (0..4)
        .map(|i| engine.submit(request(&[i], 30)).unwrap())
        .collect();
    engine.drain();
    for generation in taken {
        assert_eq!(collect(generation).0.len(), 30);
    }
}

#[test]
fn a_failing_model_fails_its_texts_and_nothing_else() {
    let model = Arc::new(Attention::default());
    let engine = engine(&model, EngineOptions::default());
    model.gauges.fails.store(true, Ordering::SeqCst);
    assert_eq!(
        collect(engine.submit(request(&[5], 10)).unwrap()).2,
        Event::Failed("the model failed: computing out of order".into())
    );
    model.gauges.fails.store(false, Ordering::SeqCst);
    assert_eq!(collect(engine.submit(request(&[5], 10)).unwrap()).0.len(), 10);
}

#[test]
fn likelihoods_come_when_asked_for() {
    let model = Arc::new(Attention::default());
    let engine = engine(&model, EngineOptions::default());
    let mut generation = engine
        .submit(Request {
            top_logprobs: Some(3),
            ..request(&[5], 1)
        })
        .unwrap();
    let Some(Event::Token { id, logprob, top, .. }) = generation.blocking_next() else {
        panic!()
    };
    assert_eq!(top.len(), 3);
    assert_eq!(top[0], (id, logprob.unwrap()));
    assert!(top[0].1 < 0.0 && top[1].1 <= top[0].1);
}

#[test]
fn the_same_seed_writes_the_same_text() {
    let model = Arc::new(Attention::default());
    let engine = engine(&model, EngineOptions::default());
    let seeded = |seed| Request {
        sampling: Sampling {
            seed,
            ..Sampling::default()
        },
        ..request(&[5], 30)
    };
    let text = |seed| collect(engine.submit(seeded(seed)).unwrap()).0;
    assert_eq!(text(Some(7)), text(Some(7)));
    assert_ne!(text(Some(7)), text(Some(8)));
    assert_ne!(text(None), text(None));
}

#[test]
fn a_constraint_is_followed_to_its_end() {
    let model = Arc::new(Attention::default());
    let engine = engine(&model, EngineOptions::default());
    let schema = serde_json::json!({"type": "object", "properties": {"size": {"type": "integer", "minimum": 1, "maximum": 99}}, "required": ["size"], "additionalProperties": false});
    for start in 0..10 {
        let constraint = Some(Constraint::json_schema(&schema, &tokenizer()).unwrap());
        let (_, text, last) = collect(
            engine
                .submit(Request {
                    constraint,
                    ..request(&[start], 100)
                })
                .unwrap(),
        );
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!((1..=99).contains(&value["size"].as_i64().unwrap()), "{text}");
        assert_eq!(usage(&last).0, FinishReason::Stop);
    }
    let constraint = Some(Constraint::regex("a{90}", &tokenizer()).unwrap());
    let (_, text, last) = collect(
        engine
            .submit(Request {
                constraint,
                ..request(&[1], 5)
            })
            .unwrap(),
    );
    assert_eq!((text.as_str(), usage(&last).0), ("aaaaa", FinishReason::Length));
}

/// The scored tokens of a prompt, the generated tokens with their scores, and the last event.
fn scores(mut generation: Generation) -> (Vec<Scored>, Vec<Scored>, Event) {
    let (mut of_prompt, mut generated) = (Vec::new(), Vec::new());
    loop {
        match generation.blocking_next().expect("a last event") {
            Event::Prompt(scored) => of_prompt.extend(scored),
            Event::Token { id, logprob, top, .. } => generated.push(Scored {
                id,
                logprob: logprob.unwrap(),
                top,
            }),
            last => return (of_prompt, generated, last),
        }
    }
}

fn scored_prompts_are_what_was_generated<M: Forward>(model: M) {
    let engine = Engine::start(Arc::new(model), tokenizer(), EngineOptions::default()).unwrap();
    let prompt: Vec<u32> = (0..70).map(|t| t * 7 % 250).collect();
    let (none, generated, _) = scores(
        engine
            .submit(Request {
                top_logprobs: Some(2),
                ..request(&prompt, 40)
            })
            .unwrap(),
    );
    assert_eq!((none.len(), generated.len()), (0, 40));
    // A prefix of it is kept now; scores come from the model all the same.
    let whole: Vec<u32> = prompt
        .iter()
        .copied()
        .chain(generated.iter().map(|t| t.id))
        .collect();
    for (max_tokens, speculate) in [(0, false), (3, false), (3, true)] {
        let (scored, more, last) = scores(
            engine
                .submit(Request {
                    prompt_logprobs: Some(2),
                    top_logprobs: Some(2),
                    speculate,
                    ..request(&whole, max_tokens)
                })
                .unwrap(),
        );
        assert_eq!(scored.len(), whole.len() - 1);
        assert!(
            scored
                .iter()
                .zip(&whole[1..])
                .all(|(scored, id)| scored.id == *id)
        );
        assert_eq!(scored[prompt.len() - 1..], generated);
        assert_eq!(more.len(), max_tokens);
        let (reason, usage) = usage(&last);
        assert_eq!(reason, FinishReason::Length);
        assert_eq!(
            (usage.prompt, usage.cached, usage.completion),
            (whole.len(), 0, max_tokens)
        );
    }
}

#[test]
fn a_prompt_is_scored_by_the_model() {
    scored_prompts_are_what_was_generated(Attention::default());
    scored_prompts_are_what_was_generated(Recurrent::default());
}
