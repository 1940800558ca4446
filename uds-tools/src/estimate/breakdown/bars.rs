//! Where the savings are, as rows for a page of charts.
//!
//! # Invariants
//!
//! 1. Texts are as they are: whoever writes the page escapes them for it.
//! 2. A row says in words all that its bar shows.

use super::labels;
use super::savings::{Figures, Savings};
use crate::html::{BarRow, Bars};
use crate::units;

impl Savings {
    /// The lists that have rows; none if deduplication saves nothing.
    pub(crate) fn bars(&self) -> Vec<Bars> {
        if !self.saves() {
            return Vec::new();
        }
        let directories = self
            .by_directory
            .iter()
            .map(|row| bar(labels::full(&row.path, row.is_rest), &row.figures));
        let kinds = self.by_type.iter().map(|row| bar(row.kind.clone(), &row.figures));
        let files = self.top_files.iter().map(|row| bar(units::path(&row.path), &row.figures));
        let lists = [
            Bars {
                id: "by-directory",
                title: "Savings by directory".to_owned(),
                note: self.note(
                    "What deduplication saves in each directory, without what has a row of its \
                     own below it. The rows add up to all.",
                ),
                columns: ["directory", "saved", "of all savings"],
                rows: directories.collect(),
            },
            Bars {
                id: "by-type",
                title: "Savings by file type".to_owned(),
                note: self.note(
                    "What deduplication saves in files of each type, by the end of their names. \
                     The rows add up to all.",
                ),
                columns: ["type", "saved", "of all savings"],
                rows: kinds.collect(),
            },
            self.age_bars(),
            Bars {
                id: "top-files",
                title: "Files that save most".to_owned(),
                note: self.note(
                    "What was known of a file when it was read. Of two files alike, that is the \
                     second.",
                ),
                columns: ["file", "saved", "of all savings"],
                rows: files.collect(),
            },
        ];
        lists.into_iter().filter(|list| !list.rows.is_empty()).collect()
    }

    fn age_bars(&self) -> Bars {
        let row = |age: &super::savings::Age| BarRow {
            label: age.row.label(self.unit),
            value: age.row.saved_bytes,
            value_text: format!(
                "{} ({} so far)",
                units::bytes(age.row.saved_bytes),
                units::share(age.within_bytes, age.all_bytes)
            ),
            share_text: units::share(age.row.saved_bytes, age.all_bytes),
        };
        Bars {
            id: "by-age",
            title: "Savings by age of the duplicate".to_owned(),
            note: self.note(
                "How much new data was read between a block and its duplicate, to a chapter of \
                 65,536 records. An index that holds less misses what is below.",
            ),
            columns: ["new data since", "saved", "of all savings"],
            rows: self.by_age.iter().map(row).collect(),
        }
    }

    fn note(&self, note: &str) -> String {
        let sampled = if self.is_sampled {
            " Estimated from a sample of the names: the smaller a row, the rougher."
        } else {
            ""
        };
        format!("{note}{sampled}")
    }
}

fn bar(label: String, figures: &Figures) -> BarRow {
    let saved = figures.saved_bytes;
    let own = units::share(saved.min(figures.bytes), figures.bytes);
    BarRow {
        label,
        value: saved,
        value_text: format!("{} of {} ({own})", units::bytes(saved), units::bytes(figures.bytes)),
        share_text: units::share(saved, figures.all_saved_bytes),
    }
}
