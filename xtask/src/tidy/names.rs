//! Names that only some files may use.

use super::mask::find_words;
use super::{SourceFile, Tree, Violation};

/// The files that may hold `unsafe` code. Each entry needs a reason in the file itself.
const UNSAFE_FILES: [&str; 3] = [
    "compare/src/lmdb/environment.rs",
    "uds-delta-index/src/walks/avx2.rs",
    "uds-volume/src/cache/table.rs",
];

/// Modules of the standard library that loom replaces.
const REPLACED: [&str; 3] = ["std::sync", "core::sync", "alloc::sync"];

/// Where a crate has a `sync.rs`, only that file names what loom replaces: one place decides
/// between the real thing and the model. Tests that run without loom are exempt.
pub(super) fn sync_in_one_file(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.with_extension("rs") {
        let Some((package, inside)) = file.path.split_once("/src/") else { continue };
        let is_test = inside.split('/').any(|name| name == "tests" || name == "tests.rs");
        if inside == "sync.rs" || is_test || tree.file(&format!("{package}/src/sync.rs")).is_none()
        {
            continue;
        }
        for (position, name) in replaceable(file) {
            let message = format!("`{name}` outside of sync.rs: import it from `crate::sync`");
            violations.push(Violation::new(file, file.line_of(position), message));
        }
    }
    violations
}

/// Every place that names what loom replaces.
fn replaceable(file: &SourceFile) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    for name in REPLACED {
        found.extend(find_words(&file.code, name).map(|at| (at, name)));
    }
    let is_path = |&at: &usize| file.code[at + "loom".len()..].starts_with("::");
    found.extend(find_words(&file.code, "loom").filter(is_path).map(|at| (at, "loom")));
    // `use std::{fmt, sync::Mutex}`
    for (at, start) in file.code.match_indices("std::{") {
        let group = &file.code[at + start.len()..];
        let group = &group[..group.find(';').unwrap_or(group.len())];
        if find_words(group, "sync").next().is_some() {
            found.push((at, "std::sync"));
        }
    }
    found.sort_unstable();
    found
}

/// `unsafe` only where it was agreed on.
pub(super) fn no_unsafe(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.with_extension("rs") {
        if UNSAFE_FILES.contains(&&*file.path) {
            continue;
        }
        for at in find_words(&file.code, "unsafe") {
            let message = "`unsafe` in a file that UNSAFE_FILES does not list: find a safe way, \
                           or prove with a benchmark that there is none and list the file";
            violations.push(Violation::new(file, file.line_of(at), message));
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violations(files: &[(&str, &str)]) -> Vec<(String, usize)> {
        let found = sync_in_one_file(&Tree::of(files));
        found.into_iter().map(|violation| (violation.path, violation.line)).collect()
    }

    // Guards the models: a lock that loom cannot see is a lock that no model checks.
    #[test]
    fn sync_outside_its_file_is_found() {
        let bad = [
            "use std::sync::Mutex;\n",
            "use core::sync::atomic::AtomicU8;\n",
            "use std::{fmt, sync::Mutex};\n",
            "use loom::thread;\n",
            "fn f(x: std::sync::Arc<u8>) {}\n",
        ];
        for text in bad {
            let files = [("a/src/sync.rs", "use std::sync::Mutex;\n"), ("a/src/x/y.rs", text)];
            assert_eq!(violations(&files), [("a/src/x/y.rs".to_owned(), 1)], "{text}");
            assert_eq!(violations(&files[1..]), [], "no sync.rs, no rule");
        }
    }

    // Guards against noise: comments, the flag, other crates, tests.
    #[test]
    fn what_may_name_it() {
        let good = [
            ("a/src/sync.rs", "use std::sync::Mutex;\n"),
            ("a/src/x.rs", "// std::sync\n#[cfg(uds_loom)]\nuse std::{fmt, io};\nfn sync() {}\n"),
            ("a/src/x/tests.rs", "use std::sync::Mutex;\n"),
            ("a/tests/loom_x.rs", "use loom::sync::Arc;\n"),
            ("b/src/x.rs", "use std::sync::Mutex;\n"),
        ];
        assert_eq!(violations(&good), []);
    }

    // Guards the promise of the README: no unsafe code.
    #[test]
    fn unsafe_code_is_found() {
        let bad = Tree::of(&[("a.rs", "//! x\n\nfn f() { unsafe { g() } }\n")]);
        assert_eq!(no_unsafe(&bad)[0].line, 3);
        let good =
            Tree::of(&[("a.rs", "#![forbid(unsafe_code)]\n// unsafe\nlet x = \"unsafe\";\n")]);
        assert_eq!(no_unsafe(&good), []);
    }
}
