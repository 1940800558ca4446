//! Where the savings are, as text for people.
//!
//! Numbers come first in a line and paths last, so that a path has all the columns that are left
//! and no strange letter in it moves a number.
//!
//! # Invariants
//!
//! 1. No line is wider than 60 columns, letters that take two columns included.
//! 2. What a path contains cannot drive the terminal: see [`units::path`].

use std::fmt::Write;
use std::path::Path;

use super::savings::{Figures, Savings};
use crate::estimate::compress::Compression;
use crate::units;

/// Columns that are left for what a row is about.
const LABEL_COLUMNS: usize = 32;
const WIDTH: usize = 60;

impl Savings {
    /// The text: sections, each after an empty line.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        if self.saves() {
            self.write_places(text)?;
            self.write_ages(text)?;
            if self.is_sampled {
                let note = "What is saved in a row is an estimate from a sample of the names: \
                            the smaller a row, the rougher it is.";
                write!(text, "\n{}", units::wrapped(note, WIDTH))?;
            }
        }
        match &self.compression {
            Some(compression) => write_compression(text, compression),
            None => Ok(()),
        }
    }

    fn write_places(&self, text: &mut String) -> std::fmt::Result {
        write_head(text, "of own", "of all", "by directory")?;
        for row in &self.by_directory {
            write_row(text, &row.figures, &place(&row.path, row.is_rest))?;
        }
        write_head(text, "of own", "of all", "by type")?;
        for row in &self.by_type {
            write_row(text, &row.figures, &row.kind)?;
        }
        if !self.top_files.is_empty() {
            write_head(text, "of own", "of all", "in the files that save most")?;
        }
        for row in &self.top_files {
            write_row(text, &row.figures, &shortened(&units::path(&row.path)))?;
        }
        Ok(())
    }

    fn write_ages(&self, text: &mut String) -> std::fmt::Result {
        if self.by_age.is_empty() {
            return Ok(());
        }
        write_head(text, "of all", "so far", "by age: new data since then")?;
        for age in &self.by_age {
            let saved = age.row.saved_bytes;
            writeln!(
                text,
                "{:>10} {:>7} {:>7}  {}",
                units::bytes(saved),
                units::share(saved, age.all_bytes),
                units::share(age.within_bytes, age.all_bytes),
                age.row.label(self.unit),
            )?;
        }
        Ok(())
    }
}

fn write_head(text: &mut String, second: &str, third: &str, by: &str) -> std::fmt::Result {
    writeln!(text, "\n{:>10} {second:>7} {third:>7}  {by}", "Saved")
}

fn write_row(text: &mut String, figures: &Figures, label: &str) -> std::fmt::Result {
    let saved = figures.saved_bytes;
    writeln!(
        text,
        "{:>10} {:>7} {:>7}  {label}",
        units::bytes(saved),
        units::share(saved.min(figures.bytes), figures.bytes),
        units::share(saved, figures.all_saved_bytes),
    )
}

fn write_compression(text: &mut String, compression: &Compression) -> std::fmt::Result {
    let found = compression;
    let kind = if found.blocks == "all" { "" } else { " unique" };
    let blocks = units::counted(found.sampled_blocks, "block").replace(' ', &format!("{kind} "));
    let sample = if found.is_exact { "all of them" } else { "a sample" };
    writeln!(text, "\nCompress   {blocks} tried with LZ4, {sample}")?;
    let of = if found.blocks == "all" { "the data" } else { "the unique data" };
    writeln!(text, "  saves    {} of {of}", percent(found.saved_share, found.error))?;
    writeln!(
        text,
        "  mean     {} when compressed",
        units::bytes(found.mean_compressed_bytes.round() as u64)
    )?;
    writeln!(text, "  too hard {:.1}% do not shrink enough", found.incompressible_share * 100.0)?;
    let together = percent(found.together_saved_share, found.together_error);
    let with = match found.blocks {
        "all" => "with the zero blocks",
        _ => "with duplicates and zero blocks",
    };
    writeln!(text, "TOGETHER   {together} saved, {with}")
}

/// A share and its error: `41.2% +- 0.3`, or without an error that is none.
fn percent(share: f64, error: f64) -> String {
    let (share, error) = (share * 100.0, error * 100.0);
    match error {
        0.0 => format!("{share:.1}%"),
        ..0.05 => format!("{share:.1}% +- 0.1"),
        _ => format!("{share:.1}% +- {error:.1}"),
    }
}

/// What a row by directory is about, in at most [`LABEL_COLUMNS`].
fn place(path: &Path, is_rest: bool) -> String {
    shortened(&full_place(path, is_rest))
}

/// What a row by directory is about.
pub(super) fn full_place(path: &Path, is_rest: bool) -> String {
    match (path.as_os_str().is_empty(), is_rest) {
        (true, true) => "all others".to_owned(),
        (true, false) => "everything".to_owned(),
        (false, true) => format!("rest of {}", units::path(path)),
        (false, false) => units::path(path),
    }
}

/// A text without its middle if it is wider than [`LABEL_COLUMNS`]: the end of a path says most.
fn shortened(text: &str) -> String {
    const DOTS: &str = "...";
    if text.chars().map(columns).sum::<usize>() <= LABEL_COLUMNS {
        return text.to_owned();
    }
    let room = LABEL_COLUMNS - DOTS.len();
    let head: String = fitting(text.chars(), room * 2 / 5).collect();
    let tail: Vec<_> = fitting(text.chars().rev(), room - room * 2 / 5).collect();
    head + DOTS + &tail.into_iter().rev().collect::<String>()
}

/// The first letters that fit into so many columns.
fn fitting(letters: impl Iterator<Item = char>, room: usize) -> impl Iterator<Item = char> {
    letters.scan(room, |room, letter| {
        *room = room.checked_sub(columns(letter))?;
        Some(letter)
    })
}

/// The columns that a letter takes at most: those of the east and pictures take two.
fn columns(letter: char) -> usize {
    if letter < '\u{1100}' { 1 } else { 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards the width against long paths, wide letters, and what would drive a terminal.
    #[test]
    fn paths_are_shortened_in_the_middle() {
        let short = |path: &str| place(Path::new(path), false);
        assert_eq!(short("/srv/images"), "/srv/images");
        let long = "/home/somebody/projects/deduplication/target/debug/build";
        assert_eq!(short(long), "/home/someb...target/debug/build");
        let wide = "/\u{6f22}".repeat(40);
        for path in [long, &wide, "/a\u{1b}[31m", "/\u{202e}txt.exe", &"\u{301}".repeat(99)] {
            for is_rest in [false, true] {
                let label = place(Path::new(path), is_rest);
                let width: usize = label.chars().map(columns).sum();
                assert!(width <= LABEL_COLUMNS, "{width}: {label}");
                let plain = |letter: char| letter >= ' ' && letter != '\u{202e}';
                assert!(label.chars().all(plain), "{label:?}");
            }
        }
        assert_eq!(place(Path::new(""), true), "all others");
    }

    // Guards against an error that is rounded away.
    #[test]
    fn errors_are_told_if_there_are_any() {
        assert_eq!(percent(0.4123, 0.0034), "41.2% +- 0.3");
        assert_eq!(percent(0.4123, 0.000_01), "41.2% +- 0.1");
        assert_eq!(percent(0.4123, 0.0), "41.2%");
    }
}
