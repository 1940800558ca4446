//! Which answers are right: data that was stored for that very name, or that of a record whose own
//! bytes were damaged.

use uds_geometry::RecordData;

use super::subject::Subject;
use crate::common::{BLOCK, data, name};

/// Bytes before the first record of a saved open chapter.
const OPEN_CHAPTER_HEADER: usize = 14;

/// What is known of a damaged image.
pub(super) struct Oracle<'a> {
    pub(super) subject: &'a Subject,
    pub(super) image: &'a [u8],
}

impl Oracle<'_> {
    /// Whether data may be the answer for the name of a counter.
    pub(super) fn allows(&self, counter: u64, found: RecordData) -> bool {
        (0..self.subject.versions(counter)).any(|version| found == data(counter, version))
            || self.is_damaged_record(counter, found)
    }

    /// Whether the image has such a record where the good one has another.
    fn is_damaged_record(&self, counter: u64, found: RecordData) -> bool {
        let mut record = [0; 32];
        record[..16].copy_from_slice(name(counter).as_bytes());
        record[16..].copy_from_slice(found.as_bytes());
        let is_it = |at: usize| {
            let place = at..at + record.len();
            self.image.get(place.clone()).is_some_and(|there| there == record)
                && self.subject.image.get(place).is_none_or(|good| good != record)
        };
        let pages = (0..self.image.len()).step_by(record.len());
        // Saved open chapters begin at a block, and their records behind a header.
        let open_chapters = (0..self.image.len()).step_by(BLOCK as usize).flat_map(|block| {
            let start = block + OPEN_CHAPTER_HEADER;
            (start..start + self.subject.open_chapter_bytes()).step_by(record.len())
        });
        pages.chain(open_chapters).any(is_it)
    }
}
