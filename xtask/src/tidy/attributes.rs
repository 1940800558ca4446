//! Lints are expected with a reason, never allowed.

use super::mask::find_words;
use super::{Tree, Violation};

/// No `#[allow(..)]`, outright or inside `cfg_attr`: an allowance outlives its cause unseen,
/// an expectation that no longer holds is an error.
pub(super) fn no_allow(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.with_extension("rs") {
        for (start, end) in attributes(&file.code) {
            let attribute = &file.code[start..end];
            let is_call = |at: usize| attribute[at + "allow".len()..].trim_start().starts_with('(');
            if let Some(at) = find_words(attribute, "allow").find(|&at| is_call(at)) {
                let message = "`allow`: write `#[expect(lint, reason = \"...\")]`";
                violations.push(Violation::new(file, file.line_of(start + at), message));
            }
        }
    }
    violations
}

/// The spans of all attributes, from the bracket to the bracket.
fn attributes(code: &str) -> impl Iterator<Item = (usize, usize)> {
    code.match_indices('#').filter_map(|(hash, _)| {
        let rest = &code[hash + 1..];
        let open = rest.find(|c: char| c != '!' && !c.is_whitespace())?;
        if !rest[open..].starts_with('[') {
            return None;
        }
        let start = hash + 1 + open;
        let mut depth = 0_usize;
        for (at, byte) in code.bytes().enumerate().skip(start) {
            match byte {
                b'[' => depth += 1,
                b']' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Some((start, at));
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards all the ways to write it, and the innocent that look alike.
    #[test]
    fn allowances_are_found() {
        let bad = [
            "#[allow(dead_code)]\n",
            "#![allow(dead_code)]\n",
            "#[ allow (dead_code) ]\n",
            "#[cfg_attr(test, allow(dead_code))]\n",
            "#[cfg_attr(\n    test,\n    allow(dead_code)\n)]\n",
        ];
        for text in bad {
            assert_eq!(no_allow(&Tree::of(&[("a.rs", text)])).len(), 1, "{text}");
        }
        let good = [
            "#[expect(dead_code, reason = \"allow(x)\")]\n",
            "#[arg(allow_hyphen_values = true)]\n",
            "// #[allow(dead_code)]\n",
            "fn f() { list[0].allow(x); }\n",
            "#[cfg(allow)]\n",
        ];
        for text in good {
            assert_eq!(no_allow(&Tree::of(&[("a.rs", text)])), [], "{text}");
        }
    }

    // Guards the line, where the attribute spans several.
    #[test]
    fn the_line_is_that_of_the_word() {
        let text = "//! x\n#[cfg_attr(\n    test,\n    allow(dead_code)\n)]\n";
        assert_eq!(no_allow(&Tree::of(&[("a.rs", text)]))[0].line, 4);
    }
}
