//! Prefixes that need not be computed again: a radix tree over token ids, some of whose nodes hold a state.
//!
//! A state that can be shortened serves every beginning of its tokens, so one at the end of each branch is enough. One that
//! cannot serves only texts that begin with all of its tokens, so several are kept along a branch. The least recently used go
//! first when the bytes run out.

use super::forward::State;

/// The tree. `rewindable` says whether its states can be shortened.
#[derive(Debug)]
pub(super) struct PrefixCache<S> {
    nodes: Vec<Node<S>>,
    free: Vec<usize>,
    rewindable: bool,
    limit: usize,
    bytes: usize,
    clock: u64,
}

#[derive(Debug)]
struct Node<S> {
    edge: Vec<u32>,
    parent: usize,
    children: Vec<usize>,
    state: Option<S>,
    bytes: usize,
    used: u64,
}

impl<S> Node<S> {
    fn new(edge: Vec<u32>, parent: usize) -> Node<S> {
        Node { edge, parent, children: Vec::new(), state: None, bytes: 0, used: 0 }
    }
}

const ROOT: usize = 0;

/// Where a walk along some tokens ended: `depth` tokens matched, the last of them `into` the edge of `node`.
struct Place {
    node: usize,
    into: usize,
    depth: usize,
}

impl<S: State> PrefixCache<S> {
    /// An empty one that holds at most `limit` bytes of states.
    pub(super) fn new(limit: usize, rewindable: bool) -> PrefixCache<S> {
        PrefixCache { nodes: vec![Node::new(Vec::new(), ROOT)], free: Vec::new(), rewindable, limit, bytes: 0, clock: 0 }
    }

    /// Bytes of all states in it.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many states it holds.
    pub(super) fn entries(&self) -> usize {
        self.nodes.iter().filter(|n| n.state.is_some()).count()
    }

    /// A state that has seen the longest known beginning of `tokens`, of at most `most` tokens.
    pub(super) fn find(&mut self, tokens: &[u32], most: usize) -> Option<S> {
        let tokens = &tokens[..most.min(tokens.len())];
        let place = self.walk(tokens);
        if place.depth == 0 {
            return None;
        }
        let found = if self.rewindable { self.any_below(place.node)? } else { self.nearest_above(&place)? };
        self.clock += 1;
        self.nodes[found].used = self.clock;
        let mut state = self.nodes[found].state.as_ref()?.fork();
        if state.len() > place.depth && state.truncate(place.depth).is_err() {
            return None;
        }
        Some(state)
    }

    /// Keeps `state`, which has seen exactly `tokens`.
    pub(super) fn insert(&mut self, tokens: &[u32], state: S) {
        let bytes = state.bytes() + size_of_val(tokens);
        if tokens.is_empty() || bytes > self.limit || state.len() != tokens.len() {
            return;
        }
        let place = self.walk(tokens);
        if self.rewindable && place.depth == tokens.len() && !(place.node == ROOT) {
            // A longer one that is there serves as well.
            if let Some(longer) = self.any_below(place.node) {
                self.clock += 1;
                self.nodes[longer].used = self.clock;
                return;
            }
        }
        let node = self.node_at(&place, tokens);
        self.clear(node);
        self.clock += 1;
        let clock = self.clock;
        let target = &mut self.nodes[node];
        target.state = Some(state);
        target.bytes = bytes;
        target.used = clock;
        self.bytes += bytes;
        if self.rewindable {
            self.drop_ancestors(node);
        }
        while self.bytes > self.limit {
            let Some(oldest) = self.oldest() else { break };
            self.remove(oldest);
        }
    }

    /// Forgets everything.
    pub(super) fn clear_all(&mut self) {
        *self = PrefixCache::new(self.limit, self.rewindable);
    }

    fn walk(&self, tokens: &[u32]) -> Place {
        let mut place = Place { node: ROOT, into: 0, depth: 0 };
        loop {
            let rest = &tokens[place.depth..];
            let Some(first) = rest.first() else { return place };
            let child = self.nodes[place.node].children.iter().copied().find(|&c| self.nodes[c].edge.first() == Some(first));
            let Some(child) = child else { return place };
            let edge = &self.nodes[child].edge;
            let same = edge.iter().zip(rest).take_while(|(a, b)| a == b).count();
            place = Place { node: child, into: same, depth: place.depth + same };
            if same < edge.len() {
                return place;
            }
        }
    }

    /// The node for exactly `tokens`, made where there is none.
    fn node_at(&mut self, place: &Place, tokens: &[u32]) -> usize {
        let mut at = place.node;
        if at != ROOT && place.into < self.nodes[at].edge.len() {
            at = self.split(at, place.into);
        }
        if place.depth < tokens.len() {
            let leaf = self.add(Node::new(tokens[place.depth..].to_vec(), at));
            self.nodes[at].children.push(leaf);
            at = leaf;
        }
        at
    }

    /// Cuts the edge to `node` after `into` tokens; gives the node in between.
    fn split(&mut self, node: usize, into: usize) -> usize {
        let parent = self.nodes[node].parent;
        let rest = self.nodes[node].edge.split_off(into);
        let head = std::mem::replace(&mut self.nodes[node].edge, rest);
        let middle = self.add(Node::new(head, parent));
        self.nodes[middle].children.push(node);
        self.nodes[node].parent = middle;
        for child in &mut self.nodes[parent].children {
            if *child == node {
                *child = middle;
            }
        }
        middle
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

    /// A node with a state at `node` or below; the most recently used, so that what is hot stays.
    fn any_below(&self, node: usize) -> Option<usize> {
        let mut open = vec![node];
        let mut best: Option<usize> = None;
        while let Some(at) = open.pop() {
            if self.nodes[at].state.is_some() && best.is_none_or(|b| self.nodes[at].used > self.nodes[b].used) {
                best = Some(at);
            }
            open.extend(&self.nodes[at].children);
        }
        best
    }

    /// The deepest node with a state all of whose tokens were matched.
    fn nearest_above(&self, place: &Place) -> Option<usize> {
        let mut at = place.node;
        if place.into < self.nodes[at].edge.len() {
            at = self.nodes[at].parent;
        }
        while at != ROOT {
            if self.nodes[at].state.is_some() {
                return Some(at);
            }
            at = self.nodes[at].parent;
        }
        None
    }

    /// Shorter ones on the way to `node` serve nothing that it does not.
    fn drop_ancestors(&mut self, node: usize) {
        let mut at = self.nodes[node].parent;
        while at != ROOT {
            let parent = self.nodes[at].parent;
            if self.nodes[at].state.is_some() {
                self.remove(at);
            }
            at = parent;
        }
    }

    fn oldest(&self) -> Option<usize> {
        (0..self.nodes.len()).filter(|&n| self.nodes[n].state.is_some()).min_by_key(|&n| self.nodes[n].used)
    }

    fn clear(&mut self, node: usize) -> Option<S> {
        self.bytes -= std::mem::take(&mut self.nodes[node].bytes);
        self.nodes[node].state.take()
    }

    /// Takes the state out and tidies up: leaves without one go, a node with one child becomes one with it.
    fn remove(&mut self, node: usize) -> Option<S> {
        let state = self.clear(node);
        let mut at = node;
        while at != ROOT && self.nodes[at].state.is_none() {
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
                    for c in &mut self.nodes[parent].children {
                        if *c == at {
                            *c = child;
                        }
                    }
                    self.release(at);
                    break;
                }
                _ => break,
            }
        }
        state
    }

    fn release(&mut self, node: usize) {
        self.nodes[node] = Node::new(Vec::new(), ROOT);
        self.free.push(node);
    }
}
