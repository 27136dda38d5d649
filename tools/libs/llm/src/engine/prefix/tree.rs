//! A radix tree over keys, some of whose nodes hold a state in memory, on disk, or on its way there.

/// The tree.
#[derive(Debug)]
pub(super) struct Tree<S> {
    pub(super) nodes: Vec<Node<S>>,
    free: Vec<usize>,
}

#[derive(Debug)]
pub(super) struct Node<S> {
    pub(super) edge: Vec<u32>,
    pub(super) parent: usize,
    pub(super) children: Vec<usize>,
    pub(super) state: Option<S>,
    /// The size of its file, if there is one.
    pub(super) disk: Option<u64>,
    /// It is being written to disk.
    pub(super) leaving: bool,
    pub(super) used: u64,
}

impl<S> Node<S> {
    pub(super) fn new(edge: Vec<u32>, parent: usize) -> Node<S> {
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

    pub(super) fn holds(&self) -> bool {
        self.state.is_some() || self.disk.is_some() || self.leaving
    }
}

pub(super) const ROOT: usize = 0;

/// The end of a walk along a key: `depth` elements matched, the last of them at `into` of the edge to `node`.
pub(super) struct Place {
    pub(super) node: usize,
    pub(super) into: usize,
    pub(super) depth: usize,
}

impl<S> Tree<S> {
    /// A tree without keys.
    pub(super) fn new() -> Tree<S> {
        Tree {
            nodes: vec![Node::new(Vec::new(), ROOT)],
            free: Vec::new(),
        }
    }

    pub(super) fn walk(&self, key: &[u32]) -> Place {
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
    pub(super) fn path(&self, mut node: usize) -> Vec<u32> {
        let mut edges = Vec::new();
        while node != ROOT {
            edges.push(self.nodes[node].edge.as_slice());
            node = self.nodes[node].parent;
        }
        edges.reverse();
        edges.concat()
    }

    /// The node for exactly `key`, created if missing.
    pub(super) fn node_at(&mut self, place: &Place, key: &[u32]) -> usize {
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
    pub(super) fn any_below(&self, node: usize) -> Option<usize> {
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
    pub(super) fn nearest_above(&self, place: &Place) -> Option<usize> {
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

    /// Removes nodes without a state: a leaf is deleted, a node with one child is merged with it.
    pub(super) fn tidy(&mut self, node: usize) {
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
