//! Rules that look at one line, or count them.

use super::{Tree, Violation};

/// The widest line of a Rust file, in characters.
const WIDTH: usize = 100;
/// The longest Rust file, in lines.
const FILE_LINES: usize = 500;
/// The longest file of nothing but tests.
const TEST_FILE_LINES: usize = 700;

/// Every Rust file begins by saying what it is.
pub(super) fn module_documentation(tree: &Tree) -> Vec<Violation> {
    tree.with_extension("rs")
        .filter(|file| !file.text.starts_with("//!"))
        .map(|file| Violation::new(file, 1, "begin the file with `//!` and say what it is"))
        .collect()
}

/// Lines fit on a screen.
pub(super) fn width(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.with_extension("rs") {
        for (number, line) in file.lines() {
            let columns = line.chars().count();
            if columns > WIDTH {
                let message = format!("{columns} columns: break the line, {WIDTH} are the limit");
                violations.push(Violation::new(file, number, message));
            }
        }
    }
    violations
}

/// A file holds one concept.
pub(super) fn file_length(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.with_extension("rs") {
        let limit = if file.name() == "tests.rs" { TEST_FILE_LINES } else { FILE_LINES };
        let count = file.text.lines().count();
        if count > limit {
            let message = format!("{count} lines: split the file, {limit} are the limit");
            violations.push(Violation::new(file, count, message));
        }
    }
    violations
}

/// Rust files are plain ASCII: what one sees is what the compiler sees.
pub(super) fn ascii(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.with_extension("rs") {
        for (number, line) in file.lines() {
            if let Some(found) = line.chars().find(|c| !c.is_ascii()) {
                let code = u32::from(found);
                let message = format!("`{found}` is not ASCII: write it as \\u{{{code:x}}}");
                violations.push(Violation::new(file, number, message));
            }
        }
    }
    violations
}

/// No line ends in space. Snapshots are exempt: they hold what a program printed.
pub(super) fn trailing_space(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.files().filter(|file| !file.name().ends_with(".snap")) {
        for (number, line) in file.text.split('\n').enumerate() {
            if line.ends_with([' ', '\t', '\r']) {
                let message = "the line ends with white space: remove it";
                violations.push(Violation::new(file, number + 1, message));
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards the rule that each file explains itself.
    #[test]
    fn files_without_documentation_are_found() {
        let tree = Tree::of(&[
            ("good.rs", "//! What it is.\n"),
            ("late.rs", "\n//! What it is.\n"),
            ("item.rs", "/// What it is.\nfn f() {}\n"),
            ("notes.md", "# Notes\n"),
        ]);
        let paths: Vec<_> = module_documentation(&tree).into_iter().map(|v| v.path).collect();
        assert_eq!(paths, ["item.rs", "late.rs"]);
    }

    // Guards the limit itself: characters, not bytes, and 100 is still allowed.
    #[test]
    fn wide_lines_are_found() {
        let text = format!("{}\n{}\n{}\n", "x".repeat(100), "x".repeat(101), "\u{e9}".repeat(100));
        let violations = width(&Tree::of(&[("a.rs", &text), ("a.md", &text)]));
        assert_eq!(violations.len(), 1);
        assert_eq!(
            violations[0].to_string(),
            "a.rs:2: 101 columns: break the line, 100 are the limit"
        );
    }

    // Guards the two limits of length.
    #[test]
    fn long_files_are_found() {
        let long = "x\n".repeat(501);
        let longer = "x\n".repeat(701);
        let tree = Tree::of(&[
            ("a/tests.rs", &long),
            ("a/x.rs", &long),
            ("b/tests.rs", &longer),
            ("b/x.rs", &long[2..]),
        ]);
        let paths: Vec<_> = file_length(&tree).into_iter().map(|v| v.path).collect();
        assert_eq!(paths, ["a/x.rs", "b/tests.rs"]);
    }

    // Guards against letters that look like others.
    #[test]
    fn other_letters_are_found() {
        let tree = Tree::of(&[("a.rs", "x\n// caf\u{e9}\n"), ("a.md", "caf\u{e9}\n")]);
        let violations = ascii(&tree);
        assert_eq!(violations.len(), 1);
        assert_eq!(violations[0].line, 2);
        assert!(violations[0].message.ends_with(r"\u{e9}"), "{}", violations[0]);
    }

    // Guards all text files, and the last line that has no end.
    #[test]
    fn trailing_space_is_found() {
        let tree = Tree::of(&[("a.md", "x\ny \nz\t"), ("b.rs", "x\r\ny"), ("c.snap", "x \n")]);
        let found: Vec<_> = trailing_space(&tree).into_iter().map(|v| (v.path, v.line)).collect();
        let wanted = [("a.md", 2), ("a.md", 3), ("b.rs", 1)];
        assert_eq!(found, wanted.map(|(path, line)| (path.to_owned(), line)));
    }
}
