//! A small file that declares large counts causes no large allocations.

#![allow(clippy::unwrap_used)]

use rustix::process::{Resource, Rlimit, setrlimit};
use sigmavault_gguf::File;

#[test]
fn announced_lengths_allocate_nothing() {
    // A larger allocation ends the test program.
    let limit = Rlimit {
        current: Some(1 << 30),
        maximum: Some(1 << 30),
    };
    setrlimit(Resource::As, limit).unwrap();
    for element in 0..13_u32 {
        for shift in 20..64 {
            let mut bytes = b"GGUF\x03\0\0\0".to_vec();
            bytes.extend(0_u64.to_le_bytes());
            bytes.extend(1_u64.to_le_bytes());
            bytes.extend(1_u64.to_le_bytes());
            bytes.push(b'k');
            bytes.extend(9_u32.to_le_bytes());
            bytes.extend(element.to_le_bytes());
            bytes.extend((1_u64 << shift).to_le_bytes());
            bytes.extend([0; 1000]);
            assert!(File::parse(&bytes).is_err());
            bytes[8..16].copy_from_slice(&(1_u64 << shift).to_le_bytes());
            assert!(File::parse(&bytes).is_err());
            bytes[8..24].copy_from_slice(&[&[0; 8][..], &(1_u64 << shift).to_le_bytes()].concat());
            assert!(File::parse(&bytes).is_err());
        }
    }
}
