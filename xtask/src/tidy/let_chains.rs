//! No `let` chains while the workspace promises a Rust that lacks them.
//!
//! Clippy's `incompatible_msrv` knows the library's history, not the language's: a chain
//! compiles here and fails for whoever has the oldest Rust that we promise.

use super::manifests::workspace_rust_version;
use super::mask::find_words;
use super::{Tree, Violation};

/// The first release with `let` chains.
const FIRST_RELEASE: (u32, u32) = (1, 88);

/// No `if a && let ..` and no `if let .. && a`, unless the workspace's `rust-version` has them.
pub(super) fn none_before_their_release(tree: &Tree) -> Vec<Violation> {
    let Some(promised) = workspace_rust_version(tree) else { return Vec::new() };
    if promised >= FIRST_RELEASE {
        return Vec::new();
    }
    let mut violations = Vec::new();
    for file in tree.with_extension("rs") {
        for at in chains(&file.code) {
            let (major, minor) = promised;
            let message = format!(
                "a let chain, which Rust {major}.{minor} does not have: nest the conditions, or \
                 use `is_some_and`"
            );
            violations.push(Violation::new(file, file.line_of(at), message));
        }
    }
    violations
}

/// Where `let` is part of a condition with `&&`.
fn chains(code: &str) -> impl Iterator<Item = usize> {
    find_words(code, "let").filter(|&at| {
        let before = code[..at].trim_end();
        let starts_condition = before.ends_with("if") || before.ends_with("while");
        before.ends_with("&&") || (starts_condition && goes_on(&code[at..]))
    })
}

/// Whether a condition that begins with `let` goes on with `&&` after its expression.
fn goes_on(condition: &str) -> bool {
    let bytes = condition.as_bytes();
    let mut depth = 0_i32;
    let mut in_expression = false;
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            b'{' if in_expression && depth == 0 => return false,
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            b'=' if !in_expression && depth == 0 && !b"=<>!.".contains(&bytes[at - 1]) => {
                in_expression = !matches!(bytes.get(at + 1), Some(b'=' | b'>'));
            }
            b'&' if in_expression && depth == 0 && bytes.get(at + 1) == Some(&b'&') => return true,
            _ => {}
        }
        if depth < 0 {
            return false;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards both ends of a chain, and the conditions that are none.
    #[test]
    fn chains_are_told_from_conditions() {
        let bad = [
            "if a && let Some(b) = c {}",
            "if let Some(b) = c && b > 1 {}",
            "while let Some(b) = f(c && d) && b {}",
            "if let S { x: 0..=9 } = c && d {}",
        ];
        for text in bad {
            assert_eq!(chains(text).count(), 1, "{text}");
        }
        let good = [
            "if let Some(b) = c { a && d }",
            "if let Some(b) = f(|x| x && y) {}",
            "if let S { x, .. } = c {} if a && b {}",
            "let x = a && b;",
            "let Some(b) = c else { return a && b };",
            "while let Some(&&b) = c {}",
        ];
        for text in good {
            assert_eq!(chains(text).count(), 0, "{text}");
        }
    }

    // Guards the end of the rule: it goes when the promise allows it.
    #[test]
    fn the_rule_ends_with_the_promise() {
        let tree = |version| {
            let manifest = format!("[workspace.package]\nrust-version = \"{version}\"\n");
            Tree::of(&[("Cargo.toml", &manifest), ("a.rs", "//! x\nif a && let b = c {}\n")])
        };
        assert_eq!(none_before_their_release(&tree("1.85"))[0].line, 2);
        assert_eq!(none_before_their_release(&tree("1.85.1")).len(), 1);
        assert_eq!(none_before_their_release(&tree("1.88")), []);
    }
}
