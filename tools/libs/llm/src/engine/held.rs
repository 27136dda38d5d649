//! The memory of several states, with shared parts counted once.

use std::collections::HashMap;

use crate::inference::{Part, State};

/// The memory of a set of states.
#[derive(Debug, Default)]
pub(super) struct Held {
    bytes: usize,
    /// The number of states that share a part.
    parts: HashMap<usize, usize>,
}

impl Held {
    /// The total size in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a state, and `more` bytes that belong to it.
    pub(super) fn add(&mut self, state: &impl State, more: usize) {
        let mut own = state.bytes() + more;
        for Part { id, bytes } in state.parts() {
            let count = self.parts.entry(id).or_default();
            if *count > 0 {
                own -= bytes;
            }
            *count += 1;
        }
        self.bytes += own;
    }

    /// Removes a state that was added with the same `more` bytes.
    pub(super) fn remove(&mut self, state: &impl State, more: usize) {
        let mut own = state.bytes() + more;
        for Part { id, bytes } in state.parts() {
            match self.parts.get_mut(&id) {
                Some(count) if *count > 1 => {
                    *count -= 1;
                    own -= bytes;
                }
                _ => {
                    self.parts.remove(&id);
                }
            }
        }
        self.bytes -= own;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::engine::tests::toy::Paged;

    proptest! {
        /// Texts over a small alphabet, so that many share a beginning; each is built on the states of those before it.
        #[test]
        fn every_page_counts_once(texts in prop::collection::vec((prop::collection::vec(0u32..2, 1..20), any::<bool>()), 1..40)) {
            let mut held = Held::default();
            let mut states: Vec<Paged> = Vec::new();
            for (tokens, insert) in texts {
                if insert || states.is_empty() {
                    let state = Paged::built_on(&states, &tokens);
                    held.add(&state, 7);
                    states.push(state);
                } else {
                    held.remove(&states.remove(tokens.len() % states.len()), 7);
                }
                let pages: BTreeSet<usize> = states.iter().flat_map(Paged::parts).map(|part| part.id).collect();
                prop_assert_eq!(held.bytes(), pages.len() * Paged::PAGE_BYTES + states.len() * 7);
            }
            for state in &states {
                held.remove(state, 7);
            }
            prop_assert_eq!((held.bytes(), held.parts.len()), (0, 0));
        }
    }
}
