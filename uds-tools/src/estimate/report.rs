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

mod index;
mod losses;

use std::fmt::Write;
use std::time::Duration;

use serde::{Serialize, Serializer};

pub(crate) use self::index::Basis;
use self::index::{Facts, IndexFacts};
use self::losses::Losses;
use super::Chunker;
use super::breakdown::Savings;
use super::failures::Failures;
use super::name::{BLOCK_BYTES, Naming};
use super::observer::Observer;
use super::sizing::{Answer, Estimate, error_text};
use super::totals::Totals;
use crate::html::{EstimatePage, signed};
use crate::output::SCHEMA_VERSION;
use crate::terminal::Canvas;
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
    /// How much index the data needs; none where compression alone was asked for.
    #[serde(flatten, serialize_with = "answer_or_nulls")]
    pub(crate) answer: Option<Answer>,
    /// Whether the answer covers all that the index of `--index` has seen, not only this run.
    pub(crate) curve_is_whole: bool,
    /// One name in so many was followed: 1 if what comes of the names is exact.
    pub(crate) sampled_one_in: u64,
    pub(crate) savings: Savings,
    pub(crate) seconds: f64,
}

impl Report {
    /// The result of a scan; the time and what failed are to be filled in.
    pub(crate) fn new(
        totals: &Totals,
        failures: &Failures,
        basis: Basis<'_>,
        observer: &Observer,
        (naming, chunker): (Naming, Chunker),
    ) -> Self {
        let (blocks, duplicate_bytes) = (totals.blocks.get(), totals.duplicate_bytes.get());
        let bytes = totals.bytes.get();
        let block_bytes = match chunker {
            Chunker::Fixed => blocks * BLOCK_BYTES as u64,
            Chunker::FastCdc(_) => bytes,
        };
        let Facts { index, losses, memory_needed } = basis.facts(chunker.block_bytes());
        let zero_bytes = totals.zero_bytes.get();
        // What earlier runs have seen is padded by nobody knows how much.
        let padding = block_bytes.saturating_sub(bytes);
        let answer = observer.curve(zero_bytes).map(|curve| {
            let most = curve.total_bytes.saturating_sub(padding);
            Answer::new(curve.with_most_bytes(most))
        });
        let error = answer.as_ref().map_or(0.0, |answer| index.error(answer));
        let savings = observer.savings(chunker, zero_bytes, block_bytes, duplicate_bytes);
        let savings = savings.with_error(error);
        Self {
            schema_version: SCHEMA_VERSION,
            interrupted: false,
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
            saved_share: units::fraction(duplicate_bytes, block_bytes),
            zero_bytes,
            unique_bytes: totals.unique_bytes.get(),
            duplicate_bytes,
            block_bytes,
            losses,
            memory_needed: memory_needed.map(|memory| memory.to_string()),
            index,
            answer,
            curve_is_whole: true,
            sampled_one_in: observer.model().map_or(1, |model| model.sampled_one_in()),
            savings,
            seconds: 0.0,
        }
    }

    /// The text for people.
    pub(crate) fn text(&self, canvas: Canvas) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_scanned(&mut text);
        if self.answer.is_some() {
            let _ = self.write_blocks(&mut text);
            let _ = self.write_saved(&mut text);
        }
        if !self.index.modelled {
            let _ = self.index.write(&mut text);
        }
        text.push_str(&self.savings.text(canvas));
        if self.interrupted {
            text.push_str("\nINTERRUPTED: this covers only what was read so far.\n");
        }
        text.push_str(match self.failed {
            Some(Stage::Scan) => "\nFAILED: the index failed; this covers only a part.\n",
            Some(Stage::Save) => "\nFAILED: the estimate is complete, the index is not saved.\n",
            Some(Stage::Lookup) => "\nFAILED: the index could not look up some of the blocks.\n",
            None => "",
        });
        if !self.index.modelled {
            text.push_str(&self.losses.warning(self.memory_needed.as_deref(), self.index.sparse));
        }
        // Last, so that it is what is seen above the prompt.
        if let Some(answer) = &self.answer {
            text.push('\n');
            if let Some(whole) = self.whole(answer) {
                text.push_str(&format!("The sizes are of {whole}:\n"));
            }
            text.push_str(&answer.text(canvas));
            if !self.curve_is_whole {
                let last = units::bytes(answer.curve.total_bytes);
                text.push_str(&format!(
                    "\nThe sizes and the recommendation are of the last {last}\n\
                     only, not of all that the index has seen.\n",
                ));
            }
        }
        text
    }

    /// The page for a browser; none where there is no curve.
    pub(crate) fn page(&self) -> Option<String> {
        let answer = self.answer.as_ref()?;
        let mut facts = vec![
            ("Scanned", units::bytes(self.bytes_scanned)),
            ("Files", units::count(self.files_scanned)),
            ("Blocks", units::count(self.blocks)),
            (
                "Cut into",
                match self.chunker.as_str() {
                    "fixed" => "blocks of 4 KiB".to_owned(),
                    chunks => chunks.to_owned(),
                },
            ),
            ("Duplicate", self.duplicate_text(answer)),
            ("Zero", self.share_text(self.zero_bytes)),
            ("Time", units::duration(Duration::from_secs_f64(self.seconds))),
        ];
        if let Some(tried) = self.savings.compression() {
            let of = |estimate: Estimate| signed(&estimate.text());
            let sample = if tried.is_exact { "all of it" } else { "a sample" };
            let compressed = of(tried.estimate());
            facts
                .push(("Compression", format!("{compressed} of the unique data, LZ4 of {sample}")));
            facts.push(("All together", of(tried.together())));
        }
        if let Some(whole) = self.whole(answer) {
            facts.push(("Sizes", format!("of {whole}, not of this run alone")));
        }
        if !self.curve_is_whole {
            let last = units::bytes(answer.curve.total_bytes);
            facts.push((
                "Sizes",
                format!("of the last {last} only, not of all that the index has seen"),
            ));
        }
        let bars = self.savings.bars();
        let page = EstimatePage {
            title: "How much deduplication index?",
            facts: &facts,
            answer,
            bars: &bars,
        };
        Some(page.html())
    }

    fn share_text(&self, bytes: u64) -> String {
        format!("{}, {}", units::bytes(bytes), units::share(bytes, self.block_bytes))
    }

    fn duplicate_text(&self, answer: &Answer) -> String {
        let error = error_text(self.index.error(answer)).map(|error| format!(" \u{b1} {error}"));
        let (share, error) = (self.share_text(self.duplicate_bytes), error.unwrap_or_default());
        match self.without_limits() {
            Some(which) => format!("{share}{error}, {which}"),
            None => share + &error,
        }
    }

    /// What the sizes are of, where that is more than this run has read.
    fn whole(&self, answer: &Answer) -> Option<String> {
        let all = answer.curve.total_bytes;
        (all > self.block_bytes && self.curve_is_whole)
            .then(|| format!("all {} that the index has seen", units::bytes(all)))
    }

    /// Which index it takes to find the duplicates, where there was none and not any will do.
    fn without_limits(&self) -> Option<&'static str> {
        let answer = self.answer.as_ref()?;
        (self.index.modelled && !answer.is_smallest_enough())
            .then_some("with an index without limits")
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
        row(if self.is_chunked() { "Chunks" } else { "Blocks" }, self.blocks, self.block_bytes)?;
        row("  unique", self.unique_blocks, self.unique_bytes)?;
        row("  duplicate", self.duplicate_blocks, self.duplicate_bytes)?;
        row("  zero", self.zero_blocks, self.zero_bytes)?;
        if self.blocks_failed > 0 {
            let counted = self.unique_bytes + self.duplicate_bytes + self.zero_bytes;
            row("  FAILED", self.blocks_failed, self.block_bytes.saturating_sub(counted))?;
        }
        Ok(())
    }

    fn write_saved(&self, text: &mut String) -> std::fmt::Result {
        let error = self.answer.as_ref().and_then(|answer| error_text(self.index.error(answer)));
        let error = error.map(|error| format!(" +- {error}")).unwrap_or_default();
        let saved = units::bytes(self.bytes_saved);
        let share = units::share(self.duplicate_bytes, self.block_bytes);
        writeln!(text, "\nSAVED      {saved} by deduplication, {share}{error}")?;
        if let Some(which) = self.without_limits() {
            writeln!(text, "           {which}")?;
        }
        if self.zero_blocks == 0 {
            return Ok(());
        }
        let noun = if self.is_chunked() { "chunks" } else { "blocks" };
        let all = self.duplicate_bytes + self.zero_bytes;
        let saved = units::bytes(all.min(self.bytes_scanned));
        let share = units::share(all, self.block_bytes);
        writeln!(text, "           {saved} with the zero {noun}, {share}{error}")
    }

    fn is_chunked(&self) -> bool {
        self.chunker != Chunker::Fixed.to_string()
    }
}

/// The fields of an answer, which are null where there is none.
fn answer_or_nulls<S: Serializer>(
    answer: &Option<Answer>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let fields = ["curve", "unlimited", "knee", "recommendation"];
    match answer {
        Some(answer) => answer.serialize(serializer),
        None => serializer.collect_map(fields.map(|field| (field, None::<()>))),
    }
}

#[cfg(test)]
mod tests;
