//! Removing the entries of expired chapters (specification, section 9.4).
//!
//! Only those segments of a list are walked that may have such entries, and the lists of requests
//! that are begun together are walked side by side.

use uds_delta_index::{AgingSegment, SEGMENTS};
use uds_geometry::DeltaListNumber;

use super::sub_index::SubIndexZone;
use crate::IndexError;

/// A list is written anew where more chapters have expired since than one in so many.
const MOSTLY: u64 = 8;

/// Segments of lists that have to be flushed.
#[derive(Debug, Default)]
pub(super) struct StaleSegments {
    segments: Vec<AgingSegment>,
    /// Their lists, with the flush chapters that all of their segments had.
    lists: Vec<(DeltaListNumber, [u64; SEGMENTS])>,
}

impl StaleSegments {
    fn clear(&mut self) {
        self.segments.clear();
        self.lists.clear();
    }
}

/// Tells entries of expired chapters from others.
#[derive(Debug)]
struct Expiry {
    /// No entry is of an older chapter.
    base: u64,
    mask: u64,
    /// How many chapters from `base` on have expired.
    expired: u64,
    /// The oldest chapter of an entry that is kept, counted from `base`.
    oldest: u64,
}

impl Expiry {
    /// Whether the chapter that a value stands for has not expired.
    #[inline]
    fn is_live(&mut self, value: u32) -> bool {
        let relative = u64::from(value).wrapping_sub(self.base) & self.mask;
        let is_live = relative >= self.expired;
        if is_live {
            self.oldest = self.oldest.min(relative);
        }
        is_live
    }
}

impl SubIndexZone {
    /// Removes the entries of expired chapters from a list, if there may be any.
    pub(super) fn flush_if_stale(&mut self, list: DeltaListNumber) -> Result<(), IndexError> {
        if self.flush_chapter(list)? < self.low {
            return self.flush_stale(std::iter::once(list));
        }
        Ok(())
    }

    /// Flushes lists, those of them that have to be, side by side. Lists of other zones are passed
    /// over.
    pub(super) fn flush_stale(
        &mut self,
        lists: impl Iterator<Item = DeltaListNumber>,
    ) -> Result<(), IndexError> {
        let mut stale = std::mem::take(&mut self.stale);
        stale.clear();
        for list in lists {
            if self.flush_chapter(list).is_ok_and(|chapter| chapter < self.low) {
                self.note_stale(list, &mut stale)?;
            }
        }
        let result = self.flush_together(&mut stale);
        self.stale = stale;
        result
    }

    /// Removes the entries of expired chapters from a list by writing it anew. None of its entries
    /// is older than `base`.
    fn flush_whole(&mut self, list: DeltaListNumber, base: u64) -> Result<(), IndexError> {
        let mut expiry = self.expiry(base);
        self.lists.retain(list, |value| expiry.is_live(value))?;
        self.set_flush_chapters(list, [self.oldest_kept(&expiry); SEGMENTS])
    }

    /// Notes which segments of a list have to be flushed, or flushes it where that is better.
    fn note_stale(
        &mut self,
        list: DeltaListNumber,
        stale: &mut StaleSegments,
    ) -> Result<(), IndexError> {
        let chapters = self.flush_chapters_of(list)?;
        let base = chapters.iter().copied().min().unwrap_or(self.low);
        if self.has_mostly_expired(base) {
            return self.flush_whole(list, base);
        }
        if stale.lists.iter().any(|other| other.0 == list) {
            return Ok(());
        }
        stale.lists.push((list, chapters));
        let Expiry { base, mask, expired, .. } = self.expiry(base);
        let base = (base & mask) as u32;
        for segment in (0..SEGMENTS).filter(|&segment| chapters[segment] < self.low) {
            stale.segments.push(AgingSegment { list, segment, base, expired, oldest: 0 });
        }
        Ok(())
    }

    fn flush_together(&mut self, stale: &mut StaleSegments) -> Result<(), IndexError> {
        let StaleSegments { segments, lists } = stale;
        self.lists.drop_oldest(segments)?;
        let mut flushed = segments.iter().peekable();
        for (list, chapters) in lists {
            while let Some(segment) = flushed.next_if(|next| next.list == *list) {
                chapters[segment.segment] = self.oldest_of(segment.base, segment.oldest);
            }
            self.set_flush_chapters(*list, *chapters)?;
        }
        Ok(())
    }

    /// The flush chapters of a list's segments.
    fn flush_chapters_of(&self, list: DeltaListNumber) -> Result<[u64; SEGMENTS], IndexError> {
        let tags = self.lists.tags(list)?;
        let base = self.chapter_of_tag(tags.list);
        Ok(tags.segments.map(|above| base.saturating_add(above.into())))
    }

    /// Whether a good part of a list's entries may have expired, so that it is best written anew.
    fn has_mostly_expired(&self, flush_chapter: u64) -> bool {
        self.low.saturating_sub(flush_chapter) > self.mask() / MOSTLY
    }

    /// What tells entries of expired chapters, none of which is older than `base`, from others.
    fn expiry(&self, base: u64) -> Expiry {
        let mask = self.mask();
        Expiry { base, mask, expired: self.low.saturating_sub(base).min(mask + 1), oldest: mask }
    }

    /// The oldest chapter of the entries that were kept. Where none was, the last chapter that
    /// their values could have stood for, or the newest one: whatever is put from now on is of
    /// that one.
    fn oldest_kept(&self, expiry: &Expiry) -> u64 {
        self.oldest_of(expiry.base as u32, expiry.oldest as u32)
    }

    /// The chapter of the oldest value that was kept, counted from the value `base`; or the newest
    /// chapter where none was.
    fn oldest_of(&self, base: u32, oldest: u32) -> u64 {
        let value = u64::from(base.wrapping_add(oldest)) & self.mask();
        self.chapter_of(value).min(self.high)
    }
}
