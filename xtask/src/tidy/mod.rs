//! Rules on the source text that neither the compiler nor clippy checks.
//!
//! Every rule reads a [`Tree`], the repository's files in memory, and returns violations; so
//! each can be tested by handing it the wrong thing. `cargo xtask tidy` and the tests of this
//! crate run the same table, [`RULES`].
//!
//! Invariants:
//! 1. A violation names the file and the line, says what is wrong and what to do instead.
//! 2. Rules on code see [`SourceFile::code`], where comments and literals are blank: a word in
//!    a string is no code.

mod attributes;
mod functions;
mod let_chains;
mod lines;
mod links;
mod manifests;
mod markdown;
mod mask;
mod names;
mod tree;
mod words;

use std::fmt;

use anyhow::{Result, bail};

use crate::workspace;
pub(crate) use tree::{SourceFile, Tree};

/// Something that a rule forbids.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    path: String,
    line: usize,
    message: String,
}

impl Violation {
    /// A violation at a line of a file, counted from 1.
    fn new(file: &SourceFile, line: usize, message: impl Into<String>) -> Self {
        Self { path: file.path.clone(), line, message: message.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

type Rule = fn(&Tree) -> Vec<Violation>;

/// All rules, in the order in which they report.
const RULES: [Rule; 14] = [
    lines::module_documentation,
    lines::width,
    lines::file_length,
    lines::ascii,
    lines::trailing_space,
    functions::length,
    attributes::no_allow,
    names::sync_in_one_file,
    names::no_unsafe,
    let_chains::none_before_their_release,
    words::unfinished,
    words::workplace,
    links::resolve,
    manifests::complete,
];

/// Checks the repository, prints what is wrong, and fails if anything is.
pub(crate) fn run() -> Result<()> {
    let tree = Tree::load(&workspace::root())?;
    let violations = check(&tree);
    for violation in &violations {
        println!("{violation}");
    }
    if !violations.is_empty() {
        bail!("tidy found {} violations in {} files", violations.len(), tree.len());
    }
    println!("tidy: {} files, {} rules, nothing to mend", tree.len(), RULES.len());
    Ok(())
}

fn check(tree: &Tree) -> Vec<Violation> {
    RULES.iter().flat_map(|rule| rule(tree)).collect()
}

#[cfg(test)]
mod tests;
