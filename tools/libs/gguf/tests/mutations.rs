//! Files with flipped, truncated and overwritten bytes: tensors of accepted files lie within the file.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use sigmavault_gguf::{Array, File, Summary, TensorKind, Value, Writer, support};

/// A file with one of everything.
fn seed() -> Vec<u8> {
    let mut writer = Writer::new();
    writer
        .set("general.architecture", "qwen3")
        .set("general.name", "seed")
        .set("general.alignment", 32_u32)
        .set("qwen3.context_length", 4096_u64)
        .set("qwen3.rope.freq_base", 1e6_f32)
        .set("split.count", 1_u16)
        .set("tokenizer.ggml.tokens", vec!["a".to_owned(), "b".to_owned()])
        .set("tokenizer.ggml.scores", vec![0.5_f32, 1.0])
        .set("x.nested", vec![Array::Bool(vec![true]), Array::I64(vec![-1])])
        .set("x.double", Value::F64(2.0));
    writer.tensor("token_embd.weight", &[64, 4], TensorKind::Q2_0G64, &[1; 72]);
    writer.tensor("blk.0.attn_q.weight", &[128, 16], TensorKind::Q2_0G128, &[2; 544]);
    writer.tensor("blk.0.attn_k.weight", &[128, 2], TensorKind::I2S, &[3; 96]);
    writer.tensor("blk.0.attn_norm.weight", &[64], TensorKind::F32, &[4; 256]);
    let mut bytes = Vec::new();
    writer.write(&mut bytes).unwrap();
    bytes
}

#[derive(Debug, Clone)]
enum Mutation {
    Byte(usize, u8),
    Word(usize, u32),
    Long(usize, u64),
    Cut(usize),
    Grow(usize),
    Move(usize, usize, usize),
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        0_u64..64,
        Just(u64::MAX),
        Just(u64::MAX / 2),
        (0_u32..64).prop_map(|shift| 1 << shift),
        (0_u32..64).prop_map(|shift| (1 << shift) - 1),
        any::<u64>(),
    ]
}

fn mutation(length: usize) -> impl Strategy<Value = Mutation> {
    let at = 0..length;
    prop_oneof![
        4 => (at.clone(), any::<u8>()).prop_map(|(at, n)| Mutation::Byte(at, n)),
        4 => (at.clone(), number()).prop_map(|(at, n)| Mutation::Word(at, u32::try_from(n & 0xffff_ffff).unwrap())),
        4 => (at.clone(), number()).prop_map(|(at, n)| Mutation::Long(at, n)),
        1 => at.clone().prop_map(Mutation::Cut),
        1 => (1_usize..100).prop_map(Mutation::Grow),
        1 => (at.clone(), at, 1_usize..40).prop_map(|(from, to, n)| Mutation::Move(from, to, n)),
    ]
}

fn overwrite(bytes: &mut [u8], at: usize, with: &[u8]) {
    for (byte, &new) in bytes.iter_mut().skip(at).zip(with) {
        *byte = new;
    }
}

fn mutate(bytes: &mut Vec<u8>, mutation: &Mutation) {
    match *mutation {
        Mutation::Byte(at, n) => overwrite(bytes, at, &[n]),
        Mutation::Word(at, n) => overwrite(bytes, at, &n.to_le_bytes()),
        Mutation::Long(at, n) => overwrite(bytes, at, &n.to_le_bytes()),
        Mutation::Cut(at) => bytes.truncate(at),
        Mutation::Grow(n) => bytes.resize(bytes.len() + n, 0),
        Mutation::Move(from, to, n) => {
            let part: Vec<u8> = bytes.iter().skip(from).take(n).copied().collect();
            overwrite(bytes, to, &part);
        }
    }
}

/// What must hold of every file that is accepted.
fn holds(bytes: &[u8]) {
    let Ok(index) = File::parse(bytes) else {
        return;
    };
    let mut ends: Vec<_> = index
        .tensors()
        .iter()
        .map(|tensor| tensor.range.clone())
        .collect();
    ends.sort_by_key(|range| range.start);
    assert!(ends.windows(2).all(|pair| pair[0].end <= pair[1].start));
    for tensor in index.tensors() {
        let part = &bytes[tensor.range.clone()];
        if let Some(needed) = tensor.kind.bytes(tensor.elements()) {
            assert_eq!(part.len() as u64, needed);
        }
        assert_eq!(index.tensor(&tensor.name), Some(tensor));
    }
    Summary::of(&index);
    support::obstacles(&index);
}

#[test]
fn every_cut_is_refused_and_every_changed_byte_is_survived() {
    let seed = seed();
    let end = File::parse(&seed).unwrap().tensors().last().unwrap().range.end;
    for length in 0..end {
        assert!(File::parse(&seed[..length]).is_err(), "cut at {length}");
    }
    for at in 0..seed.len() {
        for value in [0, 1, 7, 8, 9, 12, 0x7f, 0x80, 0xff, seed[at] ^ 1] {
            let mut bytes = seed.clone();
            bytes[at] = value;
            holds(&bytes);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn mutated_files(mutations in prop::collection::vec(mutation(1200), 1..6)) {
        let mut bytes = seed();
        for mutation in &mutations {
            mutate(&mut bytes, mutation);
        }
        holds(&bytes);
    }

    #[test]
    fn anything_at_all(tail in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut bytes = b"GGUF\x03\0\0\0".to_vec();
        bytes.extend(tail);
        holds(&bytes);
    }
}
