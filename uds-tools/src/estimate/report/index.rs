//! Which index the counts are of: a real one, or one that the model stands for.

use std::fmt::Write;
use std::path::Path;

use serde::Serialize;
use uds_geometry::{Configuration, MemorySize};
use uds_index::Statistics;

use super::losses::Losses;
use crate::estimate::observer::{Observer, smallest};
use crate::estimate::sizing::Answer;
use crate::estimate::target::Target;
use crate::size::memory_for_records;
use crate::units;

/// What the counts come from.
#[derive(Clone, Copy)]
pub(crate) enum Basis<'a> {
    /// An index that the names were posted to.
    Index(&'a Target),
    /// No index was made: the smallest one, as the observer's model sees it.
    Model(&'a Observer),
}

/// What the index is, and how full.
#[derive(Debug, Serialize)]
pub(crate) struct IndexFacts {
    /// Whether there was no such index, and this is what one of the smallest size would hold.
    pub(crate) modelled: bool,
    pub(crate) path: Option<String>,
    pub(crate) memory: Option<String>,
    pub(crate) sparse: bool,
    pub(crate) disk_bytes: u64,
    pub(crate) window_records: u64,
    pub(crate) window_bytes: u64,
    pub(crate) records_in_index: u64,
    pub(crate) full_share: f64,
}

/// All that is told of the index.
pub(super) struct Facts {
    pub(super) index: IndexFacts,
    pub(super) losses: Losses,
    /// The memory size that would have held all records, if some were discarded and one would.
    pub(super) memory_needed: Option<MemorySize>,
}

impl Basis<'_> {
    /// What is told of the index; its window holds blocks of `block_bytes`.
    pub(super) fn facts(self, block_bytes: u64) -> Facts {
        match self {
            Self::Index(target) => of_target(target, block_bytes),
            Self::Model(observer) => of_model(observer, block_bytes),
        }
    }
}

fn of_target(target: &Target, block_bytes: u64) -> Facts {
    let after = target.index.statistics();
    let losses = Losses::between(&target.before, &after);
    let held = records_in_index(target, &after);
    let path = target.path.as_ref().map(|path| path.display().to_string());
    let index = IndexFacts::new(target.index.configuration(), held, block_bytes, path);
    // Every new name took a record, and so did every known one that was not in the open
    // chapter: it was moved there. In a larger window some of these would have been one.
    let taken = |statistics: &Statistics| {
        statistics.posts_not_found + statistics.posts_found - statistics.posts_found_open
    };
    let before = records_in_index(target, &target.before);
    let needed = before + taken(&after).saturating_sub(taken(&target.before));
    let memory_needed = memory_needed(&losses, needed, &index);
    Facts { index, losses, memory_needed }
}

fn of_model(observer: &Observer, block_bytes: u64) -> Facts {
    let configuration = smallest();
    let geometry = configuration.geometry();
    let needed = observer.model().map_or(0, |model| model.log_records());
    let per_chapter = u64::from(geometry.records_per_chapter());
    let chapters = u64::from(geometry.chapters_per_volume());
    let forgotten = (needed / per_chapter + 1).saturating_sub(chapters) * per_chapter;
    let losses = Losses { records_discarded: forgotten, ..Losses::default() };
    let mut index = IndexFacts::new(&configuration, needed - forgotten, block_bytes, None);
    index.modelled = true;
    let memory_needed = memory_needed(&losses, needed, &index);
    Facts { index, losses, memory_needed }
}

fn memory_needed(losses: &Losses, needed: u64, index: &IndexFacts) -> Option<MemorySize> {
    let enough = needed.max(index.window_records);
    (losses.records_discarded > 0).then(|| memory_for_records(enough, index.sparse)).flatten()
}

impl IndexFacts {
    fn new(
        configuration: &Configuration,
        records: u64,
        block_bytes: u64,
        path: Option<String>,
    ) -> Self {
        let window = configuration.geometry().records_per_volume();
        Self {
            modelled: false,
            path,
            memory: configuration.memory_size().map(|memory| memory.to_string()),
            sparse: configuration.is_sparse(),
            disk_bytes: crate::storage::file_bytes(configuration, 0).unwrap_or(0),
            window_records: window,
            window_bytes: window * block_bytes,
            records_in_index: records,
            full_share: units::fraction(records, window),
        }
    }

    /// How far off the duplicates may be, as a share of the data: a real index counted them, and
    /// the model of one knows them as well as the `answer` says.
    pub(super) fn error(&self, answer: &Answer) -> f64 {
        if self.modelled { answer.curve.unlimited.error } else { 0.0 }
    }

    /// The facts for people.
    pub(super) fn write(&self, text: &mut String) -> std::fmt::Result {
        let path = self.path.as_ref().map(|path| units::path(Path::new(path)));
        writeln!(text, "\nIndex      {}", path.as_deref().unwrap_or("temporary"))?;
        if self.sparse {
            text.push_str("  kind     sparse: misses duplicates that come alone\n");
        }
        writeln!(
            text,
            "  size     {} of memory, {} on disk{}",
            self.memory.as_deref().unwrap_or("no named size"),
            units::bytes(self.disk_bytes),
            if self.path.is_some() { "" } else { " when full" },
        )?;
        writeln!(
            text,
            "  holds    {} of {} records, {} full",
            units::count(self.records_in_index),
            units::count(self.window_records),
            units::share(self.records_in_index, self.window_records),
        )
    }
}

/// Records of the closed chapters that are remembered, and of the open one.
fn records_in_index(target: &Target, statistics: &Statistics) -> u64 {
    let (newest, oldest) = (statistics.newest_chapter.get(), statistics.oldest_chapter.get());
    let per_chapter = u64::from(target.index.geometry().records_per_chapter());
    newest.saturating_sub(oldest) * per_chapter + statistics.open_chapter_records
}
