//! Kept prefixes: a radix tree over token ids, some of whose nodes hold a state.
//!
//! A state that can be truncated serves every beginning of its tokens, so one at the end of each branch is enough. A state that cannot
//! serves only texts that begin with all of its tokens, so several are kept along a branch. When memory is full, the least recently used
//! states are evicted: to disk if there is a folder, and from there in the same order.
//!
//! Every prefix belongs to the owner of the request that made it, whose number is the first element of its key, before the tokens. So
//! nobody learns from the time of an answer, or from its count of cached tokens, what somebody else has asked.

use super::forward::State;
use super::held::Held;
use super::spill::{Kept, Spill, Written};

/// Restores a state from its bytes.
type Restore<S> = Box<dyn Fn(&[u8]) -> Result<S, String> + Send>;

/// The tree.
pub(super) struct PrefixCache<S> {
    nodes: Vec<Node<S>>,
    free: Vec<usize>,
    /// Whether its states can be truncated.
    rewindable: bool,
    limit: usize,
    held: Held,
    clock: u64,
    spill: Option<(Spill<S>, Restore<S>)>,
    disk_bytes: u64,
}

#[derive(Debug)]
struct Node<S> {
    edge: Vec<u32>,
    parent: usize,
    children: Vec<usize>,
    state: Option<S>,
    /// The size of its file, if there is one.
    disk: Option<u64>,
    /// It is being written to disk.
    leaving: bool,
    used: u64,
}

impl<S> Node<S> {
    fn new(edge: Vec<u32>, parent: usize) -> Node<S> {
        Node {
            edge,
            parent,
            children: Vec::new(),
            state: None,
            disk: None,
            leaving: false,
            used: 0,
        }
    }

    fn holds(&self) -> bool {
        self.state.is_some() || self.disk.is_some() || self.leaving
    }
}

const ROOT: usize = 0;

/// The elements of a key before its tokens: the owner.
const OWNER: usize = 1;

fn key_of(owner: u32, tokens: &[u32]) -> Vec<u32> {
    let mut key = Vec::with_capacity(OWNER + tokens.len());
    key.push(owner);
    key.extend_from_slice(tokens);
    key
}

/// The end of a walk along a key: `depth` elements matched, the last of them at `into` of the edge to `node`.
struct Place {
    node: usize,
    into: usize,
    depth: usize,
}

impl<S: State> PrefixCache<S> {
    /// An empty tree that keeps at most `limit` bytes of states in memory.
    pub(super) fn new(limit: usize, rewindable: bool) -> PrefixCache<S> {
        PrefixCache {
            nodes: vec![Node::new(Vec::new(), ROOT)],
            free: Vec::new(),
            rewindable,
            limit,
            held: Held::default(),
            clock: 0,
            spill: None,
            disk_bytes: 0,
        }
    }

    /// Spills evicted states to disk, and adds those that are there already.
    pub(super) fn spill_to(&mut self, spill: Spill<S>, restore: Restore<S>) -> std::io::Result<()> {
        let found = spill.scan()?;
        self.spill = Some((spill, restore));
        for prefix in found.into_iter().filter(|p| p.key.len() > OWNER) {
            let place = self.walk(&prefix.key);
            let node = self.node_at(&place, &prefix.key);
            self.nodes[node].disk = Some(prefix.bytes);
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
        self.spill.as_ref().map_or(0, |(spill, _)| spill.waiting_bytes())
    }

    /// The number of prefixes, in memory and on disk.
    pub(super) fn entries(&self) -> usize {
        self.nodes.iter().filter(|n| n.holds()).count()
    }

    /// A state for the longest beginning of `tokens` known of this owner, at most `most` tokens.
    pub(super) fn find(&mut self, owner: u32, tokens: &[u32], most: usize) -> Option<S> {
        let key = key_of(owner, &tokens[..most.min(tokens.len())]);
        self.settle();
        loop {
            let place = self.walk(&key);
            if place.depth <= OWNER {
                return None;
            }
            let depth = place.depth - OWNER;
            let found = if self.rewindable {
                self.any_below(place.node)?
            } else {
                self.nearest_above(&place)?
            };
            self.touch(found);
            if self.nodes[found].state.is_none() && !self.load(found) {
                continue;
            }
            let mut state = self.nodes[found].state.as_ref()?.fork();
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
        let place = self.walk(&key);
        if self.rewindable && place.depth == key.len() {
            // An existing longer state serves as well.
            if let Some(longer) = self.any_below(place.node) {
                self.touch(longer);
                return;
            }
        }
        let node = self.node_at(&place, &key);
        self.forget_state(node);
        self.keep(node, tokens.len(), state);
        if self.rewindable {
            self.drop_ancestors(node);
        }
        self.shrink(Some(node));
    }

    /// Drops everything, also on disk.
    pub(super) fn clear_all(&mut self) {
        for node in 0..self.nodes.len() {
            self.forget_disk(node);
        }
        if let Some((spill, _)) = &self.spill {
            spill.finish();
            spill.written();
        }
        self.nodes = vec![Node::new(Vec::new(), ROOT)];
        self.free.clear();
        self.held = Held::default();
    }

    /// Writes states that are only in memory to disk, the most recently used first, while there is room.
    pub(super) fn save_all(&mut self) {
        let mut nodes: Vec<usize> = (0..self.nodes.len())
            .filter(|&n| self.nodes[n].state.is_some())
            .collect();
        nodes.sort_by_key(|&n| std::cmp::Reverse(self.nodes[n].used));
        for node in nodes {
            if let Some(state) = self.nodes[node].state.as_ref().map(State::fork) {
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
        if let Some((spill, _)) = &self.spill {
            spill.finish();
        }
    }

    /// Records which prefixes were written meanwhile.
    fn settle(&mut self) {
        let written = match &self.spill {
            Some((spill, _)) => spill.written(),
            None => return,
        };
        if written.is_empty() {
            return;
        }
        for Written { key, bytes } in written {
            let place = self.walk(&key);
            let node = place.node;
            if place.depth < key.len()
                || place.into < self.nodes[node].edge.len()
                || !self.nodes[node].leaving
            {
                // Evicted meanwhile, so deleted after it was written.
                continue;
            }
            self.nodes[node].leaving = false;
            match bytes {
                Ok(bytes) => {
                    self.disk_bytes += bytes;
                    self.nodes[node].disk = Some(bytes);
                }
                Err(error) => {
                    log::warn!("cannot keep a prefix on disk: {error}");
                    self.tidy(node);
                }
            }
        }
        self.shrink_disk();
    }

    fn touch(&mut self, node: usize) {
        self.clock += 1;
        self.nodes[node].used = self.clock;
    }

    /// Puts a state of this many tokens into a node without one.
    fn keep(&mut self, node: usize, tokens: usize, state: S) {
        self.touch(node);
        self.held.add(&state, tokens * size_of::<u32>());
        self.nodes[node].state = Some(state);
    }

    /// Loads a state from disk. Returns whether that succeeded; otherwise the entry is dropped.
    fn load(&mut self, node: usize) -> bool {
        let key = self.path(node);
        let tokens = key.len().saturating_sub(OWNER);
        let state = self
            .spill
            .as_ref()
            .and_then(|(spill, restore)| match spill.load(&key)? {
                Kept::State(state) => Some(state),
                Kept::Bytes(bytes) => restore(&bytes)
                    .inspect_err(|reason| log::warn!("cannot use a kept prefix: {reason}"))
                    .ok(),
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
        let Some((spill, _)) = &self.spill else { return };
        if self.nodes[node].disk.is_some() || self.nodes[node].leaving {
            return;
        }
        spill.save(self.path(node), state);
        self.nodes[node].leaving = true;
    }

    /// Evicts the least recently used states until the rest fits; `spared` goes last.
    fn shrink(&mut self, spared: Option<usize>) {
        while self.held.bytes() > self.limit {
            let in_memory = |n: &usize| self.nodes[*n].state.is_some();
            let oldest = (0..self.nodes.len())
                .filter(in_memory)
                .min_by_key(|&n| (Some(n) == spared, self.nodes[n].used));
            let Some(oldest) = oldest else { break };
            if let Some(state) = self.forget_state(oldest) {
                self.save(oldest, state);
            }
            self.tidy(oldest);
        }
        self.settle();
        self.shrink_disk();
    }

    fn shrink_disk(&mut self) {
        let limit = self.spill.as_ref().map_or(u64::MAX, |(spill, _)| spill.limit());
        while self.disk_bytes > limit {
            let on_disk = |n: &usize| self.nodes[*n].disk.is_some();
            let Some(oldest) = (0..self.nodes.len())
                .filter(on_disk)
                .min_by_key(|&n| self.nodes[n].used)
            else {
                break;
            };
            self.forget_disk(oldest);
            self.tidy(oldest);
        }
    }

    fn walk(&self, key: &[u32]) -> Place {
        let mut place = Place {
            node: ROOT,
            into: 0,
            depth: 0,
        };
        loop {
            let rest = &key[place.depth..];
            let Some(first) = rest.first() else { return place };
            let children = &self.nodes[place.node].children;
            let child = children
                .iter()
                .copied()
                .find(|&c| self.nodes[c].edge.first() == Some(first));
            let Some(child) = child else { return place };
            let edge = &self.nodes[child].edge;
            let same = edge.iter().zip(rest).take_while(|(a, b)| a == b).count();
            place = Place {
                node: child,
                into: same,
                depth: place.depth + same,
            };
            if same < edge.len() {
                return place;
            }
        }
    }

    /// The key of a node: its owner and tokens.
    fn path(&self, mut node: usize) -> Vec<u32> {
        let mut edges = Vec::new();
        while node != ROOT {
            edges.push(self.nodes[node].edge.as_slice());
            node = self.nodes[node].parent;
        }
        edges.reverse();
        edges.concat()
    }

    /// The node for exactly `key`, created if missing.
    fn node_at(&mut self, place: &Place, key: &[u32]) -> usize {
        let mut at = place.node;
        if at != ROOT && place.into < self.nodes[at].edge.len() {
            at = self.split(at, place.into);
        }
        if place.depth < key.len() {
            let leaf = self.add(Node::new(key[place.depth..].to_vec(), at));
            self.nodes[at].children.push(leaf);
            at = leaf;
        }
        at
    }

    /// Splits the edge to `node` after `into` tokens. Returns the new node in between.
    fn split(&mut self, node: usize, into: usize) -> usize {
        let parent = self.nodes[node].parent;
        let rest = self.nodes[node].edge.split_off(into);
        let head = std::mem::replace(&mut self.nodes[node].edge, rest);
        let middle = self.add(Node::new(head, parent));
        self.nodes[middle].children.push(node);
        self.nodes[node].parent = middle;
        self.exchange(parent, node, middle);
        middle
    }

    fn exchange(&mut self, parent: usize, from: usize, to: usize) {
        for child in &mut self.nodes[parent].children {
            if *child == from {
                *child = to;
            }
        }
    }

    fn add(&mut self, node: Node<S>) -> usize {
        match self.free.pop() {
            Some(index) => {
                self.nodes[index] = node;
                index
            }
            None => {
                self.nodes.push(node);
                self.nodes.len() - 1
            }
        }
    }

    /// A node with a state at `node` or below: the most recently used one in memory, otherwise one on disk.
    fn any_below(&self, node: usize) -> Option<usize> {
        let mut open = vec![node];
        let mut best = None;
        while let Some(at) = open.pop() {
            let here = &self.nodes[at];
            if here.holds() {
                best = best.max(Some((here.state.is_some(), here.used, at)));
            }
            open.extend(&here.children);
        }
        best.map(|(_, _, at)| at)
    }

    /// The deepest node with a state all of whose tokens were matched.
    fn nearest_above(&self, place: &Place) -> Option<usize> {
        let mut at = place.node;
        if place.into < self.nodes[at].edge.len() {
            at = self.nodes[at].parent;
        }
        while at != ROOT {
            if self.nodes[at].holds() {
                return Some(at);
            }
            at = self.nodes[at].parent;
        }
        None
    }

    /// Removes shorter states on the way to `node`, which serve nothing that it does not.
    fn drop_ancestors(&mut self, node: usize) {
        let mut at = self.nodes[node].parent;
        while at != ROOT {
            let parent = self.nodes[at].parent;
            if self.nodes[at].holds() {
                self.remove(at);
            }
            at = parent;
        }
    }

    fn remove(&mut self, node: usize) {
        self.forget_state(node);
        self.forget_disk(node);
        self.tidy(node);
    }

    fn forget_state(&mut self, node: usize) -> Option<S> {
        let state = self.nodes[node].state.take()?;
        self.held.remove(&state, state.len() * size_of::<u32>());
        Some(state)
    }

    fn forget_disk(&mut self, node: usize) {
        let (disk, leaving) = (
            self.nodes[node].disk.take(),
            std::mem::take(&mut self.nodes[node].leaving),
        );
        self.disk_bytes -= disk.unwrap_or(0);
        if (disk.is_some() || leaving)
            && let Some((spill, _)) = &self.spill
        {
            spill.delete(&self.path(node));
        }
    }

    /// Removes nodes without a state: a leaf is deleted, a node with one child is merged with it.
    fn tidy(&mut self, node: usize) {
        let mut at = node;
        while at != ROOT && !self.nodes[at].holds() {
            let parent = self.nodes[at].parent;
            match self.nodes[at].children.as_slice() {
                [] => {
                    self.nodes[parent].children.retain(|&c| c != at);
                    self.release(at);
                    at = parent;
                }
                &[child] => {
                    let mut edge = std::mem::take(&mut self.nodes[at].edge);
                    edge.append(&mut self.nodes[child].edge);
                    self.nodes[child].edge = edge;
                    self.nodes[child].parent = parent;
                    self.exchange(parent, at, child);
                    self.release(at);
                    break;
                }
                _ => break,
            }
        }
    }

    fn release(&mut self, node: usize) {
        self.nodes[node] = Node::new(Vec::new(), ROOT);
        self.free.push(node);
    }
}
