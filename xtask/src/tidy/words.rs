//! Words that no committed text holds.

use super::mask::{find_words, is_word};
use super::{Tree, Violation};

/// Marks of unfinished work. Split, so that this file passes its own rule.
const UNFINISHED: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Traces of the place where the text was written, which mean nothing to a reader. Upper and
/// lower case are the same.
const WORKPLACE: [&str; 5] = [
    concat!("/wo", "rk/"),
    concat!("AI ses", "sion"),
    concat!("Chat", "GPT"),
    concat!("Cla", "ude"),
    concat!("helper ag", "ent"),
];

/// Work that is left is an issue, not a comment; and nobody commits a debug print.
pub(super) fn unfinished(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.files() {
        for (number, line) in file.lines() {
            for word in UNFINISHED {
                if find_words(line, word).next().is_some() {
                    let message = format!("`{word}`: do it now, or open an issue and say why");
                    violations.push(Violation::new(file, number, message));
                }
            }
        }
        for at in find_words(&file.code, "dbg") {
            if file.code[at..].starts_with("dbg!") {
                let message = "`dbg!`: remove it, or make it a `tracing` event";
                violations.push(Violation::new(file, file.line_of(at), message));
            }
        }
    }
    violations
}

/// Nothing tells where the text was written.
pub(super) fn workplace(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.files() {
        for (number, line) in file.lines() {
            let line = line.to_ascii_lowercase();
            for phrase in WORKPLACE {
                if holds(&line, &phrase.to_ascii_lowercase()) {
                    let message = format!("`{phrase}` means nothing to a reader: reword the line");
                    violations.push(Violation::new(file, number, message));
                }
            }
        }
    }
    violations
}

/// Whether a phrase stands in a line. A phrase that begins with a letter begins a word.
fn holds(line: &str, phrase: &str) -> bool {
    let begins_word = phrase.starts_with(|c: char| c.is_ascii_alphanumeric());
    line.match_indices(phrase)
        .any(|(at, _)| !(begins_word && at > 0 && is_word(line.as_bytes()[at - 1])))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards every mark, in code, comments and other files.
    #[test]
    fn unfinished_work_is_found() {
        for word in UNFINISHED {
            for (path, text) in [("a.rs", format!("x\n// {word}: y\n")), ("a.md", word.to_owned())]
            {
                let violations = unfinished(&Tree::of(&[(path, &text)]));
                assert_eq!(violations.len(), 1, "{path} {word}");
                assert!(violations[0].message.contains(word));
            }
        }
        let debug = Tree::of(&[("a.rs", "//! x\nlet x = dbg!(y);\n")]);
        assert_eq!(unfinished(&debug)[0].line, 2);
        let good = [("a.rs", "// dbg!(x)\nlet dbg = 1;\n"), ("a.md", "todo XXXL\n")];
        assert_eq!(unfinished(&Tree::of(&good)), []);
    }

    // Guards each phrase, in any case of letters, and words that only contain one.
    #[test]
    fn workplace_words_are_found() {
        for phrase in WORKPLACE {
            for text in [format!("x\nsee {phrase} y\n"), format!("\n{}", phrase.to_uppercase())] {
                let violations = workplace(&Tree::of(&[("a.toml", &text)]));
                assert_eq!(violations.len(), 1, "{text}");
                assert_eq!(violations[0].line, 2);
            }
        }
        let good = concat!("a framework/x, a Th", "ai ses", "sion, a cla", "use\n");
        assert_eq!(workplace(&Tree::of(&[("a.md", good)])), []);
    }
}
