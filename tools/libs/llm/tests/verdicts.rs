//! Whether a file runs: the answer without loading it is that of loading it, for files damaged in every part.

#![allow(clippy::unwrap_used, reason = "a failure fails the test")]

use std::collections::BTreeMap;
use std::fs;

use sigmavault_llm::checkpoint::{Checkpoint, Purpose, examine};
use sigmavault_llm::model::LoadOptions;

/// Reproducible random numbers (`xorshift64*`).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % limit
    }
}

/// Changes some bytes between `from` and `to`.
fn damage(bytes: &mut [u8], from: usize, to: usize, random: &mut Random) {
    let at = from + random.below(to - from - 8);
    match random.below(4) {
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = bytes[at].wrapping_add(1),
        2 => bytes[at..at + 4].copy_from_slice(&u32::try_from(random.below(300)).unwrap().to_le_bytes()),
        // A scale that is not finite, if it meets one.
        _ => bytes[at..at + 2].copy_from_slice(&0x7c00_u16.to_le_bytes()),
    }
}

#[test]
fn two_hundred_damaged_files_have_the_same_verdict_when_examined_and_when_loaded() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("model.gguf");
    sigmavault_small_model::write(&file);
    let whole = fs::read(&file).unwrap();
    let find = |text: &str| {
        whole
            .windows(text.len())
            .position(|part| part == text.as_bytes())
            .unwrap()
    };
    // The settings, the tokenizer, the table of tensors, and the tensors.
    let settings = find("qwen3.block_count");
    let tokenizer = find("tokenizer.ggml.model");
    let table = whole.len() - {
        let name = b"token_embd.weight";
        whole
            .windows(name.len())
            .rev()
            .position(|part| part == name)
            .unwrap()
            + name.len()
    };
    let parts = [
        (0, settings),
        (settings, tokenizer),
        (settings, tokenizer),
        (tokenizer, table),
        (table, table + 1200),
        (table + 1200, whole.len()),
    ];
    let mut random = Random(16);
    let mut verdicts: BTreeMap<String, usize> = BTreeMap::new();
    for number in 0..200 {
        let mut bytes = whole.clone();
        let (from, to) = parts[number % parts.len()];
        for _ in 0..=random.below(2) {
            damage(&mut bytes, from, to, &mut random);
        }
        fs::write(&file, &bytes).unwrap();
        let options = LoadOptions {
            panels: Some(place.path().join(format!("{number}.panels"))),
            ..LoadOptions::default()
        };
        let examined = examine(&file).map_err(|error| error.to_string());
        let loaded = Checkpoint::load(&file, &options)
            .map(|_| Purpose::Text)
            .map_err(|error| error.to_string());
        assert_eq!(examined, loaded, "file {number}");
        let kind = match loaded {
            Ok(_) => "runs".to_owned(),
            Err(error) => error.split([' ', ':', '.']).take(3).collect::<Vec<_>>().join(" "),
        };
        *verdicts.entry(kind).or_default() += 1;
    }
    println!("{verdicts:#?}");
    // The test would show nothing if all of them ran, or none.
    assert!(verdicts["runs"] > 20 && verdicts["runs"] < 180, "{verdicts:?}");
    assert!(verdicts.len() > 5, "{verdicts:?}");
}
