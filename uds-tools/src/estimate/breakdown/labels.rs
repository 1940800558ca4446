//! What rows are about, each in so many columns: paths that stay apart when they are shortened.
//!
//! Where a path is too long, the directory that all rows lie below is left out of each, and named
//! once above them. What is still too long loses its middle, as the end of a path says most; and
//! where two rows would read the same then, another part of them is left out.
//!
//! # Invariants
//!
//! 1. No label is wider than its columns, letters that take two columns included.
//! 2. What a path contains cannot drive the terminal: see [`units::path`].

use std::collections::HashSet;
use std::path::{Component, Path};

use crate::units;

const DOTS: &str = "...";
/// How many fifths of a shortened label are its beginning, in the order in which they are tried.
const BEGINNINGS: [usize; 5] = [2, 3, 1, 4, 0];
/// Letters that are kept before the place where two labels differ.
const BEFORE: usize = 2;

/// What a row is about: a path, and whether it is only what has no row of its own below it.
pub(super) type Place<'a> = (&'a Path, bool);

/// The labels of a section, in the order of its rows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Labels {
    /// The directory that they are below, where they do not say it themselves.
    pub(super) below: Option<String>,
    pub(super) rows: Vec<String>,
}

/// What a row is about, whatever its length.
pub(super) fn full(path: &Path, is_rest: bool) -> String {
    let (lead, text) = parts((path, is_rest));
    lead.to_owned() + &text
}

impl Labels {
    /// The labels of some places, in at most so many columns each.
    pub(super) fn new(places: &[Place<'_>], room: usize) -> Self {
        let texts: Vec<_> = places.iter().map(|place| parts(*place)).collect();
        if texts.iter().all(|(lead, text)| lead.len() + width(text) <= room) {
            let rows = texts.into_iter().map(|(lead, text)| lead.to_owned() + &text);
            return Self { below: None, rows: rows.collect() };
        }
        let Some(above) = common(places) else {
            return Self { below: None, rows: distinct(&texts, room) };
        };
        let below = |&(path, is_rest): &Place<'_>| match path.strip_prefix(above) {
            Ok(rest) if rest.as_os_str().is_empty() => ("", "rest of it".to_owned()),
            Ok(rest) => parts((rest, is_rest)),
            Err(_) => parts((path, is_rest)),
        };
        let texts: Vec<_> = places.iter().map(below).collect();
        Self { below: Some(units::path(above)), rows: distinct(&texts, room) }
    }
}

/// A path for people, and the words that come before it.
fn parts((path, is_rest): Place<'_>) -> (&'static str, String) {
    match (path.as_os_str().is_empty(), is_rest) {
        (true, true) => ("", "all others".to_owned()),
        (true, false) => ("", "everything".to_owned()),
        (false, true) => ("rest of ", units::path(path)),
        (false, false) => ("", units::path(path)),
    }
}

/// The directory that all rows with a path lie below, or are the rest of, if it has a name.
fn common<'a>(places: &[Place<'a>]) -> Option<&'a Path> {
    let mut places = places.iter().filter(|(path, _)| !path.as_os_str().is_empty());
    let holds = |above: &Path, &(path, is_rest): &Place<'_>| {
        path.starts_with(above) && (is_rest || path != above)
    };
    let first = places.next()?;
    let mut above = if first.1 { first.0 } else { first.0.parent()? };
    for place in places {
        while !holds(above, place) {
            above = above.parent()?;
        }
    }
    above.components().any(|part| matches!(part, Component::Normal(_))).then_some(above)
}

/// Texts without a part of their middle, so that those that differ still do.
fn distinct(texts: &[(&str, String)], room: usize) -> Vec<String> {
    let mut rows = Vec::new();
    for fifths in BEGINNINGS {
        rows = apart(texts, room, fifths);
        if rows.iter().collect::<HashSet<_>>().len() == rows.len() {
            break;
        }
    }
    rows
}

/// Texts without their middle; those that would read the same, around where they differ.
fn apart(texts: &[(&str, String)], room: usize, fifths: usize) -> Vec<String> {
    let rest = |lead: &str| room.saturating_sub(lead.len());
    let short = |(lead, text): &(&str, String)| shortened(text, rest(lead), fifths);
    let shorts: Vec<_> = texts.iter().map(short).collect();
    let row = |(at, (lead, text)): (usize, &(&str, String))| {
        let is_alike = |other: &usize| shorts[*other] == shorts[at] && texts[*other].0 == *lead;
        let others = (0..texts.len()).filter(is_alike);
        let differs = others.filter_map(|other| difference(text, &texts[other].1)).max();
        let label = differs.map(|letter| around(text, rest(lead), letter));
        (*lead).to_owned() + label.as_deref().unwrap_or(&shorts[at])
    };
    texts.iter().enumerate().map(row).collect()
}

/// A text without its middle if it is wider than the room, with so many fifths of it in front.
pub(super) fn shortened(text: &str, room: usize, fifths: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let room = room - DOTS.len();
    let head: String = fitting(text.chars(), room * fifths / 5).collect();
    head + DOTS + &tail(text, room - room * fifths / 5)
}

/// The part of a text around a letter, and its end.
fn around(text: &str, room: usize, at: usize) -> String {
    let from = at.saturating_sub(BEFORE);
    let room = room - 2 * DOTS.len();
    if text.chars().count() - from <= room {
        return shortened(text, room + 2 * DOTS.len(), 0);
    }
    let middle: String = fitting(text.chars().skip(from), room / 2).collect();
    format!("{DOTS}{middle}{DOTS}{}", tail(text, room - room / 2))
}

/// The first letter in which a text differs from another one; none where they are the same.
fn difference(text: &str, other: &str) -> Option<usize> {
    let same = text.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    (text != other).then_some(same)
}

/// The last letters that fit into so many columns.
fn tail(text: &str, room: usize) -> String {
    let tail: Vec<_> = fitting(text.chars().rev(), room).collect();
    tail.into_iter().rev().collect()
}

/// The first letters that fit into so many columns.
fn fitting(letters: impl Iterator<Item = char>, room: usize) -> impl Iterator<Item = char> {
    letters.scan(room, |room, letter| {
        *room = room.checked_sub(columns(letter))?;
        Some(letter)
    })
}

fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// The columns that a letter takes at most: those of the east and pictures take two.
fn columns(letter: char) -> usize {
    if letter < '\u{1100}' { 1 } else { 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: usize = 32;

    fn labels(paths: &[(&str, bool)]) -> Labels {
        let places: Vec<_> = paths.iter().map(|(path, rest)| (Path::new(*path), *rest)).collect();
        Labels::new(&places, ROOM)
    }

    // Guards the width against long paths, wide letters, and what would drive a terminal.
    #[test]
    fn paths_are_shortened_in_the_middle() {
        let long = "/home/somebody/projects/deduplication/target/debug/build";
        let root = "/".to_owned() + &"x".repeat(20);
        let of = |path: &str| labels(&[(path, false), (&root, true)]).rows.remove(0);
        assert_eq!(of("/srv/images"), "/srv/images");
        assert_eq!(of(long), "/home/someb...target/debug/build");
        let wide = "/\u{6f22}".repeat(40);
        for path in [long, &wide, "/a\u{1b}[31m", "/\u{202e}txt.exe", &"\u{301}".repeat(99)] {
            for is_rest in [false, true] {
                for label in labels(&[(path, is_rest), (&root, true), (path, !is_rest)]).rows {
                    assert!(width(&label) <= ROOM, "{label}");
                    let plain = |letter: char| letter >= ' ' && letter != '\u{202e}';
                    assert!(label.chars().all(plain), "{label:?}");
                }
            }
        }
        assert_eq!(full(Path::new(""), true), "all others");
    }

    // Guards rows that lie far down in one directory: its name would take all the columns.
    #[test]
    fn what_all_rows_lie_below_is_named_once() {
        let found = labels(&[
            ("/root/.rustup/toolchains/nightly-x86_64/share/doc", true),
            ("/root/.rustup/toolchains/stable-x86_64/share/doc", true),
            ("/root/.rustup/toolchains", true),
            ("", true),
        ]);
        assert_eq!(found.below.as_deref(), Some("/root/.rustup/toolchains"));
        let expected = [
            "rest of nightly-x86_64/share/doc",
            "rest of stable-x86_64/share/doc",
            "rest of it",
            "all others",
        ];
        assert_eq!(found.rows, expected);
        // A name is no directory above itself, and what fits is left as it is.
        let long = "/srv/backups/of/many/generations/of/a/disk.img";
        let found = labels(&[(long, false)]);
        assert_eq!(found.below.as_deref(), Some("/srv/backups/of/many/generations/of/a"));
        assert_eq!(found.rows, ["disk.img"]);
        assert_eq!(labels(&[("/srv/a", false), ("/srv/b", false)]).below, None);
        assert_eq!(labels(&[(long, false), ("/backup", false)]).below, None, "nothing in common");
    }

    // Guards rows that differ far from both of their ends, among others that begin as they do.
    #[test]
    fn the_place_where_rows_differ_is_kept() {
        let html = |which: &str, more: &str| {
            format!(".rustup/toolchains/{which}-x86_64-unknown-linux-gnu/share/doc/rust/html{more}")
        };
        let paths = [
            html("nightly", ""),
            html("stable", ""),
            html("nightly", "/rust-by-example"),
            html("stable", "/rust-by-example"),
            html("nightly", "/book"),
            ".cargo/registry".to_owned(),
        ];
        let places: Vec<_> = paths.iter().map(|path| (path.as_str(), true)).collect();
        let expected = [
            "rest of ...s/nightly...rust/html",
            "rest of ...s/stable-...rust/html",
            "rest of ...s/nightly...y-example",
            "rest of ...s/stable-...y-example",
            "rest of .rustup/...ust/html/book",
            "rest of .cargo/registry",
        ];
        assert_eq!(labels(&places).rows, expected);
    }

    // Guards against rows that read the same and are not, wherever they differ.
    #[test]
    fn rows_stay_apart() {
        let end = "unknown-linux-gnu/share/documentation/rust/html";
        let middle = |word: &str| format!("/a/toolchains-of-this-machine/{word}/x86_64/{end}");
        let deep = |word: &str| format!("/{}/{word}/{}", "x".repeat(90), "y".repeat(90));
        let last = |word: &str| format!("/{}/{word}", "z".repeat(90));
        for make in [&middle as &dyn Fn(&str) -> String, &deep, &last] {
            let paths = ["stable", "nightly", "beta", "beta-2"].map(make);
            for other in ["/b", "/a", "/x"] {
                let mut all: Vec<_> = paths.iter().map(|path| (path.as_str(), true)).collect();
                all.push((other, false));
                let rows = labels(&all).rows;
                assert!(rows.iter().all(|row| width(row) <= ROOM), "{rows:?}");
                assert_eq!(rows.iter().collect::<HashSet<_>>().len(), rows.len(), "{rows:?}");
            }
        }
    }
}
