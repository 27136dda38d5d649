//! Each model compared with its reference implementation, and with itself under different batching.

#![allow(clippy::unwrap_used, reason = "a failure fails the test")]

mod common;

use common::{best, distance, exact, expected, greedy, load, run};
use sigmavault_llm::inference::{State as _, Step, Wanted};
use sigmavault_llm::model::{LoadOptions, Model};
use sigmavault_ternary::Pool;

const MODELS: &[&str] = &[
    "qwen3-q2_0",
    "qwen3-pq2_0",
    "qwen3-tq1_0",
    "qwen3-tq2_0",
    "qwen3-yarn",
    "llama-q4_1",
    "llama-q4_0",
    "llama-k",
    "llama-window",
    "llama-safetensors",
    "mistral-safetensors",
    "qwen2-q5",
    "qwen2-safetensors",
    "bitnet-i2_s",
    "bitnet-tq1_0",
    "bitnet-tq2_0",
    "bitnet-packed",
    "mamba-f16",
    "mamba-q8_0",
    "mamba-safetensors",
    "mamba2-f16",
    "mamba2-q8_0",
    "mamba2-safetensors",
    "granite-q8_0",
    "granite-rope-f16",
    "granite-experts-q8_0",
    "granite-experts-safetensors",
    "granite-experts-k",
    "rwkv7-f16",
    "rwkv7-q8_0",
    "rwkv7-safetensors",
];

#[test]
fn logits_equal_the_reference() {
    let pool = Pool::new(2);
    for &name in MODELS {
        let (model, expected) = (load(name, &exact()), expected(name));
        let ours = run(
            &model,
            &mut model.sequence(),
            &expected.text(),
            Wanted::All,
            &pool,
        );
        let off = distance(&ours, &expected.logits, model.info().vocabulary);
        println!("{name}: {off:.1e}");
        assert!(off < 1e-3, "{name} is off by {off}");
    }
}

#[test]
fn greedy_text_equals_the_reference() {
    let pool = Pool::new(2);
    for &name in MODELS {
        let (model, expected) = (load(name, &exact()), expected(name));
        assert_eq!(
            greedy(&model, &expected.prompt, 64, &pool),
            expected.greedy,
            "{name}"
        );
    }
}

/// Token by token, all at once, and in uneven pieces beside other texts: the same bits.
#[test]
fn the_order_of_work_changes_nothing() {
    let pool = Pool::new(2);
    for &name in MODELS {
        let (model, expected) = (load(name, &LoadOptions::default()), expected(name));
        let text = expected.text();
        let whole = run(&model, &mut model.sequence(), &text, Wanted::All, &pool);

        let mut sequence = model.sequence();
        let single: Vec<f32> = text
            .iter()
            .flat_map(|t| run(&model, &mut sequence, &[*t], Wanted::Last, &pool))
            .collect();
        assert!(
            whole == single,
            "{name}: a prompt at once and token by token differ"
        );

        let pieces = beside_others(&model, &text, &pool);
        assert!(whole == pieces, "{name}: alone and beside others differ");
    }
}

/// The logits of `text`, computed in pieces of 1, 2, 3... tokens together with two other texts.
fn beside_others(model: &Model, text: &[u32], pool: &Pool) -> Vec<f32> {
    let mut sequences = [model.sequence(), model.sequence(), model.sequence()];
    let (mut logits, mut from) = (Vec::new(), 0);
    for size in 1.. {
        let to = text.len().min(from + size);
        let (mut out, mut ignored, mut other) = (Vec::new(), Vec::new(), Vec::new());
        let [a, b, c] = &mut sequences;
        let mut batch = [
            Step {
                sequence: a,
                tokens: &[5; 3],
                logits: Wanted::None,
                out: &mut ignored,
            },
            Step {
                sequence: b,
                tokens: &text[from..to],
                logits: Wanted::All,
                out: &mut out,
            },
            Step {
                sequence: c,
                tokens: &[9],
                logits: Wanted::Last,
                out: &mut other,
            },
        ];
        model.forward(&mut batch, pool).unwrap();
        assert!(ignored.is_empty());
        assert_eq!(other.len(), model.info().vocabulary);
        logits.extend(out);
        from = to;
        if from == text.len() {
            break;
        }
    }
    logits
}

#[test]
fn a_fork_goes_its_own_way() {
    let pool = Pool::new(1);
    for &name in MODELS {
        let (model, expected) = (load(name, &LoadOptions::default()), expected(name));
        let mut trunk = model.sequence();
        run(&model, &mut trunk, &expected.prompt, Wanted::None, &pool);
        let mut branch = trunk.fork();
        run(
            &model,
            &mut branch,
            &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
            Wanted::None,
            &pool,
        );
        let mut bytes = Vec::new();
        trunk.save(&mut bytes).unwrap();
        let mut saved = model.restore(&mut bytes.as_slice()).unwrap();
        let next = expected.greedy[0];
        let after = run(&model, &mut trunk, &[next], Wanted::Last, &pool);
        let restored = run(&model, &mut saved, &[next], Wanted::Last, &pool);
        assert!(after == restored, "{name}: a saved sequence differs");
        let fresh = run(
            &model,
            &mut model.sequence(),
            &[&expected.prompt[..], &[next]].concat(),
            Wanted::Last,
            &pool,
        );
        assert!(after == fresh, "{name}: the branch changed the trunk");
        let back = branch.truncate(expected.prompt.len());
        assert_eq!(back.is_err(), model.info().recurrent, "{name}");
        if back.is_ok() {
            let again = run(&model, &mut branch, &[next], Wanted::Last, &pool);
            assert!(after == again, "{name}: a sequence cut back differs");
        }
    }
}

/// The fast precision: its distance from the reference, and that its text begins the same.
#[test]
fn eight_bits_stay_near_the_reference() {
    let pool = Pool::new(2);
    for &name in MODELS {
        let (model, expected) = (load(name, &LoadOptions::default()), expected(name));
        let ours = run(
            &model,
            &mut model.sequence(),
            &expected.text(),
            Wanted::All,
            &pool,
        );
        let width = model.info().vocabulary;
        let off = distance(&ours, &expected.logits, width);
        let same = ours
            .chunks_exact(width)
            .zip(expected.logits.chunks_exact(width))
            .filter(|(a, b)| best(a) == best(b))
            .count();
        let all = ours.len() / width;
        println!("{name}: off by {off:.1e}, best token the same {same} of {all}");
        assert!(
            same * 100 >= all * 94,
            "{name}: best token the same {same} of {all}"
        );
    }
}
