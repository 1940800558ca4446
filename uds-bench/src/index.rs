//! The deduplication index as a store under measurement, by its public interface.

use std::fs;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use thiserror::Error;
use uds_geometry::{Configuration, GeometryError, LayoutSizes, Record, RecordData, ZoneCount};
use uds_index::{Answer, Batch, CreateOptions, Index, IndexError, OpenOptions, RecoveryControl};
use uds_volume::{FileOptions, FileStorage, Storage, StorageError};

use crate::subject::{Ending, Maker, Operation, Subject, Window};
use crate::sync::Arc;

/// Chapters whose records count as recent.
const RECENT_CHAPTERS: u64 = 4;

/// Why an index under measurement could not do something.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IndexTrouble {
    /// The index has failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// Its file could not be made or opened.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// There is no such index.
    #[error(transparent)]
    Geometry(#[from] GeometryError),
    /// A request of a batch has no answer.
    #[error("request {place} of a batch has no answer")]
    Request {
        /// Its place in the batch.
        place: usize,
        /// Why.
        source: Arc<IndexError>,
    },
    /// A request of a batch was never carried out.
    #[error("request {place} of a batch was not carried out, and no failure was reported")]
    NotCarriedOut {
        /// Its place in the batch.
        place: usize,
    },
    /// A name was found with the data of another.
    #[error(
        "wrong answer: the name {} was stored with the data {}, and found with {found}",
        .record.name, .record.data
    )]
    WrongData {
        /// What was stored.
        record: Record,
        /// The data that the index gave.
        found: RecordData,
    },
    /// The index was recovered although it was closed, or was not although it had to be.
    #[error(
        "the index was {}recovered when it was opened, and {} before",
        if *.recovered { "" } else { "not " },
        if *.recovered { "had been closed cleanly" } else { "had chapters that no save knew" }
    )]
    WrongOpening {
        /// Whether it was recovered.
        recovered: bool,
    },
}

/// Makes and opens an index in a file.
#[derive(Debug)]
pub struct IndexMaker {
    path: PathBuf,
    configuration: Configuration,
    zones: ZoneCount,
    recovery: RecoveryControl,
}

impl IndexMaker {
    /// An index of this configuration, to be made in a file that does not exist yet. The file takes
    /// as much of the disk as is written to it.
    ///
    /// A sparse index should have six dense chapters or more: recent names are those of the last
    /// four that are closed, and all of them must be found.
    #[must_use]
    pub fn new(path: &Path, configuration: Configuration, zones: ZoneCount) -> Self {
        let recovery = RecoveryControl::new();
        Self { path: path.to_path_buf(), configuration, zones, recovery }
    }

    /// By which another thread can end the recovery.
    #[must_use]
    pub fn recovery(&self) -> &RecoveryControl {
        &self.recovery
    }
}

impl Maker for IndexMaker {
    type Error = IndexTrouble;
    type Subject = IndexSubject;

    fn create(&self) -> Result<IndexSubject, IndexTrouble> {
        let bytes = LayoutSizes::new(&self.configuration.geometry())?.total_bytes();
        let storage = FileOptions::new().sparse(true).create(&self.path, bytes)?;
        let options = CreateOptions { zones: self.zones, ..CreateOptions::default() };
        let index = Index::create(Arc::new(storage), &self.configuration, &options);
        // Half an index is none: a failed creation leaves no file.
        let index = index.inspect_err(|_| drop(fs::remove_file(&self.path)))?;
        Ok(IndexSubject { index })
    }

    fn open(&self, ending: Ending) -> Result<IndexSubject, IndexTrouble> {
        let storage: Arc<dyn Storage> = Arc::new(FileStorage::open(&self.path)?);
        let options = OpenOptions { zones: self.zones, ..OpenOptions::default() };
        let index = Index::open_controlled(storage, &options, &self.recovery)?;
        let recovered = index.recovery().is_some();
        if recovered != (ending == Ending::Abandoned) {
            return Err(IndexTrouble::WrongOpening { recovered });
        }
        Ok(IndexSubject { index })
    }

    fn abandon(&self, subject: IndexSubject) -> Result<(), IndexTrouble> {
        // Dropped without a save, and that is all that a kill leaves, too.
        drop(subject);
        Ok(())
    }

    fn bytes_on_storage(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |metadata| metadata.blocks() * 512)
    }
}

/// An open index.
#[derive(Debug)]
pub struct IndexSubject {
    index: Index,
}

impl Subject for IndexSubject {
    type Batch = Batch;
    type Error = IndexTrouble;

    fn batch(&self) -> Batch {
        Batch::new()
    }

    fn fill(&self, batch: &mut Batch, operation: Operation, records: &[Record]) {
        batch.clear();
        for record in records {
            match operation {
                Operation::Post => batch.post(record.name, record.data),
                Operation::Query => batch.query_no_update(record.name),
            }
        }
    }

    fn run(&self, batch: &mut Batch) -> Result<(), IndexTrouble> {
        Ok(self.index.run(batch)?)
    }

    fn found(&self, batch: &Batch, records: &[Record]) -> Result<u64, IndexTrouble> {
        let mut found = 0;
        for (place, (record, answer)) in records.iter().zip(batch.answers()).enumerate() {
            match answer {
                Some(Ok(Answer::Found { data, .. })) if *data == record.data => found += 1,
                Some(Ok(Answer::Found { data, .. })) => {
                    return Err(IndexTrouble::WrongData { record: *record, found: *data });
                }
                Some(Ok(Answer::Absent)) => {}
                Some(Err(source)) => {
                    return Err(IndexTrouble::Request { place, source: Arc::clone(source) });
                }
                None => return Err(IndexTrouble::NotCarriedOut { place }),
            }
        }
        Ok(found)
    }

    fn window(&self) -> Window {
        let statistics = self.index.statistics();
        let closed = statistics.posts_not_found.saturating_sub(statistics.open_chapter_records);
        window(closed, statistics.oldest_chapter.get()..statistics.newest_chapter.get())
    }

    fn close(self) -> Result<(), IndexTrouble> {
        Ok(self.index.close()?)
    }
}

/// The window after so many new records have gone to chapters that are closed, and those in
/// `chapters` are still there.
///
/// With several zones a chapter ends when one of them has its share, so chapters differ a little in
/// length; with several callers, records are not quite in their order. So the mean length is used,
/// and the oldest chapter is left out unless it is the first of all.
fn window(posted: u64, chapters: Range<u64>) -> Window {
    let first_of = |chapter: u64| {
        let first = u128::from(posted) * u128::from(chapter) / u128::from(chapters.end.max(1));
        first as u64
    };
    let oldest = if chapters.start == 0 { 0 } else { first_of(chapters.start + 1) };
    let end = first_of(chapters.end).max(oldest);
    let recent = first_of(RECENT_CHAPTERS.min(chapters.end)).min(end - oldest);
    Window { oldest, end, recent }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards against names that are looked up after they were forgotten, and against an empty range
    // to take random ones from.
    #[test]
    fn the_window_is_what_closed_chapters_hold() {
        let of = |posted, chapters| {
            let it = window(posted, chapters);
            (it.oldest, it.end, it.recent)
        };
        assert_eq!(of(0, 0..0), (0, 0, 0));
        assert_eq!(of(100, 0..1), (0, 100, 100));
        assert_eq!(of(1000, 0..10), (0, 1000, 400));
        assert_eq!(of(1000, 4..10), (500, 1000, 400));
        assert_eq!(of(993, 4..10), (496, 993, 397), "chapters that are not full");
        assert_eq!(of(1000, 8..10), (900, 1000, 100), "no more than there are");
        assert_eq!(of(1000, 9..10), (1000, 1000, 0));
    }
}
