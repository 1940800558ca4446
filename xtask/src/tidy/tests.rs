//! The rules as a whole: on this repository, and on a tree that breaks one.

use super::*;

// Guards the repository itself: `cargo test` says what `cargo xtask tidy` says.
#[test]
fn the_repository_is_tidy() {
    let tree = Tree::load(&workspace::root()).unwrap();
    let violations: Vec<_> = check(&tree).iter().map(ToString::to_string).collect();
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

// Guards the table: a rule that is not in it never runs. Each line below breaks one rule.
#[test]
fn every_rule_is_run() {
    let wide = format!("//! {}\n", "x".repeat(100));
    let long_function = format!("//! x\nfn f() {{\n{}}}\n", "    g();\n".repeat(80));
    let long_file = format!("//! x\n{}", "// x\n".repeat(500));
    let broken = [
        ("a.rs", "fn f() {}\n", "`//!`"),
        ("b.rs", wide.as_str(), "columns"),
        ("c.rs", long_function.as_str(), "function `f`"),
        ("d.rs", long_file.as_str(), "501 lines"),
        ("e.rs", "//! \u{e9}\n", "ASCII"),
        ("f.rs", "//! x \n", "ends with"),
        ("g.rs", "//! x\n#[allow(dead_code)]\n", "expect"),
        ("h.rs", "//! x\nunsafe fn f() {}\n", "unsafe"),
        ("i.md", "[x](nowhere.md)\n", "nowhere.md"),
        ("j.md", concat!("TO", "DO: x\n"), concat!("TO", "DO")),
        ("k.md", concat!("Cla", "ude\n"), concat!("Cla", "ude")),
    ];
    for (path, text, wanted) in broken {
        let violations = check(&Tree::of(&[(path, text)]));
        assert_eq!(violations.len(), 1, "{path}: {violations:?}");
        assert!(violations[0].message.contains(wanted), "{}", violations[0]);
    }
    let crates = [
        (
            "Cargo.toml",
            "[workspace]\nmembers = [\"a\"]\n[workspace.package]\nrust-version = \"1.85\"\n",
        ),
        ("a/Cargo.toml", "[package]\nname = \"a\"\n"),
        ("a/src/sync.rs", "//! x\nuse std::sync::Mutex;\n"),
        ("a/src/lib.rs", "//! x\nuse std::sync::Arc;\nfn f() { if a && let b = c {} }\n"),
    ];
    let violations = check(&Tree::of(&crates));
    for wanted in ["`std::sync`", "let chain", "description", "license", "lints"] {
        assert!(violations.iter().any(|found| found.message.contains(wanted)), "{wanted}");
    }
}

// Guards the form that editors and people jump from.
#[test]
fn violations_print_path_and_line() {
    let violation = Violation { path: "a/b.rs".into(), line: 7, message: "what".into() };
    assert_eq!(violation.to_string(), "a/b.rs:7: what");
}
