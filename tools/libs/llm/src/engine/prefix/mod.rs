//! Kept prefixes: a radix tree over token ids, some of whose nodes hold a state.
//!
//! A state that can be truncated serves every beginning of its tokens, so one at the end of each branch is enough. A state that cannot
//! serves only sequences that begin with all of its tokens, so several are kept along a branch. When memory is full, the least recently used
//! states are evicted: to disk if there is a folder, and from there in the same order.
//!
//! Every prefix belongs to the owner of the request that made it, whose number is the first element of its key, before the tokens. So
//! nobody learns from the time of an answer, or from its count of cached tokens, what somebody else has asked.

mod tree;

use std::io::Read;

use self::tree::{ROOT, Tree};
use super::disk_tier::{DiskTier, Kept, Written};
use super::held::Held;
use crate::inference::State;

/// Restores a state from its bytes.
type Restore<S> = Box<dyn Fn(&mut dyn Read) -> Result<S, String> + Send>;

/// The tree.
pub(super) struct PrefixCache<S> {
    tree: Tree<S>,
    /// Whether its states can be truncated.
    rewindable: bool,
    limit: usize,
    held: Held,
    clock: u64,
    disk_tier: Option<(DiskTier<S>, Restore<S>)>,
    disk_bytes: u64,
}

/// A state is read from disk for at least one of so many of its tokens.
const WORTH: usize = 32;

/// The elements of a key before its tokens: the owner.
const OWNER: usize = 1;

fn key_of(owner: u32, tokens: &[u32]) -> Vec<u32> {
    let mut key = Vec::with_capacity(OWNER + tokens.len());
    key.push(owner);
    key.extend_from_slice(tokens);
    key
}

impl<S: State> PrefixCache<S> {
    /// An empty tree that keeps at most `limit` bytes of states in memory.
    pub(super) fn new(limit: usize, rewindable: bool) -> PrefixCache<S> {
        PrefixCache {
            tree: Tree::new(),
            rewindable,
            limit,
            held: Held::default(),
            clock: 0,
            disk_tier: None,
            disk_bytes: 0,
        }
    }

    /// Moves evicted states to disk, and adds those that are there already.
    pub(super) fn add_disk_tier(
        &mut self,
        disk_tier: DiskTier<S>,
        restore: Restore<S>,
    ) -> std::io::Result<()> {
        let found = disk_tier.scan()?;
        self.disk_tier = Some((disk_tier, restore));
        for prefix in found.into_iter().filter(|p| p.key.len() > OWNER) {
            let place = self.tree.walk(&prefix.key);
            let node = self.tree.node_at(&place, &prefix.key);
            self.tree.nodes[node].disk = Some(prefix.bytes);
            self.disk_bytes += prefix.bytes;
            self.touch(node);
        }
        self.shrink_disk();
        self.finish();
        Ok(())
    }

    /// Bytes of all states in memory, with shared parts counted once.
    pub(super) fn bytes(&self) -> usize {
        self.held.bytes()
    }

    /// Bytes of states that have left the tree and are queued for the disk.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.disk_tier
            .as_ref()
            .map_or(0, |(disk_tier, _)| disk_tier.waiting_bytes())
    }

    /// The number of prefixes, in memory and on disk.
    pub(super) fn entries(&self) -> usize {
        self.tree.nodes.iter().filter(|n| n.holds()).count()
    }

    /// A state for the longest beginning of `tokens` known of this owner, at most `most` tokens.
    pub(super) fn find(&mut self, owner: u32, tokens: &[u32], most: usize) -> Option<S> {
        let key = key_of(owner, &tokens[..most.min(tokens.len())]);
        self.settle();
        loop {
            let place = self.tree.walk(&key);
            if place.depth <= OWNER {
                return None;
            }
            let depth = place.depth - OWNER;
            let found = if self.rewindable {
                self.tree.any_below(place.node)?
            } else {
                self.tree.nearest_above(&place)?
            };
            if self.tree.nodes[found].state.is_none() {
                // A few tokens are computed sooner than a long state is read.
                if depth * WORTH < self.tree.path(found).len() - OWNER {
                    return None;
                }
                self.touch(found);
                if !self.load(found) {
                    continue;
                }
            }
            self.touch(found);
            let mut state = self.tree.nodes[found].state.as_ref()?.fork();
            self.shrink(Some(found));
            if state.len() > depth && state.truncate(depth).is_err() {
                return None;
            }
            return Some(state);
        }
    }

    /// Keeps `state`, which has seen exactly `tokens`, for this owner.
    pub(super) fn insert(&mut self, owner: u32, tokens: &[u32], state: S) {
        let bytes = state.bytes() + size_of_val(tokens);
        if tokens.is_empty() || bytes > self.limit || state.len() != tokens.len() {
            return;
        }
        let key = key_of(owner, tokens);
        let place = self.tree.walk(&key);
        if self.rewindable && place.depth == key.len() {
            // An existing longer state serves as well.
            if let Some(longer) = self.tree.any_below(place.node) {
                self.touch(longer);
                return;
            }
        }
        let node = self.tree.node_at(&place, &key);
        self.forget_state(node);
        self.keep(node, tokens.len(), state);
        if self.rewindable {
            self.drop_ancestors(node);
        }
        self.shrink(Some(node));
    }

    /// Drops everything, also on disk.
    pub(super) fn clear_all(&mut self) {
        for node in 0..self.tree.nodes.len() {
            self.forget_disk(node);
        }
        if let Some((disk_tier, _)) = &self.disk_tier {
            disk_tier.finish();
            disk_tier.written();
        }
        self.tree = Tree::new();
        self.held = Held::default();
    }

    /// Writes states that are only in memory to disk, the most recently used first, while there is room.
    pub(super) fn save_all(&mut self) {
        let mut nodes: Vec<usize> = (0..self.tree.nodes.len())
            .filter(|&n| self.tree.nodes[n].state.is_some())
            .collect();
        nodes.sort_by_key(|&n| std::cmp::Reverse(self.tree.nodes[n].used));
        for node in nodes {
            if let Some(state) = self.tree.nodes[node].state.as_ref().map(State::fork) {
                self.save(node, state);
            }
        }
        self.finish();
        self.settle();
        // Files beyond the limit are deleted.
        self.finish();
    }

    /// Waits until everything is written.
    fn finish(&self) {
        if let Some((disk_tier, _)) = &self.disk_tier {
            disk_tier.finish();
        }
    }

    /// Records which prefixes were written meanwhile.
    fn settle(&mut self) {
        let written = match &self.disk_tier {
            Some((disk_tier, _)) => disk_tier.written(),
            None => return,
        };
        if written.is_empty() {
            return;
        }
        for Written { key, bytes } in written {
            let place = self.tree.walk(&key);
            let node = place.node;
            if place.depth < key.len()
                || place.into < self.tree.nodes[node].edge.len()
                || !self.tree.nodes[node].leaving
            {
                // Evicted meanwhile, so deleted after it was written.
                continue;
            }
            self.tree.nodes[node].leaving = false;
            match bytes {
                Ok(bytes) => {
                    self.disk_bytes += bytes;
                    self.tree.nodes[node].disk = Some(bytes);
                }
                Err(error) => {
                    log::warn!("cannot keep a prefix on disk: {error}");
                    self.tree.tidy(node);
                }
            }
        }
        self.shrink_disk();
    }

    fn touch(&mut self, node: usize) {
        self.clock += 1;
        self.tree.nodes[node].used = self.clock;
    }

    /// Puts a state of this many tokens into a node without one.
    fn keep(&mut self, node: usize, tokens: usize, state: S) {
        self.touch(node);
        self.held.add(&state, tokens * size_of::<u32>());
        self.tree.nodes[node].state = Some(state);
    }

    /// Loads a state from disk. Returns whether that succeeded; otherwise the entry is dropped.
    fn load(&mut self, node: usize) -> bool {
        // Room first, so that there is never more in memory than there may be.
        let bytes = usize::try_from(self.tree.nodes[node].disk.unwrap_or(0)).unwrap_or(usize::MAX);
        self.evict(self.limit.saturating_sub(bytes), Some(node));
        let key = self.tree.path(node);
        let tokens = key.len().saturating_sub(OWNER);
        let state = self
            .disk_tier
            .as_ref()
            .and_then(|(disk_tier, restore)| match disk_tier.load(&key)? {
                Kept::State(state) => Some(state),
                Kept::File(file) => file.restore(restore),
            });
        match state.filter(|s| s.len() == tokens) {
            Some(state) => {
                self.keep(node, tokens, state);
                true
            }
            None => {
                self.remove(node);
                false
            }
        }
    }

    /// Queues a node's state for writing, if there is a folder and no file yet.
    fn save(&mut self, node: usize, state: S) {
        let Some((disk_tier, _)) = &self.disk_tier else {
            return;
        };
        if self.tree.nodes[node].disk.is_some() || self.tree.nodes[node].leaving {
            return;
        }
        disk_tier.save(self.tree.path(node), state);
        self.tree.nodes[node].leaving = true;
    }

    /// Evicts the least recently used states until the rest fits; `spared` goes last.
    fn shrink(&mut self, spared: Option<usize>) {
        self.evict(self.limit, spared);
        self.settle();
        self.shrink_disk();
    }

    /// Evicts the least recently used states until the rest has at most this many bytes.
    fn evict(&mut self, limit: usize, spared: Option<usize>) {
        while self.held.bytes() > limit {
            let in_memory = |n: &usize| self.tree.nodes[*n].state.is_some();
            let oldest = (0..self.tree.nodes.len())
                .filter(in_memory)
                .min_by_key(|&n| (Some(n) == spared, self.tree.nodes[n].used));
            let Some(oldest) = oldest else { break };
            if let Some(state) = self.forget_state(oldest) {
                self.save(oldest, state);
            }
            self.tree.tidy(oldest);
        }
    }

    fn shrink_disk(&mut self) {
        let limit = self
            .disk_tier
            .as_ref()
            .map_or(u64::MAX, |(disk_tier, _)| disk_tier.limit());
        while self.disk_bytes > limit {
            let on_disk = |n: &usize| self.tree.nodes[*n].disk.is_some();
            let Some(oldest) = (0..self.tree.nodes.len())
                .filter(on_disk)
                .min_by_key(|&n| self.tree.nodes[n].used)
            else {
                break;
            };
            self.forget_disk(oldest);
            self.tree.tidy(oldest);
        }
    }

    /// Removes shorter states on the way to `node`, which serve nothing that it does not.
    fn drop_ancestors(&mut self, node: usize) {
        let mut at = self.tree.nodes[node].parent;
        while at != ROOT {
            let parent = self.tree.nodes[at].parent;
            if self.tree.nodes[at].holds() {
                self.remove(at);
            }
            at = parent;
        }
    }

    fn remove(&mut self, node: usize) {
        self.forget_state(node);
        self.forget_disk(node);
        self.tree.tidy(node);
    }

    fn forget_state(&mut self, node: usize) -> Option<S> {
        let state = self.tree.nodes[node].state.take()?;
        self.held.remove(&state, state.len() * size_of::<u32>());
        Some(state)
    }

    fn forget_disk(&mut self, node: usize) {
        let (disk, leaving) = (
            self.tree.nodes[node].disk.take(),
            std::mem::take(&mut self.tree.nodes[node].leaving),
        );
        self.disk_bytes -= disk.unwrap_or(0);
        if (disk.is_some() || leaving)
            && let Some((disk_tier, _)) = &self.disk_tier
        {
            disk_tier.delete(&self.tree.path(node));
        }
    }
}
