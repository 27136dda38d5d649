use std::sync::Arc;

use proptest::prelude::*;

use super::toy::*;
use crate::engine::disk_tier::DiskTier;
use crate::engine::prefix::PrefixCache;
use crate::engine::*;
use crate::inference::{Forward, State};
use crate::sampling::Sampling;

/// The owner of the prefixes.
const ME: u32 = 1000;

fn prompt(len: u32, salt: u32) -> Vec<u32> {
    (0..len)
        .map(|i| u32::try_from(mix(u64::from(i + salt * 100_000)) % 256).unwrap())
        .collect()
}

/// Runs two turns of a conversation of 2000 tokens. Returns the number of prompt tokens that the second one computed.
fn second_turn<M: Forward>(model: Arc<M>, exact: bool) -> u64 {
    let engine = Engine::start(
        model,
        tokenizer(),
        EngineOptions {
            snapshot_every: 512,
            ..EngineOptions::default()
        },
    )
    .unwrap();
    let first = prompt(1900, 1);
    let ask = |prompt: &[u32], boundaries: Vec<usize>| {
        let request = Request {
            prompt: prompt.to_vec(),
            max_tokens: 60,
            sampling: Sampling::greedy(),
            boundaries,
            ..Request::default()
        };
        collect(engine.submit(request).unwrap())
    };
    let (answer, _, _) = ask(&first, vec![20, 1890]);
    let before = engine.status().prompt_tokens;
    assert_eq!(before, 1900);
    let mut second = first;
    // The answer is sent back as generated, or in other tokens.
    second.extend(if exact { answer } else { prompt(20, 3) });
    second.extend(prompt(30, 2));
    let (_, _, last) = ask(&second, vec![20, 1890, second.len() - 4]);
    let computed = engine.status().prompt_tokens - before;
    let Event::Finished { usage, .. } = last else {
        panic!("{last:?}")
    };
    assert_eq!(usage.prompt - usage.cached, usize::try_from(computed).unwrap());
    computed
}

#[test]
fn a_second_turn_computes_its_own_tokens_only() {
    for exact in [true, false] {
        let attention = second_turn(Arc::new(Attention::default()), exact);
        let recurrent = second_turn(Arc::new(Recurrent::default()), exact);
        println!(
            "prompt tokens computed in the second turn of 2000: attention {attention}, recurrent {recurrent}"
        );
        assert!(attention < 64 && recurrent < 64);
    }
}

fn shared(a: &[u32], b: &[u32]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

fn texts() -> impl Strategy<Value = Vec<(Vec<u32>, bool)>> {
    prop::collection::vec((prop::collection::vec(0u32..3, 1..12), any::<bool>()), 1..60)
}

/// What the tree must find: the longest beginning shared with a kept text or, if states cannot be truncated, the longest kept text that
/// `tokens` begins with.
fn longest(kept: &[Vec<u32>], tokens: &[u32], rewindable: bool) -> usize {
    let usable = kept.iter().filter(|k| rewindable || tokens.starts_with(k));
    usable.map(|k| shared(k, tokens)).max().unwrap_or(0)
}

fn state(tokens: &[u32]) -> Seen {
    let bytes: Vec<u8> = tokens.iter().flat_map(|t| t.to_le_bytes()).collect();
    Attention::default().restore(&mut bytes.as_slice()).unwrap()
}

proptest! {
    #[test]
    fn the_tree_finds_what_a_list_would(texts in texts(), rewindable: bool) {
        let mut tree = PrefixCache::new(usize::MAX, rewindable);
        let mut kept = Vec::new();
        for (tokens, insert) in texts {
            if insert {
                tree.insert(ME, &tokens, state(&tokens));
                kept.push(tokens);
            } else {
                let found = tree.find(ME, &tokens, tokens.len()).map_or(Vec::new(), |s| s.tokens().to_vec());
                let expected = longest(&kept, &tokens, rewindable);
                prop_assert_eq!(found, &tokens[..expected]);
            }
        }
    }

    #[test]
    fn memory_is_bounded_and_what_is_found_is_right(texts in texts(), rewindable: bool, limit in 0usize..4000) {
        let mut tree = PrefixCache::new(limit, rewindable);
        for (tokens, insert) in texts {
            if insert {
                tree.insert(ME, &tokens, state(&tokens));
            } else if let Some(found) = tree.find(ME, &tokens, tokens.len()) {
                prop_assert!(tokens.starts_with(found.tokens()) && !found.is_empty());
            }
            prop_assert!(tree.bytes() <= limit);
        }
    }

    #[test]
    fn with_a_disk_nothing_is_lost(texts in texts(), rewindable: bool) {
        let folder = tempfile::tempdir().unwrap();
        let open = || {
            let mut tree = PrefixCache::new(3000, rewindable);
            let disk_tier = DiskTier::open(DiskTierOptions { folder: folder.path().to_owned(), bytes: 1 << 20 }).unwrap();
            tree.add_disk_tier(disk_tier, Box::new(|bytes| Attention::default().restore(bytes))).unwrap();
            tree
        };
        let mut tree = open();
        let mut kept = Vec::new();
        for (number, (tokens, insert)) in texts.into_iter().enumerate() {
            if number % 10 == 9 {
                tree.save_all();
                tree = open();
            }
            if insert {
                tree.insert(ME, &tokens, state(&tokens));
                kept.push(tokens);
            } else {
                let found = tree.find(ME, &tokens, tokens.len()).map_or(0, |s| s.len());
                prop_assert_eq!(found, longest(&kept, &tokens, rewindable));
            }
            prop_assert!(tree.bytes() <= 3000);
        }
    }
}

#[test]
fn an_owner_finds_their_own_prefixes_only() {
    let other = ME + 1;
    for rewindable in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let open = || {
            let mut tree = PrefixCache::new(1 << 20, rewindable);
            let options = DiskTierOptions {
                folder: folder.path().to_owned(),
                bytes: 1 << 20,
            };
            tree.add_disk_tier(
                DiskTier::open(options).unwrap(),
                Box::new(|bytes| Attention::default().restore(bytes)),
            )
            .unwrap();
            tree
        };
        let mut tree = open();
        let tokens = prompt(20, 0);
        tree.insert(ME, &tokens, state(&tokens));
        let lengths = |tree: &mut PrefixCache<Seen>| {
            [ME, other].map(|owner| tree.find(owner, &tokens, tokens.len()).map(|s| s.len()))
        };
        assert_eq!(lengths(&mut tree), [Some(20), None]);
        // The same tokens of another owner are another prefix; neither replaces the other.
        tree.insert(other, &tokens[..10], state(&tokens[..10]));
        assert_eq!(lengths(&mut tree), [Some(20), Some(10)]);
        tree.save_all();
        assert_eq!(lengths(&mut open()), [Some(20), Some(10)]);
        // A token of the same number as an owner is no owner.
        assert!(tree.find(tokens[0], &tokens[1..], 19).is_none());
    }
}

#[test]
fn texts_that_begin_alike_share_their_room() {
    // 40 tokens are ten pages; each text has two more of its own. Twenty separate texts would be 240 pages.
    let mut tree = PrefixCache::new(60 * Paged::PAGE_BYTES, true);
    let texts: Vec<Vec<u32>> = (0..20)
        .map(|salt| [prompt(40, 0), prompt(8, salt + 1)].concat())
        .collect();
    for text in &texts {
        let mut state: Paged = tree.find(ME, text, text.len()).unwrap_or_default();
        let known = state.len();
        state.extend(&text[known..]);
        tree.insert(ME, text, state);
    }
    assert_eq!(tree.entries(), 20);
    assert_eq!(tree.bytes(), 50 * Paged::PAGE_BYTES + 20 * 48 * size_of::<u32>());
    for text in &texts {
        assert_eq!(tree.find(ME, text, text.len()).unwrap().tokens(), *text);
    }
}

#[test]
fn the_disk_is_bounded_and_damage_is_thrown_away() {
    let folder = tempfile::tempdir().unwrap();
    let files = || {
        std::fs::read_dir(folder.path())
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect::<Vec<_>>()
    };
    let open = |bytes| {
        let mut tree = PrefixCache::new(1 << 20, false);
        let disk_tier = DiskTier::open(DiskTierOptions {
            folder: folder.path().to_owned(),
            bytes,
        })
        .unwrap();
        tree.add_disk_tier(disk_tier, Box::new(|bytes| Attention::default().restore(bytes)))
            .unwrap();
        tree
    };
    let mut tree = open(1000);
    for salt in 0..9 {
        let tokens = prompt(20, salt);
        tree.insert(ME, &tokens, state(&tokens));
    }
    tree.save_all();
    // A file of 20 tokens and a state of as many takes 8 + 4 + 4 + 80 + 80 + 4 bytes.
    assert_eq!(files().len(), 5);
    let mut tree = open(600);
    assert_eq!((files().len(), tree.entries()), (3, 3));
    for (path, damage) in files().iter().zip([60, 130, 170]) {
        let mut bytes = std::fs::read(path).unwrap();
        bytes[damage] ^= 1;
        std::fs::write(path, bytes).unwrap();
    }
    assert!((0..9).all(|salt| tree.find(ME, &prompt(20, salt), 20).is_none()));
    assert_eq!(tree.entries(), 0);
    // Waits until the damaged files are gone.
    tree.save_all();
    std::fs::write(folder.path().join("00.prefix"), b"short").unwrap();
    std::fs::write(folder.path().join("notes.txt"), b"mine").unwrap();
    open(1000);
    assert_eq!(files(), [folder.path().join("notes.txt")]);
}

#[test]
fn a_conversation_goes_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let disk_tier = Some(DiskTierOptions {
        folder: folder.path().to_owned(),
        bytes: 1 << 24,
    });
    let turn = |prompt: &[u32]| {
        let engine = Engine::start(
            Arc::new(Recurrent::default()),
            tokenizer(),
            EngineOptions {
                disk_tier: disk_tier.clone(),
                ..EngineOptions::default()
            },
        )
        .unwrap();
        let request = Request {
            prompt: prompt.to_vec(),
            max_tokens: 10,
            sampling: Sampling::greedy(),
            ..Request::default()
        };
        let (ids, _, _) = collect(engine.submit(request).unwrap());
        let computed = engine.status().prompt_tokens;
        engine.drain();
        (ids, computed)
    };
    let mut text = prompt(500, 4);
    let (answer, computed) = turn(&text);
    assert_eq!(computed, 500);
    text.extend(answer);
    text.extend(prompt(20, 5));
    let (answer, computed) = turn(&text);
    assert_eq!(answer, by_hand(&Recurrent::default(), &text, 10));
    assert_eq!(computed, 21);
}
