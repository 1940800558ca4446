//! What `uds convert` prints.
//!
//! Invariant: no line of the text is wider than 60 columns, paths excepted.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use uds_geometry::Configuration;
use uds_index::{CopyReport, IndexInfo, Statistics};

use super::Making;
use crate::cli::ConvertArgs;
use crate::output::SCHEMA_VERSION;
use crate::units;

/// The JSON object.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    schema_version: u32,
    old: Side,
    new: Side,
    /// Whether the old index was not closed cleanly, and lacked its open chapter therefore.
    recovered: bool,
    chapters: u64,
    /// The oldest chapters, which were not read because the records of the others fill the new
    /// index.
    skipped_chapters: u64,
    records: u64,
    /// The oldest of them, for which the new index has no room.
    forgotten: u64,
    /// Those for which the new index's memory has no room.
    not_stored: u64,
    outdated: u64,
    bad_chapters: u64,
    unreadable_pages: u64,
    seconds: f64,
}

/// One of the two indexes.
#[derive(Debug, Serialize)]
struct Side {
    path: String,
    memory: Option<String>,
    sparse: bool,
    window_records: u64,
}

impl Report {
    pub(super) fn new(
        arguments: &ConvertArgs,
        old: &IndexInfo,
        new: &Making,
        (copied, statistics): (&CopyReport, &Statistics),
        recovered: bool,
        elapsed: Duration,
    ) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            old: Side::new(&arguments.index.file, &old.configuration),
            new: Side::new(&arguments.new, &new.configuration),
            recovered,
            chapters: copied.chapters,
            skipped_chapters: copied.skipped_chapters,
            records: copied.records,
            forgotten: statistics.records_forgotten.min(copied.records),
            not_stored: statistics.overflows,
            outdated: copied.outdated,
            bad_chapters: copied.bad_chapters,
            unreadable_pages: copied.unreadable_pages,
            seconds: elapsed.as_secs_f64(),
        }
    }

    /// Whether nothing of the old index was lost by damage.
    pub(super) fn is_whole(&self) -> bool {
        self.bad_chapters == 0 && self.unreadable_pages == 0
    }

    /// The text for people.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let time = units::duration(Duration::from_secs_f64(self.seconds));
        writeln!(text, "Converted  {}", units::path(Path::new(&self.old.path)))?;
        writeln!(text, "           {}", self.old.kind())?;
        writeln!(text, "to         {}", units::path(Path::new(&self.new.path)))?;
        writeln!(text, "           {}", self.new.kind())?;
        let records = units::counted(self.records, "record");
        let chapters = units::counted(self.chapters, "chapter");
        writeln!(text, "\nCopied     {records} of {chapters}, in {time}")?;
        let (kept, lost) = (self.records - self.forgotten, self.forgotten);
        if lost == 0 {
            let which = if self.skipped_chapters == 0 { "all of them" } else { "all of these" };
            writeln!(text, "  kept     {which}")?;
        } else {
            writeln!(text, "  kept     {}, the newest", units::count(kept))?;
            writeln!(text, "  full     {} were forgotten, the oldest", units::count(lost))?;
        }
        if self.skipped_chapters > 0 {
            let skipped = units::counted(self.skipped_chapters, "older chapter");
            writeln!(text, "  full     without {skipped}")?;
        }
        if self.outdated > 0 {
            let outdated = units::count(self.outdated);
            writeln!(text, "  left out {outdated} outdated copies")?;
        }
        let losses = [
            (self.bad_chapters, "the records of", "damaged chapter"),
            (self.unreadable_pages, "the records of", "unreadable page"),
            (self.not_stored, "for want of memory,", "record"),
        ];
        for (count, before, what) in losses.into_iter().filter(|(count, ..)| *count > 0) {
            writeln!(text, "LOST       {before} {}", units::counted(count, what))?;
        }
        Ok(())
    }
}

impl Side {
    fn new(path: &Path, configuration: &Configuration) -> Self {
        Self {
            path: path.display().to_string(),
            memory: configuration.memory_size().map(|memory| memory.to_string()),
            sparse: configuration.is_sparse(),
            window_records: configuration.geometry().records_per_volume(),
        }
    }

    fn kind(&self) -> String {
        let kind = if self.sparse { "sparse" } else { "dense" };
        let memory = self.memory.as_deref().unwrap_or("of no named size");
        format!("{kind}, memory {memory}, {} records", units::count(self.window_records))
    }
}
