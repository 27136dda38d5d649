//! Sizes and type numbers together determine the kind of a tensor.

#![allow(clippy::unwrap_used)]

use sigmavault_gguf::{File, Index, Malformed, TensorKind, Writer};

fn written(writer: Writer<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    writer.write(&mut bytes).unwrap();
    bytes
}

/// A file of these tensors, each given as name, columns, rows, how it is packed, and the number it is written under.
fn file(tensors: &[(&str, u64, u64, TensorKind, u32)]) -> Vec<u8> {
    let mut writer = Writer::new();
    for &(name, columns, rows, kind, id) in tensors {
        let length = kind.bytes(columns * rows).unwrap();
        writer
            .tensor_from(name, &[columns, rows], kind, move |out| {
                std::io::copy(&mut std::io::Read::take(std::io::repeat(7), length), out).map(drop)
            })
            .type_id(id);
    }
    written(writer)
}

fn kinds(bytes: &[u8]) -> Vec<TensorKind> {
    let index = File::parse(bytes).unwrap();
    index.tensors().iter().map(|tensor| tensor.kind).collect()
}

use TensorKind::{F32, I2S, Mxfp4, Q2_0G64, Q2_0G128, Q8_0, Unknown};

#[test]
fn groups_of_128_under_the_number_of_groups_of_64() {
    let old = file(&[
        ("blk.0.attn_q.weight", 2048, 2048, Q2_0G128, 42),
        ("blk.0.attn_norm.weight", 2048, 1, F32, 0),
        ("blk.0.attn_k.weight", 2048, 1024, Q2_0G128, 42),
    ]);
    assert_eq!(kinds(&old), [Q2_0G128, F32, Q2_0G128]);
    let new = file(&[
        ("blk.0.attn_q.weight", 2048, 2048, Q2_0G64, 42),
        ("blk.0.attn_k.weight", 2048, 1024, Q2_0G128, 142),
    ]);
    assert_eq!(kinds(&new), [Q2_0G64, Q2_0G128]);
}

#[test]
fn a_tensor_too_small_to_tell_is_as_its_neighbours() {
    // 256 numbers take 72 bytes in groups of 64 and 68 in groups of 128: 96 with padding either way.
    let old = file(&[("small", 128, 2, Q2_0G128, 42), ("large", 2048, 8, Q2_0G128, 42)]);
    assert_eq!(kinds(&old), [Q2_0G128, Q2_0G128]);
    let new = file(&[("small", 128, 2, Q2_0G64, 42), ("large", 2048, 8, Q2_0G64, 42)]);
    assert_eq!(kinds(&new), [Q2_0G64, Q2_0G64]);
    assert_eq!(kinds(&file(&[("small", 128, 2, Q2_0G64, 42)])), [Q2_0G64]);

    let mixed = file(&[
        ("small", 128, 2, Q2_0G64, 42),
        ("one", 2048, 8, Q2_0G64, 42),
        ("other", 2048, 8, Q2_0G128, 42),
    ]);
    assert_eq!(
        File::parse(&mixed).unwrap_err(),
        Malformed::Group("small".to_owned())
    );
}

#[test]
fn i2_s_has_its_scale_behind_it() {
    let bytes = file(&[("a", 2560, 640, I2S, 36), ("b", 2560, 64, F32, 0)]);
    let index = File::parse(&bytes).unwrap();
    let a = index.tensor("a").unwrap();
    assert_eq!((a.kind, a.range.len()), (I2S, 2560 * 640 / 4 + 32));
    assert_eq!(index.tensor("b").unwrap().range.start, a.range.end);
}

#[test]
fn numbers_that_forks_share_are_believed_by_size_only() {
    let mxfp4 = file(&[("a", 2560, 64, Mxfp4, 39)]);
    assert_eq!(kinds(&mxfp4), [Mxfp4]);
    let other = file(&[
        ("a", 2560, 64, I2S, 39),
        ("b", 2560, 64, I2S, 38),
        ("c", 2560, 64, Q8_0, 36),
        ("d", 2560, 64, Q8_0, 42),
    ]);
    assert_eq!(
        kinds(&other),
        [Unknown(39), Unknown(38), Unknown(36), Unknown(42)]
    );
    let index = File::parse(&other).unwrap();
    assert_eq!(index.tensors()[0].range.len(), 2560 * 64 / 4 + 32);
    let reasons: Vec<_> = index
        .tensors()
        .iter()
        .map(|t| t.kind.refusal().unwrap())
        .collect();
    assert!(
        reasons[0].starts_with("forks use this type number"),
        "{reasons:?}"
    );
    assert!(reasons[3].starts_with("the size fits neither"), "{reasons:?}");
}

#[test]
fn a_size_that_does_not_fit_a_plain_type_is_a_damaged_file() {
    let bytes = file(&[("a", 64, 64, Q8_0, 0), ("b", 64, 1, F32, 0)]);
    assert_eq!(
        File::parse(&bytes).unwrap_err().to_string(),
        "tensor \"a\" of type F32 and shape [64, 64] takes 16384 bytes, but 4352 bytes lie between it and what follows"
    );
}

#[test]
fn the_last_tensor_may_lack_its_padding_but_no_bytes() {
    let mut bytes = file(&[("a", 65, 1, F32, 0)]);
    let end = Index::parse(&bytes).unwrap().tensors()[0].range.end;
    assert_eq!(bytes.len() - end, 28);
    bytes.truncate(end);
    assert_eq!(kinds(&bytes), [F32]);
    bytes.truncate(end - 1);
    assert!(matches!(
        File::parse(&bytes).unwrap_err(),
        Malformed::Room { room: 259, .. }
    ));
    bytes.resize(end + 28 + 1, 0);
    assert!(matches!(
        File::parse(&bytes).unwrap_err(),
        Malformed::Room { room: 289, .. }
    ));
}
