//! Damaged and hostile files are rejected with the reason, without panics or allocations.

#![allow(clippy::unwrap_used)]

use sigmavault_gguf::{File, Malformed};

/// A file put together by hand.
#[derive(Clone)]
struct Raw(Vec<u8>);

impl Raw {
    fn new(tensors: u64, entries: u64) -> Self {
        Self(b"GGUF".to_vec()).u32(3).u64(tensors).u64(entries)
    }

    fn u32(mut self, n: u32) -> Self {
        self.0.extend(n.to_le_bytes());
        self
    }

    fn u64(mut self, n: u64) -> Self {
        self.0.extend(n.to_le_bytes());
        self
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    fn text(self, text: &str) -> Self {
        self.u64(text.len() as u64).bytes(text.as_bytes())
    }

    /// A row of the tensor table.
    fn tensor(self, name: &str, shape: &[u64], kind: u32, offset: u64) -> Self {
        let dimensions = u32::try_from(shape.len()).unwrap();
        let start = self.text(name).u32(dimensions);
        let shaped = shape.iter().fold(start, |raw, &n| raw.u64(n));
        shaped.u32(kind).u64(offset)
    }

    /// Zeros up to the next multiple of 32, and then this many.
    fn data(mut self, length: usize) -> Self {
        self.0.resize(self.0.len().next_multiple_of(32) + length, 0);
        self
    }

    fn refusal(&self) -> String {
        File::parse(&self.0).unwrap_err().to_string()
    }
}

#[test]
fn headers() {
    let version = |n| Raw(b"GGUF".to_vec()).u32(n).u64(0).u64(0).refusal();
    assert_eq!(version(1), "its version is 1; versions 2 and 3 are supported");
    assert_eq!(version(4), "its version is 4; versions 2 and 3 are supported");
    assert_eq!(
        version(0x0300_0000),
        "it is big-endian (version 3); only little-endian files are supported"
    );
    assert_eq!(
        Raw(b"GGML\x03\0\0\0".to_vec()).refusal(),
        "it begins with [47, 47, 4d, 4c] instead of \"GGUF\""
    );
    assert_eq!(Raw(Vec::new()).refusal(), "it begins with [] instead of \"GGUF\"");
    assert_eq!(
        Raw(b"GGUF\x03".to_vec()).refusal(),
        "the version at byte 4 takes 4 bytes, but only 1 are left"
    );
    assert!(File::parse(&Raw::new(0, 0).0).unwrap().tensors().is_empty());
}

#[test]
fn counts_that_the_file_cannot_hold() {
    assert_eq!(
        Raw::new(u64::MAX, 0).refusal(),
        "it declares 18446744073709551615 tensors; at most 0 are possible"
    );
    assert_eq!(
        Raw::new(0, 1 << 60).refusal(),
        "it declares 1152921504606846976 metadata entries; at most 0 are possible"
    );
    let many = Raw::new((1 << 17) + 1, 0).bytes(&vec![0; 4 << 20]);
    assert_eq!(
        many.refusal(),
        "it declares 131073 tensors; at most 131072 are possible"
    );
    for (element, smallest) in [(0_u32, 1_u64), (4, 4), (8, 8), (9, 12), (12, 8)] {
        let array = Raw::new(0, 1).text("k").u32(9).u32(element);
        let array = array.u64(u64::MAX / 2).bytes(&[0; 100]);
        assert_eq!(
            array.refusal(),
            format!(
                "it declares 9223372036854775807 elements of an array; at most {} are possible",
                100 / smallest
            )
        );
    }
}

#[test]
fn lengths_that_the_file_cannot_hold() {
    let key = Raw::new(0, 1).u64(u64::MAX).bytes(&[0; 40]);
    assert_eq!(
        key.refusal(),
        "the metadata key at byte 32 is 18446744073709551615 bytes long; at most 65535 are allowed"
    );
    let text = Raw::new(0, 1).text("k").u32(8).u64(1 << 40).bytes(&[0; 40]);
    assert_eq!(
        text.refusal(),
        "a text at byte 45 takes 1099511627776 bytes, but only 40 are left"
    );
    let name = Raw::new(1, 0).tensor(&"n".repeat(256), &[1], 0, 0).data(4);
    assert_eq!(
        name.refusal(),
        "the tensor name at byte 32 is 256 bytes long; at most 255 are allowed"
    );
}

#[test]
fn values() {
    let value = |kind: u32, bytes: &[u8]| Raw::new(0, 1).text("k").u32(kind).bytes(bytes);
    assert_eq!(
        value(13, &[0; 8]).refusal(),
        "the value type at byte 33 is 13; there are 0 to 12"
    );
    assert_eq!(
        value(7, &[2]).refusal(),
        "the boolean at byte 37 is 2, neither 0 nor 1"
    );
    assert_eq!(
        value(8, &[2, 0, 0, 0, 0, 0, 0, 0, 0xc3, 0x28]).refusal(),
        "a text at byte 45 is not UTF-8"
    );
    assert_eq!(
        value(12, &[0; 7]).refusal(),
        "a metadata value at byte 37 takes 8 bytes, but only 7 are left"
    );
    let mut nested = Raw::new(0, 1).text("k").u32(9);
    for _ in 0..10_000 {
        nested = nested.u32(9).u64(1);
    }
    assert_eq!(
        nested.refusal(),
        "the array at byte 85 is nested more than 4 deep"
    );
}

#[test]
fn names() {
    let twice = Raw::new(0, 2)
        .text("k")
        .u32(0)
        .bytes(&[1])
        .text("k")
        .u32(0)
        .bytes(&[2]);
    assert_eq!(twice.refusal(), "the metadata key \"k\" occurs twice");
    let empty = Raw::new(0, 1).text("").u32(0).bytes(&[1, 0]);
    assert_eq!(
        empty.refusal(),
        "the metadata key \"\" is empty or has control characters"
    );
    let escape = Raw::new(0, 1).text("\x1b[2J").u32(0).bytes(&[1]);
    assert!(matches!(
        File::parse(&escape.0).unwrap_err(),
        Malformed::BadName { .. }
    ));
    let tensors = Raw::new(2, 0)
        .tensor("a", &[8], 0, 0)
        .tensor("a", &[8], 0, 32)
        .data(64);
    assert_eq!(tensors.refusal(), "the tensor \"a\" occurs twice");
}

#[test]
fn alignments() {
    let aligned = |kind: u32, bytes: &[u8]| {
        let raw = Raw::new(1, 1).text("general.alignment").u32(kind).bytes(bytes);
        raw.tensor("a", &[8], 0, 0).data(32)
    };
    for (kind, bytes, found) in [
        (4, &0_u32.to_le_bytes()[..], "U32(0)"),
        (4, &4_u32.to_le_bytes(), "U32(4)"),
        (4, &24_u32.to_le_bytes(), "U32(24)"),
        (4, &0x8000_0000_u32.to_le_bytes(), "U32(2147483648)"),
        (10, &32_u64.to_le_bytes(), "U64(32)"),
        (8, &[0; 8], "no number"),
    ] {
        assert_eq!(
            aligned(kind, bytes).refusal(),
            format!(
                "general.alignment is {found}; it must be a power of two from 8 to 1048576, as a 32-bit number"
            )
        );
    }
    assert_eq!(
        File::parse(&aligned(4, &32_u32.to_le_bytes()).0)
            .unwrap()
            .alignment(),
        32
    );
}

#[test]
fn shapes() {
    let shape = |shape: &[u64], kind| Raw::new(1, 0).tensor("a", shape, kind, 0).data(64).refusal();
    assert_eq!(
        shape(&[8, 0], 0),
        "tensor \"a\" has the shape [8, 0]: one dimension is 0"
    );
    assert_eq!(
        shape(&[1 << 32, 1 << 32], 0),
        "tensor \"a\" has the shape [4294967296, 4294967296]: its number of elements overflows"
    );
    // Countable, but not in bytes.
    assert_eq!(
        shape(&[1 << 62], 0),
        "tensor \"a\" has the shape [4611686018427387904]: its size in bytes overflows"
    );
    assert_eq!(
        shape(&[1, 1, 1, 1, 1], 0),
        "it declares 5 dimensions of a tensor; at most 4 are possible"
    );
    assert_eq!(
        shape(&[33, 32], 8),
        "tensor \"a\" has the shape [33, 32]: a row is not a whole number of blocks of its type"
    );
}

#[test]
fn offsets() {
    let two = |first, second| {
        let raw = Raw::new(2, 0)
            .tensor("a", &[8], 0, first)
            .tensor("b", &[8], 0, second);
        raw.data(64)
    };
    assert!(File::parse(&two(0, 32).0).is_ok());
    assert!(File::parse(&two(32, 0).0).is_ok());
    assert_eq!(
        two(0, 33).refusal(),
        "tensor \"b\" begins at byte 33 of the data: it must be a multiple of the alignment"
    );
    assert_eq!(
        two(0, 0).refusal(),
        "tensor \"a\" begins at byte 0 of the data: another tensor begins there too"
    );
    assert_eq!(
        two(0, 64).refusal(),
        "tensor \"b\" begins at byte 64 of the data: that is past the end of the file"
    );
    assert_eq!(
        two(0, u64::MAX - 31).refusal(),
        "tensor \"b\" begins at byte 18446744073709551584 of the data: that is past the end of the file"
    );
    assert_eq!(
        two(32, 64).refusal(),
        "tensor \"a\" begins at byte 32 of the data: the first tensor must begin at 0"
    );
    let cut = Raw::new(1, 0).tensor("a", &[8], 0, 0);
    assert_eq!(
        cut.refusal(),
        "tensor \"a\" begins at byte 0 of the data: that is past the end of the file"
    );
}

#[test]
fn a_header_without_end() {
    // The file is sparse: its length is real, its blocks are not.
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let text = Raw::new(0, 1).text("k").u32(8).u64((256 << 20) + 1);
    std::io::Write::write_all(&mut file, &text.0).unwrap();
    file.as_file().set_len(300 << 20).unwrap();
    let message = File::open(file.path()).unwrap_err().to_string();
    assert!(
        message.contains("its header is longer than 268435456 bytes"),
        "{message}"
    );
}
