//! The result of an estimate, for people and for programs.
//!
//! Savings are counted in whole blocks, because that is what VDO stores: a block that was found
//! again saves 4 KiB, also the last one of a file, which is padded; but never more is saved than
//! was read. Zero blocks take no space on VDO either, but no index is needed for that; they are
//! told apart from what deduplication saves. Chunks of different lengths count by their bytes.
//!
//! # Invariants
//!
//! 1. `blocks = zero_blocks + unique_blocks + duplicate_blocks + blocks_failed`.
//! 2. `bytes_saved = min(duplicate_bytes, bytes_scanned)`, and `saved_share` is `duplicate_bytes`
//!    as a share of the bytes of all blocks: neither depends on the order in which files are read.
//!    A block of 4 KiB has 4096 bytes wherever it lies, so that shares of bytes are those of
//!    blocks.
//! 3. No line of the text is wider than 60 columns, the index's path excepted.

mod losses;

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use uds_index::Statistics;

use self::losses::Losses;
use super::chunker::Chunker;
use super::failures::Failures;
use super::name::{BLOCK_BYTES, Naming};
use super::target::Target;
use super::totals::Totals;
use crate::output::SCHEMA_VERSION;
use crate::size::memory_for_records;
use crate::units;

/// Where the index failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Stage {
    /// Before everything was posted.
    Scan,
    /// When it was to be saved at the end.
    Save,
    /// On some of the blocks, whose names it could not look up. All the others are counted, and the
    /// index is saved.
    Lookup,
}

/// The JSON object.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) schema_version: u32,
    /// Whether the user stopped it.
    pub(crate) interrupted: bool,
    pub(crate) failed: Option<Stage>,
    pub(crate) hash: &'static str,
    /// How files were cut, as `--chunker` takes it.
    pub(crate) chunker: String,
    pub(crate) bytes_scanned: u64,
    pub(crate) files_scanned: u64,
    pub(crate) files_failed: u64,
    /// Files and directories that were removed between being found and being read.
    pub(crate) files_vanished: u64,
    /// Files and directories that a filter left out.
    pub(crate) excluded: u64,
    /// Whether the file of `--index` was met, and left out.
    pub(crate) index_skipped: bool,
    pub(crate) hard_links_skipped: u64,
    pub(crate) symlinks_skipped: u64,
    pub(crate) special_files_skipped: u64,
    pub(crate) block_size: u64,
    pub(crate) blocks: u64,
    pub(crate) zero_blocks: u64,
    pub(crate) unique_blocks: u64,
    pub(crate) duplicate_blocks: u64,
    /// Blocks that the index could not look up: neither unique nor duplicate.
    pub(crate) blocks_failed: u64,
    pub(crate) bytes_saved: u64,
    pub(crate) saved_share: f64,
    pub(crate) zero_bytes: u64,
    pub(crate) unique_bytes: u64,
    pub(crate) duplicate_bytes: u64,
    /// The bytes of all blocks; those of 4 KiB count in full where a file's end cuts them short.
    pub(crate) block_bytes: u64,
    #[serde(flatten)]
    pub(crate) losses: Losses,
    /// The memory size that would have held all records, if records were discarded and one would.
    pub(crate) memory_needed: Option<String>,
    pub(crate) index: IndexFacts,
    pub(crate) seconds: f64,
}

/// What the index is, and how full.
#[derive(Debug, Serialize)]
pub(crate) struct IndexFacts {
    pub(crate) path: Option<String>,
    pub(crate) memory: Option<String>,
    pub(crate) sparse: bool,
    pub(crate) disk_bytes: u64,
    pub(crate) window_records: u64,
    pub(crate) window_bytes: u64,
    pub(crate) records_in_index: u64,
    pub(crate) full_share: f64,
}

impl Report {
    /// The result of a scan; the time and what failed are to be filled in.
    pub(crate) fn new(
        totals: &Totals,
        failures: &Failures,
        target: &Target,
        (naming, chunker): (Naming, Chunker),
        interrupted: bool,
    ) -> Self {
        let (blocks, duplicate_bytes) = (totals.blocks.get(), totals.duplicate_bytes.get());
        let bytes = totals.bytes.get();
        let block_bytes = match chunker {
            Chunker::Fixed => blocks * BLOCK_BYTES as u64,
            Chunker::FastCdc(_) => bytes,
        };
        let after = target.index.statistics();
        let index = IndexFacts::new(target, &after, chunker.block_bytes());
        let losses = Losses::between(&target.before, &after);
        // Every new name took a record, and so did every known one that was not in the open
        // chapter: it was moved there. In a larger window some of these would have been one.
        let records_before = records_in_index(target, &target.before);
        let taken = |statistics: &Statistics| {
            statistics.posts_not_found + statistics.posts_found - statistics.posts_found_open
        };
        let needed = records_before + taken(&after).saturating_sub(taken(&target.before));
        let enough = needed.max(index.window_records);
        let memory = (losses.records_discarded > 0)
            .then(|| memory_for_records(enough, index.sparse))
            .flatten();
        Self {
            schema_version: SCHEMA_VERSION,
            interrupted,
            failed: None,
            hash: naming.as_str(),
            chunker: chunker.to_string(),
            bytes_scanned: bytes,
            files_scanned: totals.files.get(),
            files_failed: failures.count(),
            files_vanished: totals.vanished.get(),
            excluded: totals.filtered.get(),
            index_skipped: totals.own.get() > 0,
            hard_links_skipped: totals.hard_links.get(),
            symlinks_skipped: totals.symlinks.get(),
            special_files_skipped: totals.special.get(),
            block_size: chunker.block_bytes(),
            blocks,
            zero_blocks: totals.zero.get(),
            unique_blocks: totals.unique.get(),
            duplicate_blocks: totals.duplicate.get(),
            blocks_failed: totals.failed.get(),
            bytes_saved: duplicate_bytes.min(bytes),
            saved_share: fraction(duplicate_bytes, block_bytes),
            zero_bytes: totals.zero_bytes.get(),
            unique_bytes: totals.unique_bytes.get(),
            duplicate_bytes,
            block_bytes,
            losses,
            memory_needed: memory.map(|memory| memory.to_string()),
            index,
            seconds: 0.0,
        }
    }

    /// The text for people.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_scanned(&mut text);
        let _ = self.write_blocks(&mut text);
        let _ = self.write_index(&mut text);
        if self.interrupted {
            text.push_str("\nINTERRUPTED: this covers only what was read so far.\n");
        }
        text.push_str(match self.failed {
            Some(Stage::Scan) => "\nFAILED: the index failed; this covers only a part.\n",
            Some(Stage::Save) => "\nFAILED: the estimate is complete, the index is not saved.\n",
            Some(Stage::Lookup) => "\nFAILED: the index could not look up some of the blocks.\n",
            None => "",
        });
        text.push_str(&self.losses.warning(self.memory_needed.as_deref(), self.index.sparse));
        text
    }

    fn write_scanned(&self, text: &mut String) -> std::fmt::Result {
        let rate = if self.seconds > 0.0 { self.bytes_scanned as f64 / self.seconds } else { 0.0 };
        let files = units::counted(self.files_scanned, "file");
        writeln!(text, "Scanned    {} in {files}", units::bytes(self.bytes_scanned))?;
        writeln!(
            text,
            "Time       {}, {}/s",
            units::duration(Duration::from_secs_f64(self.seconds)),
            units::bytes(rate as u64)
        )?;
        let skipped: Vec<_> = [
            (self.hard_links_skipped, "hard link"),
            (self.symlinks_skipped, "symlink"),
            (self.special_files_skipped, "special file"),
            (self.files_vanished, "vanished file"),
        ]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, noun)| units::counted(number, noun))
        .chain((self.excluded > 0).then(|| format!("{} excluded", units::count(self.excluded))))
        .chain(self.index_skipped.then(|| "the index itself".to_owned()))
        .collect();
        if !skipped.is_empty() {
            let lines = units::wrapped(&skipped.join(", "), 49);
            writeln!(text, "Skipped    {}", lines.trim_end().replace('\n', "\n           "))?;
        }
        if self.files_failed > 0 {
            writeln!(text, "UNREADABLE {}", units::counted(self.files_failed, "file"))?;
        }
        Ok(())
    }

    fn write_blocks(&self, text: &mut String) -> std::fmt::Result {
        text.push('\n');
        let mut row = |label, blocks: u64, bytes: u64| {
            writeln!(
                text,
                "{label:<11}{:>19} {:>14} {:>10}",
                units::count(blocks),
                units::bytes(bytes),
                units::share(bytes, self.block_bytes),
            )
        };
        let is_chunked = self.chunker != Chunker::Fixed.to_string();
        let noun = if is_chunked { "chunks" } else { "blocks" };
        row(if is_chunked { "Chunks" } else { "Blocks" }, self.blocks, self.block_bytes)?;
        row("  unique", self.unique_blocks, self.unique_bytes)?;
        row("  duplicate", self.duplicate_blocks, self.duplicate_bytes)?;
        row("  zero", self.zero_blocks, self.zero_bytes)?;
        if self.blocks_failed > 0 {
            let counted = self.unique_bytes + self.duplicate_bytes + self.zero_bytes;
            row("  FAILED", self.blocks_failed, self.block_bytes.saturating_sub(counted))?;
        }
        writeln!(
            text,
            "\nSAVED      {} by deduplication, {}",
            units::bytes(self.bytes_saved),
            units::share(self.duplicate_bytes, self.block_bytes)
        )?;
        if self.zero_blocks == 0 {
            return Ok(());
        }
        let all = self.duplicate_bytes + self.zero_bytes;
        writeln!(
            text,
            "           {} with the zero {noun}, {}",
            units::bytes(all.min(self.bytes_scanned)),
            units::share(all, self.block_bytes)
        )
    }

    fn write_index(&self, text: &mut String) -> std::fmt::Result {
        let index = &self.index;
        let path = index.path.as_ref().map(|path| units::path(Path::new(path)));
        writeln!(text, "\nIndex      {}", path.as_deref().unwrap_or("temporary"))?;
        if index.sparse {
            text.push_str("  kind     sparse: misses duplicates that come alone\n");
        }
        writeln!(
            text,
            "  size     {} of memory, {} on disk{}",
            index.memory.as_deref().unwrap_or("no named size"),
            units::bytes(index.disk_bytes),
            if index.path.is_some() { "" } else { " when full" },
        )?;
        writeln!(
            text,
            "  holds    {} of {} records, {} full",
            units::count(index.records_in_index),
            units::count(index.window_records),
            units::share(index.records_in_index, index.window_records),
        )
    }
}

impl IndexFacts {
    fn new(target: &Target, statistics: &Statistics, block_bytes: u64) -> Self {
        let configuration = target.index.configuration();
        let window = target.index.geometry().records_per_volume();
        let records = records_in_index(target, statistics);
        Self {
            path: target.path.as_ref().map(|path| path.display().to_string()),
            memory: configuration.memory_size().map(|memory| memory.to_string()),
            sparse: configuration.is_sparse(),
            disk_bytes: crate::storage::file_bytes(configuration, 0).unwrap_or(0),
            window_records: window,
            window_bytes: window * block_bytes,
            records_in_index: records,
            full_share: fraction(records, window),
        }
    }
}

/// Records of the closed chapters that are remembered, and of the open one.
fn records_in_index(target: &Target, statistics: &Statistics) -> u64 {
    let (newest, oldest) = (statistics.newest_chapter.get(), statistics.oldest_chapter.get());
    let per_chapter = u64::from(target.index.geometry().records_per_chapter());
    newest.saturating_sub(oldest) * per_chapter + statistics.open_chapter_records
}

fn fraction(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests;
