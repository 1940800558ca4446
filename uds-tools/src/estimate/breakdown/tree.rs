//! Directories and what was read and saved in each: a tree of bounded size.
//!
//! When it is full, the leaves that save least, among these the deepest, are merged into their
//! parents until half of the tree is free. A directory that was merged and is met again
//! becomes a new node, which lacks what was merged: that stays with the parent. Scans read
//! directory after directory, so this is rare, and what is lost to a row is little.
//!
//! # Invariants
//!
//! 1. A node comes after its parent. Node 0 is above all others, and of no name.
//! 2. The sums of all nodes add up to all that was added.
//! 3. There are at most [`MAX_NODES`] nodes, at most [`MAX_DEPTH`] below each other, each with
//!    a name of at most [`MAX_NAME_BYTES`]; what lies deeper counts where the limit was met.
//! 4. The slots hold every node but node 0, by parent and name, and nothing else.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ffi::OsStr;
use std::hash::{BuildHasher, RandomState};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use super::Sums;

/// Nodes at most.
pub(super) const MAX_NODES: usize = 8192;
/// Nodes that are left when some were merged.
const KEPT_NODES: usize = MAX_NODES / 2;
/// Names of a path that count.
const MAX_DEPTH: usize = 64;
/// The longest name, as on most file systems.
const MAX_NAME_BYTES: usize = 255;
/// Places for nodes in the table: a power of two, and never more than half of them taken.
const SLOTS: usize = 2 * MAX_NODES;
/// A slot without a node; node 0 is in none.
const FREE: u32 = 0;

/// A directory, or a file that was given by name.
#[derive(Debug)]
pub(super) struct Node {
    name: Box<[u8]>,
    pub(super) parent: u32,
    depth: u16,
    /// Whether it was given by name.
    pub(super) is_given: bool,
    /// What is in it, but not in its children.
    pub(super) own: Sums,
}

/// The tree.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    slots: Box<[u32]>,
    hasher: RandomState,
    /// The directory of the last file and its node: the next file is probably there, too.
    last: Option<(Vec<u8>, u32)>,
}

impl Default for Tree {
    fn default() -> Self {
        let top = Node {
            name: Box::default(),
            parent: 0,
            depth: 0,
            is_given: false,
            own: Sums::default(),
        };
        Self {
            nodes: vec![top],
            slots: vec![FREE; SLOTS].into_boxed_slice(),
            hasher: RandomState::new(),
            last: None,
        }
    }
}

impl Tree {
    /// Counts a file where it lies.
    pub(super) fn add(&mut self, path: &Path, root: &Path, sums: Sums) {
        let (file, given) = (path.as_os_str().as_bytes(), root.as_os_str().as_bytes());
        // A file that was given by name has a node of its own.
        let directory = if file == given { file } else { directory_of(file) };
        let node = match &self.last {
            Some((last, node)) if last == directory => *node,
            _ => self.find_or_add(directory, root),
        };
        self.nodes[node as usize].own += sums;
    }

    /// The nodes, each after its parent.
    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// What is in each node, its children included.
    pub(super) fn totals(&self) -> Vec<Sums> {
        let mut totals: Vec<_> = self.nodes.iter().map(|node| node.own).collect();
        for at in (1..self.nodes.len()).rev() {
            let total = totals[at];
            totals[self.nodes[at].parent as usize] += total;
        }
        totals
    }

    /// How many children each node has.
    pub(super) fn child_counts(&self) -> Vec<u32> {
        let mut counts = vec![0; self.nodes.len()];
        for node in &self.nodes[1..] {
            counts[node.parent as usize] += 1;
        }
        counts
    }

    /// The path of a node; that of node 0 is empty.
    pub(super) fn path(&self, mut at: usize) -> PathBuf {
        let mut names = Vec::new();
        while at != 0 {
            names.push(OsStr::from_bytes(&self.nodes[at].name));
            at = self.nodes[at].parent as usize;
        }
        names.into_iter().rev().collect()
    }

    #[cfg(test)]
    pub(super) fn memory_bytes(&self) -> usize {
        let names: usize = self.nodes.iter().map(|node| node.name.len() + 16).sum();
        let last = self.last.as_ref().map_or(0, |(directory, _)| directory.capacity());
        names + self.nodes.capacity() * size_of::<Node>() + self.slots.len() * 4 + last
    }

    fn find_or_add(&mut self, directory: &[u8], root: &Path) -> u32 {
        if self.nodes.len() + MAX_DEPTH > MAX_NODES {
            self.merge_least();
        }
        let given_depth = root.components().count();
        let mut at = 0;
        let path = Path::new(OsStr::from_bytes(directory));
        for name in path.components().map(name_of).take(MAX_DEPTH) {
            if name.len() > MAX_NAME_BYTES {
                break;
            }
            at = self.child(at, name);
            let node = &mut self.nodes[at as usize];
            node.is_given |= usize::from(node.depth) == given_depth;
        }
        let mut last = self.last.take().map_or_else(Vec::new, |(last, _)| last);
        last.clear();
        last.extend_from_slice(directory);
        self.last = Some((last, at));
        at
    }

    /// The child of this name, which is made if there is none.
    fn child(&mut self, parent: u32, name: &[u8]) -> u32 {
        let mut slot = self.first_slot(parent, name);
        loop {
            let found = self.slots[slot];
            if found == FREE {
                break;
            }
            let node = &self.nodes[found as usize];
            if node.parent == parent && *node.name == *name {
                return found;
            }
            slot = (slot + 1) % SLOTS;
        }
        let added = self.nodes.len() as u32;
        self.slots[slot] = added;
        let depth = self.nodes[parent as usize].depth + 1;
        let own = Sums::default();
        self.nodes.push(Node { name: name.into(), parent, depth, is_given: false, own });
        added
    }

    fn first_slot(&self, parent: u32, name: &[u8]) -> usize {
        self.hasher.hash_one((parent, name)) as usize % SLOTS
    }

    /// Merges leaves into their parents until half of the tree is free.
    fn merge_least(&mut self) {
        let (totals, mut children) = (self.totals(), self.child_counts());
        // Paths that were given by name are the last to go.
        let rank = |nodes: &[Node], at: usize| {
            let node = &nodes[at];
            Reverse((node.is_given, totals[at].saved_bytes, Reverse(node.depth), at))
        };
        let leaves = (1..self.nodes.len()).filter(|at| children[*at] == 0);
        let mut leaves: BinaryHeap<_> = leaves.map(|at| rank(&self.nodes, at)).collect();
        let mut is_merged = vec![false; self.nodes.len()];
        for _ in KEPT_NODES..self.nodes.len() {
            let Some(Reverse((.., at))) = leaves.pop() else { break };
            is_merged[at] = true;
            let (own, parent) = (self.nodes[at].own, self.nodes[at].parent as usize);
            self.nodes[parent].own += own;
            children[parent] -= 1;
            if parent != 0 && children[parent] == 0 {
                leaves.push(rank(&self.nodes, parent));
            }
        }
        self.remove(&is_merged);
    }

    /// Takes out nodes, none of which has a child that stays.
    fn remove(&mut self, is_gone: &[bool]) {
        let mut next = 0;
        let moved: Vec<u32> = is_gone
            .iter()
            .map(|gone| {
                let place = next;
                next += u32::from(!gone);
                place
            })
            .collect();
        let mut gone = is_gone.iter();
        self.nodes.retain(|_| gone.next() == Some(&false));
        self.slots.fill(FREE);
        for at in 1..self.nodes.len() {
            let parent = moved[self.nodes[at].parent as usize];
            self.nodes[at].parent = parent;
            let mut slot = self.first_slot(parent, &self.nodes[at].name);
            while self.slots[slot] != FREE {
                slot = (slot + 1) % SLOTS;
            }
            self.slots[slot] = at as u32;
        }
        self.last = None;
    }
}

/// The directory that a path lies in: `/` of `/a`, nothing of `a`.
fn directory_of(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(0) => b"/",
        Some(end) => &path[..end],
        None => b"",
    }
}

fn name_of(component: Component<'_>) -> &[u8] {
    component.as_os_str().as_bytes()
}
