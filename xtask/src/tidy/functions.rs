//! No function is longer than a screen.

use super::mask::find_words;
use super::{SourceFile, Tree, Violation};

/// The longest function, in lines: from `fn` to the closing brace, both counted.
const FUNCTION_LINES: usize = 70;

/// Functions fit on a screen.
pub(super) fn length(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.with_extension("rs") {
        for function in functions(file) {
            let Function { name, line, line_count } = function;
            if line_count > FUNCTION_LINES {
                let message = format!(
                    "function `{name}` has {line_count} lines: split it, {FUNCTION_LINES} are the \
                     limit"
                );
                violations.push(Violation::new(file, line, message));
            }
        }
    }
    violations
}

#[derive(Debug, PartialEq, Eq)]
struct Function<'a> {
    name: &'a str,
    line: usize,
    line_count: usize,
}

/// All functions of a file that have a body, nested ones included.
fn functions(file: &SourceFile) -> impl Iterator<Item = Function<'_>> {
    find_words(&file.code, "fn").filter_map(|at| function(file, at))
}

/// The function whose `fn` stands at a position. `None` for a type `fn(..)` and for a
/// declaration without a body.
fn function(file: &SourceFile, at: usize) -> Option<Function<'_>> {
    let code = file.code.as_str();
    let rest = &code[at + 2..];
    let name = rest.trim_start();
    // Macros that write functions name them `$name`.
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let name_end = name.find(|c| !is_name(c)).unwrap_or(name.len());
    let name = name.get(..name_end).filter(|name| !name.is_empty())?;
    let body = at + 2 + body_start(rest)?;
    let end = closing_brace(code, body)?;
    let line = file.line_of(at);
    Some(Function { name, line, line_count: file.line_of(end) - line + 1 })
}

/// Where the body opens; `None` if a `;` comes first. Array types hold semicolons, and const
/// arguments may hold braces, so only what is outside of brackets counts.
fn body_start(signature: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in signature.bytes().enumerate() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.checked_sub(1)?,
            b'{' if depth == 0 => return Some(at),
            b';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

fn closing_brace(code: &str, open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(String, usize, usize)> {
        let tree = Tree::of(&[("a.rs", text)]);
        let file = tree.file("a.rs").unwrap();
        functions(file).map(|f| (f.name.to_owned(), f.line, f.line_count)).collect()
    }

    // Guards the counter against everything that only looks like a function or a brace.
    #[test]
    fn bodies_are_measured() {
        let text = r#"
fn one() {}
trait T {
    fn declared(&self, pair: [u8; 2]) -> u8;
    fn given(
        &self,
    ) -> fn(u8) -> u8 {
        let text = "}"; // }
        let brace = '}';
        |x| x
    }
}
fn outer() {
    fn inner() {
    }
}
macro_rules! m {
    ($name:ident) => {
        fn $name() {
        }
    };
}
struct S { call: fn(u8) -> u8 }
fn never_closed() {
"#;
        let wanted =
            [("one", 2, 1), ("given", 5, 7), ("outer", 13, 4), ("inner", 14, 2), ("$name", 19, 2)];
        assert_eq!(found(text), wanted.map(|(name, line, count)| (name.to_owned(), line, count)));
    }

    // Guards the limit: 70 lines pass, 71 do not.
    #[test]
    fn long_functions_are_found() {
        let of_length = |lines: usize| format!("\nfn f() {{\n{}}}\n", "x;\n".repeat(lines - 2));
        assert_eq!(length(&Tree::of(&[("a.rs", &of_length(70))])), []);
        let violations = length(&Tree::of(&[("a.rs", &of_length(71))]));
        assert_eq!(
            violations[0].to_string(),
            "a.rs:2: function `f` has 71 lines: split it, 70 are the limit"
        );
    }
}
