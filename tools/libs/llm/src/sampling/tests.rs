#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "small numbers"
)]

use proptest::prelude::*;

use super::candidates::{Candidates, highest};
use super::parameters::Sampling;
use super::random::SplitMix;
use super::sampler::{NothingToChoose, Sampler};

fn sampler(sampling: Sampling) -> Sampler {
    Sampler::new(sampling, &[], 1)
}

fn shares(sampling: &Sampling, logits: &[f32], draws: usize) -> Vec<f64> {
    let mut sampler = sampler(sampling.clone());
    let mut counts = vec![0f64; logits.len()];
    for _ in 0..draws {
        counts[sampler.choose(logits, None, None).unwrap().token as usize] += 1.0;
    }
    counts.iter().map(|c| c / draws as f64).collect()
}

fn close(found: &[f64], expected: &[f64]) {
    assert!(
        found.iter().zip(expected).all(|(f, e)| (f - e).abs() < 0.02),
        "{found:?} is not near {expected:?}"
    );
}

#[test]
fn zero_temperature_takes_the_highest_and_the_first_of_equals() {
    let mut s = sampler(Sampling::greedy());
    assert_eq!(s.choose(&[0.0, 3.0, 3.0, -1.0], None, None).unwrap().token, 1);
    assert_eq!(
        s.choose(&[f32::NAN, f32::NEG_INFINITY, -9.0], None, None)
            .unwrap()
            .token,
        2
    );
    assert_eq!(
        s.choose(&[f32::NEG_INFINITY; 3], None, None),
        Err(NothingToChoose)
    );
}

#[test]
fn draws_follow_the_distribution_at_the_temperature() {
    let logits = [1f32.ln(), 2f32.ln(), 4f32.ln(), 1f32.ln()];
    close(
        &shares(&Sampling::default(), &logits, 20_000),
        &[0.125, 0.25, 0.5, 0.125],
    );
    // At a half the likelihoods are squared: 1, 4, 16, 1.
    close(
        &shares(
            &Sampling {
                temperature: 0.5,
                ..Sampling::default()
            },
            &logits,
            20_000,
        ),
        &[1.0 / 22.0, 4.0 / 22.0, 16.0 / 22.0, 1.0 / 22.0],
    );
}

#[test]
fn limits_cut_the_tail() {
    let logits = [1f32.ln(), 2f32.ln(), 4f32.ln(), 1f32.ln()];
    close(
        &shares(
            &Sampling {
                top_k: 2,
                ..Sampling::default()
            },
            &logits,
            20_000,
        ),
        &[0.0, 1.0 / 3.0, 2.0 / 3.0, 0.0],
    );
    close(
        &shares(
            &Sampling {
                top_p: 0.7,
                ..Sampling::default()
            },
            &logits,
            20_000,
        ),
        &[0.0, 1.0 / 3.0, 2.0 / 3.0, 0.0],
    );
    close(
        &shares(
            &Sampling {
                top_p: 0.5,
                ..Sampling::default()
            },
            &logits,
            2_000,
        ),
        &[0.0, 0.0, 1.0, 0.0],
    );
    close(
        &shares(
            &Sampling {
                min_p: 0.3,
                ..Sampling::default()
            },
            &logits,
            20_000,
        ),
        &[0.0, 1.0 / 3.0, 2.0 / 3.0, 0.0],
    );
}

#[test]
fn a_share_of_a_flat_vocabulary_looks_further_than_the_first_few() {
    let mut list: Vec<(u32, f32)> = (0..1000).map(|id| (id, 1.0)).collect();
    let mut candidates = Candidates::default();
    let logits: Vec<f32> = list.drain(..).map(|c| c.1).collect();
    let sampling = Sampling {
        top_p: 0.5,
        ..Sampling::default()
    };
    for seed in 0..200 {
        assert!(candidates.draw(&logits, &sampling, &mut SplitMix(seed)).unwrap() < 500);
    }
}

#[test]
fn penalties_change_what_was_said() {
    let mut s = Sampler::new(
        Sampling {
            repetition_penalty: 2.0,
            ..Sampling::greedy()
        },
        &[0],
        1,
    );
    assert_eq!(s.choose(&[3.0, 2.0, -1.0], None, None).unwrap().token, 1);
    s.accept(1);
    // 3 / 2 = 1.5, 2 / 2 = 1, and a negative logit sinks.
    assert_eq!(s.choose(&[3.0, 2.0, 1.4], None, None).unwrap().token, 0);
    let mut s = sampler(Sampling {
        presence_penalty: 0.5,
        frequency_penalty: 1.0,
        ..Sampling::greedy()
    });
    s.accept(0);
    s.accept(0);
    assert_eq!(s.choose(&[3.0, 0.6], None, None).unwrap().token, 1);
    assert_eq!(s.choose(&[3.0, 0.4], None, None).unwrap().token, 0);
}

#[test]
fn a_bias_moves_a_token() {
    let mut s = sampler(Sampling {
        logit_bias: vec![(1, 100.0), (9, 1.0)],
        ..Sampling::greedy()
    });
    assert_eq!(s.choose(&[3.0, 2.0], None, None).unwrap().token, 1);
}

#[test]
fn a_mask_leaves_only_what_it_has() {
    let mut s = sampler(Sampling::greedy());
    let logits: Vec<f32> = (0u8..70).map(f32::from).collect();
    assert_eq!(
        s.choose(&logits, Some(&[0b1001, 1 << 5]), None).unwrap().token,
        37
    );
    assert_eq!(s.choose(&logits, Some(&[0, 0, 0]), None), Err(NothingToChoose));
}

#[test]
fn logarithms_are_of_the_models_own_distribution() {
    let mut s = sampler(Sampling {
        logit_bias: vec![(0, 50.0)],
        ..Sampling::greedy()
    });
    let choice = s
        .choose(&[1f32.ln(), 2f32.ln(), 5f32.ln()], None, Some(2))
        .unwrap();
    assert_eq!(choice.token, 0);
    assert!((choice.logprob.unwrap() - 0.125f32.ln()).abs() < 1e-6);
    assert_eq!(choice.top.iter().map(|t| t.0).collect::<Vec<_>>(), [2, 1]);
    assert!((choice.top[0].1 - 0.625f32.ln()).abs() < 1e-6);
}

#[test]
fn parameters_out_of_range_are_named() {
    let error = Sampling {
        top_p: 0.0,
        ..Sampling::default()
    }
    .check()
    .unwrap_err();
    assert_eq!(error.to_string(), "`top_p` must be above 0 and at most 1, not 0");
    assert!(
        Sampling {
            temperature: f32::NAN,
            ..Sampling::default()
        }
        .check()
        .is_err()
    );
    assert!(
        Sampling {
            logit_bias: vec![(1, f32::INFINITY)],
            ..Sampling::default()
        }
        .check()
        .is_err()
    );
    assert_eq!(Sampling::default().check(), Ok(()));
}

/// What [`Candidates::draw`] draws from, and with which weights, by sorting everything.
fn plain(logits: &[f32], s: &Sampling) -> Vec<(u32, f64)> {
    let mut list: Vec<(u32, f64)> = (0..)
        .zip(logits.iter().map(|l| f64::from(*l)))
        .filter(|(_, l)| *l > f64::NEG_INFINITY)
        .collect();
    list.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    if s.top_k > 0 {
        list.truncate(s.top_k);
    }
    let max = list[0].1;
    for candidate in &mut list {
        candidate.1 = ((candidate.1 - max) / f64::from(s.temperature)).exp();
    }
    let share = f64::from(s.top_p) * list.iter().map(|c| c.1).sum::<f64>();
    let mut sum = 0.0;
    list.retain(|c| {
        let before = sum;
        sum += c.1;
        // Within rounding either is right.
        before < share * (1.0 + 1e-6)
    });
    list.retain(|c| c.1 >= f64::from(s.min_p) * (1.0 - 1e-6));
    list
}

#[test]
fn the_highest_are_found_in_vocabularies_of_any_size() {
    for size in [1, 63, 64, 65, 1000, 20_000] {
        let logits: Vec<f32> = (0..size)
            .map(|id: u32| match id % 7 {
                0 => f32::NAN,
                1 => f32::NEG_INFINITY,
                _ => (id.wrapping_mul(2_654_435_761) >> 20) as f32,
            })
            .collect();
        let mut expected: Vec<(u32, f32)> = (0..)
            .zip(logits.iter().copied())
            .filter(|c| c.1 > f32::NEG_INFINITY)
            .collect();
        expected.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        assert_eq!(highest(&logits), expected.first().map(|c| c.0), "{size}");
        for count in [0, 1, 5, 64, 65, 400] {
            let mut candidates = Candidates::default();
            let found = candidates.best(&logits, count);
            assert_eq!(found, &expected[..count.min(expected.len())], "{count} of {size}");
        }
    }
}

/// `cargo test --release -p sigmavault-llm --lib choices_take -- --ignored --nocapture`
#[test]
#[ignore = "measures"]
fn choices_take_so_long() {
    let mut random = SplitMix(3);
    let logits: Vec<f32> = (0..151_936).map(|_| (random.unit() * 20.0) as f32).collect();
    for (name, sampling) in [
        ("greedy", Sampling::greedy()),
        ("temperature 1", Sampling::default()),
        (
            "top-p 0.95",
            Sampling {
                top_p: 0.95,
                ..Sampling::default()
            },
        ),
        (
            "top-k 20, top-p 0.95",
            Sampling {
                top_k: 20,
                top_p: 0.95,
                ..Sampling::default()
            },
        ),
        (
            "min-p 0.05",
            Sampling {
                min_p: 0.05,
                ..Sampling::default()
            },
        ),
    ] {
        for top in [None, Some(5)] {
            let mut sampler = sampler(sampling.clone());
            let began = std::time::Instant::now();
            for _ in 0..50 {
                std::hint::black_box(sampler.choose(&logits, None, top).unwrap());
            }
            let each = began.elapsed().as_secs_f64() / 50.0;
            println!("{name:24} logprobs {top:?}: {:.3} ms a token", each * 1e3);
        }
    }
}

proptest! {
    #[test]
    fn what_is_drawn_is_what_sorting_everything_leaves(seed: u64, logits in prop::collection::vec(-9f32..9.0, 1..2000), top_k in 0usize..90, top_p in 0.01f32..1.2, min_p in -0.2f32..0.5, temperature in 0.1f32..3.0) {
        let sampling = Sampling { top_k, top_p: top_p.min(1.0), min_p: min_p.max(0.0), temperature, seed: Some(seed), ..Sampling::default() };
        let expected = plain(&logits, &sampling);
        let mut s = sampler(sampling);
        for _ in 0..20 {
            let token = s.choose(&logits, None, None).unwrap().token;
            prop_assert!(expected.iter().any(|c| c.0 == token), "{} is not among {}", token, expected.len());
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_tokens(seed: u64, logits in prop::collection::vec(-9f32..9.0, 1..300), top_k in 0usize..20, top_p in 0.01f32..1.0, min_p in 0f32..0.5) {
        let sampling = Sampling { top_k, top_p, min_p, seed: Some(seed), ..Sampling::default() };
        let text = |fallback| {
            let mut s = Sampler::new(sampling.clone(), &[], fallback);
            (0..8).map(|_| s.choose(&logits, None, None).unwrap().token).collect::<Vec<_>>()
        };
        prop_assert_eq!(text(1), text(2));
    }

    #[test]
    fn what_is_drawn_is_within_the_limits(seed: u64, logits in prop::collection::vec(-9f32..9.0, 1..300), top_k in 1usize..20) {
        let mut s = sampler(Sampling { top_k, seed: Some(seed), ..Sampling::default() });
        let token = s.choose(&logits, None, None).unwrap().token;
        let higher = logits.iter().filter(|l| **l > logits[token as usize]).count();
        prop_assert!(higher < top_k);
    }
}
