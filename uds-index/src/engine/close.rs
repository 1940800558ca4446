//! Closing a chapter (specification, section 11.6).
//!
//! Each zone closes its part of a chapter by itself. The first to do so nudges the others; they
//! close theirs before they do anything else, however little is in it, also where they wait for
//! something. The last part to arrive sets the writer to work.
//!
//! # Invariants
//!
//! 1. A zone closes chapter `n` only when every chapter before `n` is written, so no zone is more
//!    than one chapter ahead of another.
//! 2. A closed part is shared with the writer alone, and only until its chapter is written: its
//!    memory is then that of the next open chapter.

use uds_geometry::ZoneId;

use super::Engine;
use super::zone::Zone;
use crate::open_chapter::OpenChapter;
use crate::sync::Arc;

impl Engine {
    /// Closes a zone's part of the open chapter. Says whether it could: if not, the chapter
    /// before is not written yet. A poisoned index closes nothing, and says that it could.
    pub(super) fn close_chapter(&self, id: ZoneId, zone: &mut Zone) -> bool {
        let chapter = zone.newest;
        if self.is_poisoned() {
            return true;
        }
        if !self.chapters.may_close(chapter) {
            return false;
        }
        let spare = match zone.take_spare() {
            Ok(spare) => spare,
            Err(error) => {
                self.poison_with(error);
                return true;
            }
        };
        let part = Arc::new(std::mem::replace(&mut zone.open, spare));
        zone.closed = Some(Arc::clone(&part));
        zone.newest = chapter.next();
        zone.index.set_open_chapter(zone.newest);
        let expiring = self.geometry.chapters_to_expire(zone.newest);
        let oldest = zone.oldest;
        zone.oldest = oldest.later_by(expiring);

        let arrival = self.chapters.hand_over(id, chapter, part);
        if arrival.is_first {
            for seat in self.seats.iter().filter(|seat| seat.id != id) {
                seat.port.nudge();
            }
        }
        if arrival.is_last {
            // No zone looks into these any more.
            for count in 0..expiring {
                self.volume.forget_chapter(oldest.later_by(count));
            }
        }
        true
    }
}

impl Zone {
    /// An empty part for the next open chapter: the memory of the one that was written last.
    fn take_spare(&mut self) -> Result<OpenChapter, crate::IndexError> {
        let written = self.closed.take().and_then(Arc::into_inner);
        let mut spare = match written.or_else(|| self.spare.take()) {
            Some(spare) => spare,
            None => OpenChapter::new(self.open.capacity())?,
        };
        spare.reset();
        Ok(spare)
    }
}
