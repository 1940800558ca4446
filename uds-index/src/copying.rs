//! Copying the records of one index into another: of another size, of the other kind, or both.
//!
//! The chapters of the source are read one after the other, the oldest first, and what the source
//! would find of them is stored in the target as if it had just come. What the target has no room
//! for is forgotten in the order in which the source would have forgotten it.
//!
//! | thread | does |
//! |---|---|
//! | reader | reads a chapter, drops copies that are no longer current ([`current`]) |
//! | caller | stores the records of the chapter before |
//!
//! # Invariants
//!
//! 1. The source is only read, and answers as before.
//! 2. Of a name that the source has in several chapters, what the target has in the end is the
//!    newest; of a dense source no other copy takes room in the target.
//! 3. What cannot be read is counted, and takes nothing else with it.

mod current;

use std::ops::{ControlFlow, Range};

use uds_geometry::{Record, VirtualChapter};

use self::current::Reader;
use crate::sync::mpsc::{Receiver, sync_channel};
use crate::{Batch, Index, IndexError, SurveyControl};

/// Chapters that are read before the records of the one before them are stored.
const READ_AHEAD: usize = 2;
/// Requests that are handed to the target at once.
const BATCH: usize = 2048;

/// How far a copy is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CopyProgress {
    /// Chapters of the source whose records are in the target.
    pub done: u64,
    /// All chapters of the source, the open one included.
    pub total: u64,
}

/// What a copy has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CopyReport {
    /// Chapters whose records were read, the open one included.
    pub chapters: u64,
    /// The oldest chapters, which were not read because the records of the others fill the target.
    pub skipped_chapters: u64,
    /// Records that were stored in the target. The oldest of them may be forgotten already.
    pub records: u64,
    /// Copies that were left out because the source has a newer one of the same name, or was told
    /// to forget it, or keeps it twice in a chapter.
    pub outdated: u64,
    /// Chapters that were left out because they are damaged or cannot be read.
    pub bad_chapters: u64,
    /// Record pages that were left out because they cannot be read.
    pub unreadable_pages: u64,
}

/// Why a copy was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// The index that was read failed.
    #[error("the index that is copied failed")]
    Source(#[source] IndexError),
    /// The index that was written failed.
    #[error("the new index failed")]
    Target(#[source] IndexError),
    /// The caller broke it off.
    #[error("the copy was broken off")]
    Abandoned,
}

/// Stores all records of `source` in `target`, the oldest first.
///
/// `target` should be new and empty: what it has otherwise counts as older than all that comes. It
/// may be of any size and kind. What does not fit is forgotten, the oldest first. Nothing is saved:
/// [close](Index::close) the target, or [save](Index::save) it.
///
/// Nobody should change `source` meanwhile: what comes to it is copied or not. `goes_on` is called
/// after each chapter, and may break the copy off; the target has some of the records then.
///
/// A sparse index finds most records of its sparse chapters only in the company of others: all of
/// them are copied, in the same order, whether they would be found now or not. Of those it does not
/// know which are copies of others, nor which it was told to forget: these come back.
///
/// ```
/// # use std::sync::Arc;
/// use std::ops::ControlFlow;
/// # use uds_geometry::{Configuration, LayoutSizes, RecordData, RecordName};
/// use uds_index::{CreateOptions, Index, copy_records};
/// # use uds_volume::MemoryStorage;
/// # let make = |sparse| {
/// #     let configuration = Configuration::tiny(sparse);
/// #     let bytes = LayoutSizes::new(&configuration.geometry()).unwrap().total_bytes();
/// #     let storage = Arc::new(MemoryStorage::new(bytes));
/// #     Index::create(storage, &configuration, &CreateOptions::default()).unwrap()
/// # };
/// # let (dense, sparse) = (make(false), make(true));
/// let name = RecordName::of_block(b"the block's bytes");
/// dense.post(name, RecordData::new([7; 16]))?;
/// let report = copy_records(&dense, &sparse, &mut |_| ControlFlow::Continue(()))?;
/// assert_eq!(report.records, 1);
/// assert_eq!(sparse.query(name)?.data(), Some(RecordData::new([7; 16])));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`CopyError`] tells which of the two indexes failed. What is damaged in `source` is no error,
/// but counted.
pub fn copy_records(
    source: &Index,
    target: &Index,
    goes_on: &mut dyn FnMut(CopyProgress) -> ControlFlow<()>,
) -> Result<CopyReport, CopyError> {
    let mut reader = Reader::new(source.engine()).map_err(CopyError::Source)?;
    let skipped_chapters = skip(source, target, &mut reader).map_err(CopyError::Source)?;
    let total = reader.chapters().end.get() - reader.chapters().start.get() + 1;
    let report = CopyReport { skipped_chapters, ..CopyReport::default() };
    let mut copy = Copy { target, batch: Batch::with_capacity(BATCH), report };
    let (to_store, read) = sync_channel(READ_AHEAD);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for chapter in numbers(&reader.chapters()) {
                // Where nobody takes it any more, the copy has ended.
                if to_store.send(reader.read(chapter)).is_err() {
                    return;
                }
            }
        });
        copy.store_all(read, total, goes_on)
    })?;
    Ok(copy.report)
}

/// Leaves out the oldest chapters, as many as the target would forget in any case: where the
/// records of the newer ones, as the volume index has them, fill it. Of a sparse chapter that is
/// only the samples, so that too few are left out rather than too many. Says how many are.
fn skip(source: &Index, target: &Index, reader: &mut Reader<'_>) -> Result<u64, IndexError> {
    let room = target.geometry().records_per_volume();
    let chapters = reader.chapters();
    let most = chapters.end.get().saturating_sub(chapters.start.get()).saturating_add(1);
    if most.saturating_mul(source.geometry().records_per_chapter().into()) <= room {
        return Ok(0);
    }
    let census = source.census(&SurveyControl::new())?;
    let numbers = census.oldest_chapter.get()..=census.newest_chapter.get();
    let held: Vec<(VirtualChapter, u64)> =
        numbers.map(VirtualChapter::new).zip(census.by_chapter()).collect();
    let mut newer = 0;
    for &(chapter, records) in held.iter().rev() {
        if newer >= room && chapter >= chapters.start {
            return Ok(reader.begin_after(chapter));
        }
        // What is damaged fills nothing.
        if chapter >= chapters.end || reader.is_there(chapter) {
            newer += records;
        }
    }
    Ok(0)
}

/// The chapters of a range, and then none, for the open one.
fn numbers(range: &Range<VirtualChapter>) -> impl Iterator<Item = Option<VirtualChapter>> + use<> {
    let closed = (range.start.get()..range.end.get()).map(VirtualChapter::new);
    closed.map(Some).chain([None])
}

/// What was read of a chapter.
#[derive(Debug, Default)]
struct Part {
    records: Vec<Record>,
    outdated: u64,
    unreadable_pages: u64,
    is_bad: bool,
}

/// The target's side of a copy.
struct Copy<'a> {
    target: &'a Index,
    batch: Batch,
    report: CopyReport,
}

impl Copy<'_> {
    /// Stores what was read, chapter by chapter. When it ends, so does the reader, for it takes
    /// the receiver along.
    #[expect(clippy::needless_pass_by_value, reason = "the reader must not wait for it")]
    fn store_all(
        &mut self,
        read: Receiver<Result<Part, IndexError>>,
        total: u64,
        goes_on: &mut dyn FnMut(CopyProgress) -> ControlFlow<()>,
    ) -> Result<(), CopyError> {
        for done in 1..=total {
            // It ends early only where the reader panics.
            let part = read.recv().map_err(|_| CopyError::Source(IndexError::Panicked))?;
            let part = part.map_err(CopyError::Source)?;
            self.store(&part).map_err(CopyError::Target)?;
            if goes_on(CopyProgress { done, total }).is_break() {
                return Err(CopyError::Abandoned);
            }
        }
        self.target.flush().map_err(CopyError::Target)
    }

    fn store(&mut self, part: &Part) -> Result<(), IndexError> {
        for records in part.records.chunks(BATCH) {
            self.batch.clear();
            for record in records {
                self.batch.update(record.name, record.data);
            }
            self.target.run(&mut self.batch)?;
        }
        let report = &mut self.report;
        report.chapters += u64::from(!part.is_bad);
        report.bad_chapters += u64::from(part.is_bad);
        report.records += part.records.len() as u64;
        report.outdated += part.outdated;
        report.unreadable_pages += part.unreadable_pages;
        Ok(())
    }
}
