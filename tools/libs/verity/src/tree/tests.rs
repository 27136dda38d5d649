use proptest::prelude::*;

use super::*;

/// Written by `veritysetup format --salt=5369676d61` (cryptsetup 2.7) over [`data`]: two levels.
const TREE: &[u8] = include_bytes!("../../tests/tree-of-300-blocks");
/// The root hash that it printed.
const ROOT_HASH: &str = "1a72fe1a8c71a2686adc1852194081f70eb888af054641ed9c8c4c16671fd230";

/// 300 blocks with a pattern.
fn data() -> Vec<u8> {
    (0..300_u32)
        .flat_map(|block| (0..4096_u32).map(move |at| (block * 7 + at * 13 + (block >> 3)).to_le_bytes()[0]))
        .collect()
}

/// The bytes that were read. A partition is larger than what is in it.
fn result(data: &[u8], tree: &[u8], root_hash: &str) -> Result<u64, VerityError> {
    let told = AtomicU64::new(0);
    let hash = parse_root_hash(root_hash).unwrap();
    let [data, tree] = [data, tree].map(|bytes| [bytes, &[0xee; 8192]].concat());
    verify(&data[..], &tree[..], &hash, &|done| {
        told.fetch_max(done, Ordering::Relaxed);
        true
    })?;
    Ok(told.load(Ordering::Relaxed))
}

#[test]
fn what_veritysetup_wrote_is_accepted() {
    assert_eq!(result(&data(), TREE, ROOT_HASH).unwrap(), 300 * 4096);
    let superblock = Superblock::parse(TREE).unwrap();
    assert_eq!(superblock.data_bytes(), 300 * 4096);
    assert_eq!(superblock.tree_bytes(), TREE.len() as u64);
}

#[test]
fn another_root_hash_is_refused() {
    let error = result(&data(), TREE, &"00".repeat(32)).unwrap_err();
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
        let error = result(&data, TREE, ROOT_HASH).unwrap_err();
        prop_assert_eq!(error.to_string(), format!("block {} of the data does not have the hash that the tree says", at / 4096));
    }

    #[test]
    fn one_wrong_bit_in_the_tree_is_found(at in 4096_usize..5 * 4096, bit in 0_u8..8) {
        let mut tree = TREE.to_vec();
        tree[at] ^= 1 << bit;
        let found = matches!(result(&data(), &tree, ROOT_HASH), Err(VerityError::Mismatch { .. }));
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
fn an_impossible_size_asks_for_no_memory() {
    let mut tree = TREE.to_vec();
    // Half a billion times what is there.
    tree[72 + 5] = 1;
    let error = result(&data(), &tree, ROOT_HASH).unwrap_err();
    assert!(
        matches!(error, VerityError::Read { side: Side::Tree, .. }),
        "{error}"
    );
}

#[test]
fn data_that_ends_early_is_named() {
    let hash = parse_root_hash(ROOT_HASH).unwrap();
    let error = verify(&data()[..4096], TREE, &hash, &|_| true).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot read the data at byte 0: unexpected end of file"
    );
}

#[test]
fn root_hashes_have_64_digits() {
    assert_eq!(parse_root_hash(&"0f".repeat(32)), Some([0x0f; 32]));
    for wrong in ["", "0f", &"0g".repeat(32), &"é".repeat(32)] {
        assert_eq!(parse_root_hash(wrong), None, "{wrong}");
    }
}
