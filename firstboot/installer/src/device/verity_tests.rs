use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

/// Written by `veritysetup format --salt=5369676d61` (cryptsetup 2.7) over [`data`]: two levels.
const TREE: &[u8] = include_bytes!("../../tests/verity/tree-of-300-blocks");
/// The root hash that it printed.
const ROOT_HASH: &str = "1a72fe1a8c71a2686adc1852194081f70eb888af054641ed9c8c4c16671fd230";

/// 300 blocks with a pattern.
fn data() -> Vec<u8> {
    (0..300_u32)
        .flat_map(|block| (0..4096_u32).map(move |at| (block * 7 + at * 13 + (block >> 3)).to_le_bytes()[0]))
        .collect()
}

struct Slot {
    _folder: tempfile::TempDir,
    data: PathBuf,
    tree: PathBuf,
}

fn slot(data: &[u8], tree: &[u8]) -> Slot {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let slot = Slot {
        data: path("data"),
        tree: path("tree"),
        _folder: folder,
    };
    // A slot is larger than what is in it.
    fs::write(&slot.data, [data, &[0xee; 8192]].concat()).unwrap();
    fs::write(&slot.tree, [tree, &[0xee; 8192]].concat()).unwrap();
    slot
}

fn result(slot: &Slot, root_hash: &str) -> Result<u64, VerityError> {
    let told = std::sync::atomic::AtomicU64::new(0);
    let hash = parse_root_hash(root_hash).unwrap();
    verify(&slot.data, &slot.tree, &hash, &|done| {
        told.fetch_max(done, Ordering::Relaxed);
        true
    })?;
    Ok(told.load(Ordering::Relaxed))
}

#[test]
fn what_veritysetup_wrote_is_accepted() {
    assert_eq!(result(&slot(&data(), TREE), ROOT_HASH).unwrap(), 300 * 4096);
    let superblock = Superblock::parse(TREE).unwrap();
    assert_eq!(superblock.data_bytes(), 300 * 4096);
    assert_eq!(superblock.tree_bytes(), TREE.len() as u64);
}

#[test]
fn another_root_hash_is_refused() {
    let error = result(&slot(&data(), TREE), &"00".repeat(32)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "block 0 of the hash tree's level 1 does not have the hash that the tree says"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn one_wrong_bit_in_the_data_is_found(at in 0_usize..300 * 4096, bit in 0_u8..8) {
        let mut data = data();
        data[at] ^= 1 << bit;
        let error = result(&slot(&data, TREE), ROOT_HASH).unwrap_err();
        prop_assert_eq!(error.to_string(), format!("block {} of the data does not have the hash that the tree says", at / 4096));
    }

    #[test]
    fn one_wrong_bit_in_the_tree_is_found(at in 4096_usize..5 * 4096, bit in 0_u8..8) {
        let mut tree = TREE.to_vec();
        tree[at] ^= 1 << bit;
        let found = matches!(result(&slot(&data(), &tree), ROOT_HASH), Err(VerityError::Mismatch { .. }));
        prop_assert!(found);
    }

    #[test]
    fn no_superblock_panics(bytes in proptest::collection::vec(any::<u8>(), 0..600), at in 0_usize..400, byte in any::<u8>()) {
        let _ = Superblock::parse(&bytes);
        let mut close = TREE[..512].to_vec();
        close[at] = byte;
        if let Ok(superblock) = Superblock::parse(&close) {
            let _ = superblock.tree_bytes();
        }
    }
}

#[test]
fn root_hashes_have_64_digits() {
    assert_eq!(parse_root_hash(&"0f".repeat(32)), Some([0x0f; 32]));
    for wrong in ["", "0f", &"0g".repeat(32), &"é".repeat(32)] {
        assert_eq!(parse_root_hash(wrong), None, "{wrong}");
    }
}
