//! Files are read back as written.

#![allow(clippy::unwrap_used, clippy::float_cmp)]

use std::io::Write as _;

use proptest::prelude::*;
use sigmavault_gguf::{Array, File, TensorKind, Value, Writer};

fn written(writer: Writer<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    writer.write(&mut bytes).unwrap();
    bytes
}

fn every_type() -> Vec<(&'static str, Value)> {
    vec![
        ("t.u8", Value::U8(255)),
        ("t.i8", Value::I8(-128)),
        ("t.u16", Value::U16(65535)),
        ("t.i16", Value::I16(-32768)),
        ("t.u32", Value::U32(u32::MAX)),
        ("t.i32", Value::I32(i32::MIN)),
        ("t.f32", Value::F32(1e-6)),
        ("t.bool", Value::Bool(true)),
        ("t.string", Value::from("ä ▁<|im_end|>")),
        ("t.array", Value::from(vec![1_i32, 2, 3])),
        ("t.u64", Value::U64(u64::MAX)),
        ("t.i64", Value::I64(i64::MIN)),
        ("t.f64", Value::F64(0.1)),
        (
            "t.texts",
            Value::from(vec!["a".to_owned(), String::new(), "Ġb".to_owned()]),
        ),
        ("t.bools", Value::from(vec![true, false])),
        ("t.empty", Value::Array(Array::F64(Vec::new()))),
        (
            "t.nested",
            Value::from(vec![
                Array::U16(vec![1, 2]),
                Array::String(vec!["x".to_owned()]),
                Array::Array(vec![Array::I8(vec![-1])]),
            ]),
        ),
    ]
}

#[test]
fn all_types_in_both_versions() {
    for version in [2, 3] {
        let mut writer = Writer::new();
        writer.version(version);
        for (key, value) in every_type() {
            writer.set(key, value);
        }
        let index = File::parse(&written(writer)).unwrap();
        assert_eq!(index.version(), version);
        let read: Vec<_> = index
            .metadata()
            .iter()
            .map(|(key, value)| (key.to_owned(), value.clone()))
            .collect();
        let expected: Vec<_> = every_type()
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        assert_eq!(read, expected);
    }
}

#[test]
fn typed_getters_take_any_width() {
    let mut writer = Writer::new();
    for (key, value) in every_type() {
        writer.set(key, value);
    }
    writer
        .set("general.architecture", "qwen3")
        .set("qwen3.block_count", 28_u16);
    let index = File::parse(&written(writer)).unwrap();
    let metadata = index.metadata();
    assert_eq!(metadata.u32("t.u8"), Some(255));
    assert_eq!(metadata.u32("t.u64"), None);
    assert_eq!(metadata.u64("t.u64"), Some(u64::MAX));
    assert_eq!(metadata.u64("t.i8"), None);
    assert_eq!(metadata.i64("t.i8"), Some(-128));
    assert_eq!(metadata.f32("t.f64"), Some(0.1));
    assert_eq!(metadata.f32("t.u8"), None);
    assert_eq!(metadata.bool("t.bool"), Some(true));
    assert_eq!(metadata.string("t.string"), Some("ä ▁<|im_end|>"));
    assert_eq!(metadata.strings("t.texts").unwrap()[2], "Ġb");
    assert_eq!(metadata.i32s("t.array"), Some(&[1, 2, 3][..]));
    assert_eq!(metadata.u64s("t.array"), Some(vec![1, 2, 3]));
    assert_eq!(metadata.get("t.missing"), None);
    assert_eq!(
        metadata.of_architecture("block_count").and_then(Value::as_u64),
        Some(28)
    );
}

#[test]
fn a_mapped_file_gives_the_bytes_of_its_tensors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("small.gguf");
    let (norm, weights) = ([1_u8; 12], [2_u8; 68]);
    let mut writer = Writer::new();
    writer.set("general.alignment", 64_u32);
    writer.tensor("norm", &[3], TensorKind::F32, &norm);
    writer.tensor_from("weights", &[32, 2], TensorKind::Q8_0, |out| {
        out.write_all(&weights)
    });
    writer.write(&mut std::fs::File::create(&path).unwrap()).unwrap();
    let file = File::open(&path).unwrap();
    assert_eq!(file.index().alignment(), 64);
    assert_eq!(file.tensor("norm").unwrap().bytes, norm);
    let view = file.tensor("weights").unwrap();
    assert_eq!(view.bytes, weights);
    assert_eq!((view.info.columns(), view.info.rows()), (32, 2));
    assert_eq!(view.info.range.start % 64, 0);
    assert!(file.tensor("other").is_none());
    let map = file.map();
    drop(file);
    assert_eq!(&map[..4], b"GGUF");
}

#[test]
fn what_cannot_be_opened_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.gguf");
    assert_eq!(
        File::open(&path).unwrap_err().to_string(),
        format!(
            "cannot open the model file {}: No such file or directory (os error 2)",
            path.display()
        )
    );
    let mut file = std::fs::File::create(&path).unwrap();
    file.write_all(b"<html>").unwrap();
    assert_eq!(
        File::open(&path).unwrap_err().to_string(),
        format!(
            "{} is not a whole GGUF file: it begins with [3c, 68, 74, 6d] instead of \"GGUF\"; \
             try: sigmavault model verify, or get the file again",
            path.display()
        )
    );
    std::fs::write(&path, b"").unwrap();
    assert!(File::open(&path).is_err());
}

#[test]
fn the_writer_refuses_what_is_no_tensor() {
    let refused = |shape: &[u64], kind, bytes: &[u8]| {
        let mut writer = Writer::new();
        writer.tensor("a", shape, kind, bytes);
        writer.write(&mut Vec::new()).unwrap_err().to_string()
    };
    assert_eq!(
        refused(&[3], TensorKind::F32, &[0; 11]),
        "tensor \"a\" takes 12 bytes, but 11 were given"
    );
    let message = refused(&[31, 32], TensorKind::Q8_0, &[]);
    assert!(message.contains("not a whole number of blocks"), "{message}");
    assert!(refused(&[1], TensorKind::Unknown(99), &[]).contains("unknown type 99"));
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<u8>().prop_map(Value::U8),
        any::<i8>().prop_map(Value::I8),
        any::<u16>().prop_map(Value::U16),
        any::<i16>().prop_map(Value::I16),
        any::<u32>().prop_map(Value::U32),
        any::<i32>().prop_map(Value::I32),
        (-1e30_f32..1e30).prop_map(Value::F32),
        any::<bool>().prop_map(Value::Bool),
        ".{0,20}".prop_map(Value::String),
        any::<u64>().prop_map(Value::U64),
        any::<i64>().prop_map(Value::I64),
        (-1e30_f64..1e30).prop_map(Value::F64),
        prop::collection::vec(".{0,8}", 0..5).prop_map(Value::from),
        prop::collection::vec(any::<u8>(), 0..50).prop_map(Value::from),
        prop::collection::vec(any::<i64>(), 0..5).prop_map(Value::from),
    ]
}

fn kind() -> impl Strategy<Value = TensorKind> {
    prop::sample::select(vec![
        TensorKind::F32,
        TensorKind::F16,
        TensorKind::Q8_0,
        TensorKind::Q4K,
        TensorKind::Tq1_0,
        TensorKind::Tq2_0,
        TensorKind::I2S,
        TensorKind::Q2_0G128,
    ])
}

proptest! {
    #[test]
    fn any_file_is_read_as_it_was_written(
        values in prop::collection::btree_map("[a-z]{1,8}\\.[a-z]{1,8}", scalar(), 0..8),
        tensors in prop::collection::btree_map("[a-z.0-9]{1,40}", (1_u64..4, 1_u64..5, kind()), 0..6),
        alignment in prop::sample::select(vec![8_u32, 32, 4096]),
    ) {
        let mut writer = Writer::new();
        for (key, value) in &values {
            writer.set(key, value.clone());
        }
        writer.set("general.alignment", alignment);
        for (name, &(blocks, rows, kind)) in &tensors {
            let columns = blocks * 256;
            let bytes: Vec<u8> = (0..kind.bytes(columns * rows).unwrap()).map(|n| (n % 251) as u8).collect();
            writer.tensor_from(name, &[columns, rows], kind, move |out| out.write_all(&bytes));
        }
        let bytes = written(writer);
        let index = File::parse(&bytes).unwrap();
        for (key, value) in &values {
            prop_assert_eq!(index.metadata().get(key), Some(value));
        }
        prop_assert_eq!(index.tensors().len(), tensors.len());
        for (tensor, (name, &(blocks, rows, kind))) in index.tensors().iter().zip(&tensors) {
            prop_assert_eq!((&tensor.name, tensor.kind), (name, kind));
            prop_assert_eq!(&tensor.shape, &vec![blocks * 256, rows]);
            let bytes = &bytes[tensor.range.clone()];
            prop_assert!(bytes.iter().enumerate().all(|(n, &byte)| usize::from(byte) == n % 251));
        }
    }
}
