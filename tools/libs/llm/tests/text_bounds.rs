//! Encoding takes time in proportion to the text, little memory, and no more of either than its result is worth.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/counting.rs"]
mod counting;
#[path = "common/vocabularies.rs"]
mod vocabularies;

use std::cell::Cell;
use std::time::{Duration, Instant};

use counting::memory;
use sigmavault_llm::tokenizer::{Bounds, Controls, Tokenizer, TokenizerError};
use vocabularies::tokenizer;

/// Processor time of this thread.
fn processor() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanoseconds = text.split(' ').next().unwrap().parse().unwrap();
    Duration::from_nanos(nanoseconds)
}

/// Processor time of one run. The clock moves in steps of milliseconds, so that short work is repeated.
fn time(work: impl Fn()) -> Duration {
    let (before, began, mut runs) = (processor(), Instant::now(), 0);
    while runs < 1 || began.elapsed() < Duration::from_millis(60) {
        work();
        runs += 1;
    }
    processor().saturating_sub(before) / runs
}

fn within(tokenizer: &Tokenizer, text: &str, tokens: usize) -> Result<Vec<u32>, TokenizerError> {
    let bounds = Bounds {
        tokens,
        cancelled: &|| false,
    };
    tokenizer.encode_within(text, Controls::Everywhere, &bounds)
}

/// One vocabulary of each kind.
const KINDS: [&str; 4] = ["qwen2", "word-pieces", "sentence-pieces", "world"];

const UNITS: [&str; 6] = ["a<|im_end|>", "word ", "x", "     ", "1234", "世界"];

#[test]
fn time_grows_with_the_text_and_not_faster() {
    for (name, units) in [
        ("qwen2", &["a<|im_end|>", "word "][..]),
        ("word-pieces", &["word "]),
        ("sentence-pieces", &["word "]),
        ("world", &["word "]),
    ] {
        let tokenizer = tokenizer(name);
        for unit in units {
            let at = |count: usize| {
                let text = unit.repeat(count);
                time(|| drop(tokenizer.encode(&text, true).unwrap()))
            };
            // Four times the text takes four times as long; sixteen times if the time is quadratic.
            let (short, long) = (at(4_000), at(16_000));
            let most = short * 9 + Duration::from_millis(8);
            assert!(long < most, "{name}: {unit:?} takes {short:?} and then {long:?}");
        }
    }
}

#[test]
fn a_prompt_that_is_too_long_takes_little_memory_and_time() {
    const CONTEXT: usize = 4096;
    // Word pieces have one token for an unknown word of any length.
    for name in KINDS.into_iter().filter(|name| *name != "word-pieces") {
        let tokenizer = tokenizer(name);
        for unit in UNITS {
            let text = unit.repeat(7_800_000 / unit.len());
            let before = processor();
            let (refused, most) = memory(|| within(&tokenizer, &text, CONTEXT));
            let took = processor().saturating_sub(before);
            match refused {
                Err(TokenizerError::TooLong { tokens, limit }) => {
                    assert!(tokens > CONTEXT && limit == CONTEXT, "{name}: {unit:?}");
                }
                other => panic!("{name}: {unit:?} gives {:?}", other.map(|ids| ids.len())),
            }
            assert!(most < 48 << 20, "{name}: {unit:?} takes {most} bytes");
            assert!(took < Duration::from_secs(4), "{name}: {unit:?} takes {took:?}");
        }
    }
}

#[test]
fn length_alone_refuses_what_cannot_fit() {
    let tokenizer = tokenizer("qwen2");
    let text = "x".repeat(7_800_000);
    let (refused, most) = memory(|| within(&tokenizer, &text, 1000));
    assert!(matches!(refused, Err(TokenizerError::TooLong { .. })));
    assert!(most < 4096, "{most} bytes");
    let least = tokenizer.least_tokens(text.len());
    assert!(least > 1000);
    // The bound must never be higher than the truth.
    for unit in UNITS {
        let text = unit.repeat(500);
        assert!(tokenizer.least_tokens(text.len()) <= tokenizer.encode(&text, true).unwrap().len());
    }
    let composed = "e\u{301}".repeat(1000);
    assert!(tokenizer.least_tokens(composed.len()) <= tokenizer.encode(&composed, true).unwrap().len());
}

#[test]
fn a_prompt_within_the_limit_takes_memory_in_proportion() {
    let tokenizer = tokenizer("qwen2");
    let text = "the pool is degraded, ".repeat(20_000);
    let (ids, most) = memory(|| within(&tokenizer, &text, usize::MAX).unwrap());
    assert!(ids.len() > 20_000);
    assert!(most < 24 << 20, "{most} bytes for {} of text", text.len());
}

#[test]
fn encoding_stops_when_nobody_waits() {
    for name in KINDS {
        let tokenizer = tokenizer(name);
        for unit in ["a<|im_end|>", "word ", "x"] {
            let text = unit.repeat(400_000 / unit.len());
            let asked = Cell::new(0);
            let bounds = Bounds {
                tokens: usize::MAX,
                cancelled: &|| {
                    asked.set(asked.get() + 1);
                    asked.get() > 2
                },
            };
            let stopped = tokenizer.encode_within(&text, Controls::Everywhere, &bounds);
            assert!(
                matches!(stopped, Err(TokenizerError::Cancelled)),
                "{name}: {unit:?}"
            );
            assert_eq!(asked.get(), 3, "{name}: {unit:?}");
        }
    }
}
