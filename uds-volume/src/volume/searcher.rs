//! How a zone looks names up: without waiting (specification, section 7.5).

use uds_geometry::{ChapterPage, RecordData, RecordName, RecordPageNumber, VirtualChapter, ZoneId};

use super::Volume;
use super::look_up::Held;
use super::parts::Parts;
use super::readers::Waiter;
use crate::cache::Asked;
use crate::cache::table::{Page, Pin};
use crate::error::VolumeError;
use crate::record_page::search_record_page;
use crate::sync::Arc;

/// What a look-up led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// The chapter has the name, with this data.
    Found(RecordData),
    /// The chapter does not have the name, or is no longer on the volume.
    Absent,
    /// A page has to be read first. The look-up's token will come back.
    Queued,
}

/// A zone's way to look names up. It never waits for the storage.
///
/// Each zone has at most one, from [`Readers::searcher`](super::Readers::searcher): it owns the
/// zone's pin, by which it looks at cached pages without a lock.
#[derive(Debug)]
pub struct Searcher {
    volume: Arc<Volume>,
    zone: ZoneId,
    pin: Pin,
    parts: Parts,
}

/// What a search in one page led to.
enum Step<T> {
    Done(T),
    Queued,
}

impl Searcher {
    pub(super) fn new(volume: Arc<Volume>, zone: ZoneId) -> Result<Self, VolumeError> {
        let taken = VolumeError::ZoneTaken { zone: zone.get() };
        let pin = volume.cache.claim_pin(zone).ok_or(taken)?;
        Ok(Self { volume, zone, pin, parts: Parts::new() })
    }

    /// The volume that this searches.
    #[must_use]
    pub fn volume(&self) -> &Arc<Volume> {
        &self.volume
    }

    /// Looks a name up in a chapter.
    ///
    /// Where that takes a page that is not cached, nor its parts at hand, the answer is
    /// [`Lookup::Queued`], and `token` comes back once, with a
    /// [`FinishedRead`](super::FinishedRead). `known` is the record page, if an earlier look-up for
    /// this chapter and name has come back with one.
    ///
    /// # Errors
    ///
    /// Those of [`VolumeError::is_corruption`] where a cached index page makes no sense,
    /// [`VolumeError::NoReaders`] where the readers are gone, and [`VolumeError::Argument`]
    /// for a record page that chapters do not have. Nothing comes back then.
    pub fn look_up(
        &mut self,
        chapter: VirtualChapter,
        name: &RecordName,
        known: Option<RecordPageNumber>,
        token: u64,
    ) -> Result<Lookup, VolumeError> {
        let volume = Arc::clone(&self.volume);
        let Some(held) = volume.held(chapter) else { return Ok(Lookup::Absent) };
        let result = self.look_up_held(&volume, held, name, known, token);
        match result {
            Ok(Lookup::Queued) => Ok(Lookup::Queued),
            // Void, whatever it was: the chapter has left its slot meanwhile.
            _ if !volume.is_still(held) => Ok(Lookup::Absent),
            result => result,
        }
    }

    fn look_up_held(
        &mut self,
        volume: &Volume,
        held: Held,
        name: &RecordName,
        known: Option<RecordPageNumber>,
        token: u64,
    ) -> Result<Lookup, VolumeError> {
        let zone = self.zone;
        let waiter = |page| Waiter { zone, token, held, page, name: *name };
        let number = match known {
            Some(number) => {
                volume.check_record_page(number)?;
                number
            }
            None => {
                let number = volume.index_page_for(held, name)?;
                let page = ChapterPage::Index(number);
                let search = |content: &Page| volume.search_index_page(held, page, content, name);
                let in_parts =
                    |parts: &mut Parts| parts.search_index_page(volume, held, number, name).map(Ok);
                match self.in_page(volume, waiter(page), search, in_parts)? {
                    Step::Queued => return Ok(Lookup::Queued),
                    Step::Done(found) => match found? {
                        Some(number) => number,
                        None => return Ok(Lookup::Absent),
                    },
                }
            }
        };
        let waiter = waiter(ChapterPage::Record(number));
        let search = |content: &Page| search_record_page(&content.bytes, name);
        let in_parts =
            |_: &mut Parts| Parts::search_record_page(volume, held, number, name).map(Some);
        Ok(match self.in_page(volume, waiter, search, in_parts)? {
            Step::Queued => Lookup::Queued,
            Step::Done(found) => found.map_or(Lookup::Absent, Lookup::Found),
        })
    }

    /// Searches a page if it is cached, or in parts if these are at hand and enough, and has it
    /// read otherwise.
    fn in_page<T>(
        &mut self,
        volume: &Volume,
        waiter: Waiter,
        search: impl FnOnce(&Page) -> T,
        in_parts: impl FnOnce(&mut Parts) -> Option<T>,
    ) -> Result<Step<T>, VolumeError> {
        let page = waiter.page;
        let number = volume.geometry.physical_page(waiter.held.slot, page);
        if let Some(pinned) = volume.cache.pin(&mut self.pin, number) {
            volume.counters.add_look_up(Some(self.zone), page, true);
            return Ok(Step::Done(pinned.look(search)));
        }
        if self.parts.are_enough_for(number) {
            if let Some(found) = in_parts(&mut self.parts) {
                volume.counters.add_parts(self.zone, page);
                return Ok(Step::Done(found));
            }
        }
        let asked = volume.cache.ask(&mut self.pin, number, waiter);
        let is_hit = matches!(asked, Asked::Cached(_));
        volume.counters.add_look_up(Some(self.zone), page, is_hit);
        match asked {
            Asked::Cached(pinned) => Ok(Step::Done(pinned.look(search))),
            Asked::Queued => Ok(Step::Queued),
            Asked::NoReaders => Err(VolumeError::NoReaders),
        }
    }
}
