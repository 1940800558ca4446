//! The dozen rows that show a tree of directories: where the savings are, at whatever depth.
//!
//! A directory has a row if what it saves, without the rows below it, is at least a certain part
//! of all savings: the smallest part with which the rows suffice. So 1,000 directories that save
//! a thousandth each do not crowd out the one above them that they make large, and a directory
//! that saves nearly everything is shown however deep it lies. What has no row of its own counts
//! in the nearest one above it.
//!
//! # Invariants
//!
//! 1. The rows sum to the total, and there are at most [`ROWS`].
//! 2. Paths given by name have rows, if they are few.
//! 3. Rows and their order follow from the sums alone, not from the order of the nodes.

use std::path::PathBuf;

use super::tree::Tree;
use super::{ROWS, Sums};

/// So many paths that were given by name have rows, whatever they save.
const MAX_GIVEN: usize = ROWS / 2;
/// No row of its own has what saves less than this part of all.
const FINEST: u64 = 100;

/// A row: a directory, or a file that was given by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CutRow {
    /// Empty for everything that is in no other row.
    pub(super) path: PathBuf,
    /// Whether there are rows for parts of it, which are not counted in this one.
    pub(super) is_rest: bool,
    pub(super) sums: Sums,
}

/// The rows of a tree, those that save most first.
pub(super) fn cut(tree: &Tree) -> Vec<CutRow> {
    let totals = tree.totals();
    // Where nothing is saved, the rows show where the data is.
    let by_saved = totals[0].saved_bytes > 0;
    let weight = |sums: &Sums| if by_saved { sums.saved() } else { sums.bytes };
    let all = weight(&totals[0]);
    let forced = forced(tree);
    // The coarsest always fits: two rows of half each, the given paths and the rest.
    let mut rows = Vec::new();
    for parts in 2..=FINEST {
        let least = all.div_ceil(parts).max(1);
        let finer = rows_of(tree, &forced, |sums| weight(sums) >= least);
        if finer.len() <= ROWS {
            rows = finer;
        }
    }
    let mut rows: Vec<_> = rows
        .into_iter()
        .map(|(at, is_rest, sums)| CutRow { path: tree.path(at), is_rest, sums })
        .collect();
    rows.sort_by(|a, b| {
        weight(&b.sums)
            .cmp(&weight(&a.sums))
            .then_with(|| b.sums.bytes.cmp(&a.sums.bytes))
            .then_with(|| a.path.cmp(&b.path))
    });
    rows
}

/// The nodes that have a row in any case: the deepest that everything lies in, and the paths that
/// were given by name if they are few.
fn forced(tree: &Tree) -> Vec<bool> {
    let (nodes, children) = (tree.nodes(), tree.child_counts());
    let mut forced = vec![false; nodes.len()];
    let mut top = 0;
    while nodes[top].own.is_empty() && children[top] == 1 && !nodes[top].is_given {
        let only = (top + 1..nodes.len()).find(|at| nodes[*at].parent as usize == top);
        top = only.expect("it has a child, and children come after their parents");
    }
    forced[top] = true;
    if nodes.iter().filter(|node| node.is_given).count() <= MAX_GIVEN {
        for (forced, node) in forced.iter_mut().zip(nodes) {
            *forced |= node.is_given;
        }
    }
    forced
}

/// The rows if a node has one that is forced or large enough: the node, whether there are rows
/// below it, and what it holds without these.
fn rows_of(
    tree: &Tree,
    forced: &[bool],
    is_large: impl Fn(&Sums) -> bool,
) -> Vec<(usize, bool, Sums)> {
    let nodes = tree.nodes();
    let mut rest: Vec<_> = nodes.iter().map(|node| node.own).collect();
    let mut rows_below = vec![false; nodes.len()];
    let mut rows = Vec::new();
    for at in (0..nodes.len()).rev() {
        let (sums, parent) = (rest[at], nodes[at].parent as usize);
        let has_row = !sums.is_empty() && (at == 0 || forced[at] || is_large(&sums));
        if has_row {
            rows.push((at, rows_below[at], sums));
        } else if at != 0 {
            rest[parent] += sums;
        }
        rows_below[parent] |= has_row || rows_below[at];
    }
    rows
}
