//! Tensors of accepted files lie within the file.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sigmavault_gguf::{File, Summary, support};

fuzz_target!(|bytes: &[u8]| {
    let Ok(index) = File::parse(bytes) else {
        return;
    };
    let mut ranges: Vec<_> = index.tensors().iter().map(|tensor| tensor.range.clone()).collect();
    ranges.sort_by_key(|range| range.start);
    assert!(ranges.windows(2).all(|pair| pair[0].end <= pair[1].start));
    for tensor in index.tensors() {
        let part = &bytes[tensor.range.clone()];
        if let Some(needed) = tensor.kind.bytes(tensor.elements()) {
            assert_eq!(part.len() as u64, needed);
        }
    }
    Summary::of(&index);
    support::obstacles(&index);
});
