//! Pages of a released tensor leave memory, and come back with the same bytes.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::path::Path;

use sigmavault_gguf::{File, TensorKind, Writer};

/// Resident KiB of the maps of a file.
fn resident(path: &Path) -> u64 {
    let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let mut inside = false;
    let mut sum = 0;
    for line in smaps.lines() {
        let first = line.split(' ').next().unwrap();
        if first.contains('-') {
            inside = line.ends_with(path.to_str().unwrap());
        } else if inside && first == "Rss:" {
            sum += line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap();
        }
    }
    sum
}

#[test]
fn a_released_tensor_takes_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let numbers: u32 = 2 << 20;
    let mut writer = Writer::new();
    for name in ["first", "second"] {
        writer.tensor_from(name, &[u64::from(numbers)], TensorKind::F32, move |out| {
            (0..numbers).try_for_each(|n| out.write_all(&n.to_le_bytes()))
        });
    }
    writer.write(&mut std::fs::File::create(&path).unwrap()).unwrap();

    let file = File::open(&path).unwrap();
    let sum = |name: &str| -> u64 {
        let bytes = file.tensor(name).unwrap().bytes;
        bytes.iter().map(|byte| u64::from(*byte)).sum()
    };
    let expected = sum("first");
    assert_eq!(sum("second"), expected);
    let both = resident(&path);
    assert!(both >= 16 << 10, "{both} KiB");
    file.release("second").unwrap();
    let one = resident(&path);
    assert!((8 << 10..9 << 10).contains(&one), "{one} KiB");
    file.release("first").unwrap();
    file.release("third").unwrap();
    assert!(resident(&path) < 1 << 10);
    assert_eq!(sum("second"), expected);
}
