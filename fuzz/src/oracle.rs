//! What an index may answer: data that was stored for that very name, or nothing.
//!
//! The one exception is a record whose own bytes were damaged, because records have no checksums
//! (row F4c). The damaged image says exactly which these are: those that it holds, and the good
//! image does not hold in the same place.

use uds_geometry::{RecordData, RecordName};
use uds_index::{Batch, ErrorKind, Index, Operation};

use crate::bases::{BLOCK, Base, History};

/// Bytes before the first record of a saved open chapter.
const OPEN_CHAPTER_HEADER: usize = 14;

/// What is known of a damaged index.
pub(crate) struct Oracle<'a> {
    base: &'a Base,
    damaged: &'a [u8],
    /// What was stored since.
    stored: History,
}

impl<'a> Oracle<'a> {
    pub(crate) fn new(base: &'a Base, damaged: &'a [u8]) -> Self {
        Self { base, damaged, stored: History::new() }
    }

    /// Carries out a batch, and checks its answers.
    ///
    /// # Panics
    ///
    /// On a wrong answer, and on an error that is not about damage: findings.
    pub(crate) fn run(&mut self, index: &Index, batch: &mut Batch) {
        for request in batch.requests() {
            if matches!(request.operation(), Operation::Post | Operation::Update) {
                self.stored.entry(*request.name()).or_default().push(*request.data());
            }
        }
        // Each request says itself whether it failed.
        let _ = index.run(batch);
        for request in batch.requests() {
            match request.answer().expect("every request is answered") {
                Ok(answer) => {
                    if let Some(found) = answer.data() {
                        self.check(request.name(), &found);
                    }
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::Damaged, "{error:?}"),
            }
        }
    }

    fn check(&self, name: &RecordName, found: &RecordData) {
        let is_known = |history: &History| history.get(name).is_some_and(|all| all.contains(found));
        assert!(
            is_known(&self.base.history)
                || is_known(&self.stored)
                || self.is_damaged_record(name, found),
            "{found:?} was never stored for {name:?}"
        );
    }

    /// Whether the damaged image has such a record, and the good one does not have it there.
    fn is_damaged_record(&self, name: &RecordName, data: &RecordData) -> bool {
        let mut record = [0; 32];
        record[..16].copy_from_slice(name.as_bytes());
        record[16..].copy_from_slice(data.as_bytes());
        let is_it = |at: usize| {
            let range = at..at + record.len();
            self.damaged.get(range.clone()).is_some_and(|found| found == record)
                && self.base.image.get(range).is_none_or(|good| good != record)
        };
        let pages = (0..self.damaged.len()).step_by(record.len());
        // Saved open chapters begin at a block.
        let blocks = (0..self.damaged.len()).step_by(BLOCK);
        let open_chapters = blocks.map(|block| block + OPEN_CHAPTER_HEADER);
        let of_chapter = |start: usize| {
            let bytes = self.base.sizes.open_chapter_blocks as usize * BLOCK;
            (start..start + bytes).step_by(record.len())
        };
        pages.chain(open_chapters.flat_map(of_chapter)).any(is_it)
    }
}
