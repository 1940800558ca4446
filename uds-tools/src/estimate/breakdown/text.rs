//! Where the savings are, as text for people.
//!
//! Numbers come first in a line and paths last, so that a path has all the columns that are left
//! and no strange letter in it moves a number.
//!
//! # Invariants
//!
//! 1. No line is wider than the canvas, which has 60 columns at least, letters that take two
//!    columns included. Only paths use more than 60.
//! 2. What a path contains cannot drive the terminal: see [`units::path`].

use std::fmt::Write;

use super::labels::{Labels, Place, shortened};
use super::savings::{Figures, Savings};
use crate::estimate::compress::Compression;
use crate::terminal::Canvas;
use crate::units;

/// Columns of the numbers before what a row is about.
const NUMBERS: usize = 28;
const WIDTH: usize = 60;
const BELOW: &str = "Below ";

impl Savings {
    /// The text: sections, each after an empty line.
    pub(crate) fn text(&self, canvas: Canvas) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text, canvas.columns);
        text
    }

    fn write(&self, text: &mut String, columns: usize) -> std::fmt::Result {
        if self.saves() {
            self.write_places(text, columns)?;
            self.write_ages(text)?;
            if self.is_sampled {
                let note = "What is saved in a row is an estimate from a sample of the names: \
                            the smaller a row, the rougher it is.";
                write!(text, "\n{}", units::wrapped(note, WIDTH))?;
            }
        }
        match self.compression() {
            Some(compression) => write_compression(text, compression),
            None if self.compression.as_ref().is_some_and(Compression::is_of_all) => {
                writeln!(text, "\nCompress   no block to try")
            }
            None => Ok(()),
        }
    }

    fn write_places(&self, text: &mut String, columns: usize) -> std::fmt::Result {
        let rows = self.by_directory.iter();
        let rows = rows.map(|row| ((row.path.as_path(), row.is_rest), &row.figures));
        write_paths(text, columns, "by directory", &rows.collect::<Vec<_>>())?;
        write_head(text, "of own", "of all", "by type")?;
        for row in &self.by_type {
            write_row(text, &row.figures, &row.kind)?;
        }
        if self.top_files.is_empty() {
            return Ok(());
        }
        let rows = self.top_files.iter().map(|row| ((row.path.as_path(), false), &row.figures));
        write_paths(text, columns, "in the files that save most", &rows.collect::<Vec<_>>())
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

/// Writes rows about paths.
fn write_paths(
    text: &mut String,
    columns: usize,
    by: &str,
    rows: &[(Place<'_>, &Figures)],
) -> std::fmt::Result {
    let places: Vec<_> = rows.iter().map(|(place, _)| *place).collect();
    let labels = Labels::new(&places, columns - NUMBERS);
    write_head(text, "of own", "of all", by)?;
    if let Some(below) = &labels.below {
        let below = shortened(below, columns - BELOW.len() - 1, 2);
        writeln!(text, "{BELOW}{below}:")?;
    }
    for ((_, figures), label) in rows.iter().zip(&labels.rows) {
        write_row(text, figures, label)?;
    }
    Ok(())
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
    let kind = if found.is_of_all() { "" } else { " unique" };
    let blocks = units::counted(found.sampled_blocks, "block").replace(' ', &format!("{kind} "));
    let sample = if found.is_exact { "all of them" } else { "a sample" };
    writeln!(text, "\nCompress   {blocks} tried with LZ4, {sample}")?;
    let of = if found.is_of_all() { "the data" } else { "the unique data" };
    writeln!(text, "  saves    {} of {of}", found.estimate().text())?;
    writeln!(
        text,
        "  mean     {} when compressed",
        units::bytes(found.mean_compressed_bytes.round() as u64)
    )?;
    writeln!(text, "  too hard {:.1}% do not shrink enough", found.incompressible_share * 100.0)?;
    let together = found.together().text();
    let with =
        if found.is_of_all() { "with the zero blocks" } else { "with duplicates and zero blocks" };
    writeln!(text, "TOGETHER   {together} saved, {with}")
}
