//! Suspending, resuming and closing an index, and giving it another storage (specification,
//! section 11.10).

use uds_geometry::{PhysicalChapter, VirtualChapter};
use uds_sparse_cache::ZoneCache;
use uds_volume::{Storage, Volume};

use super::{Engine, Hold};
use crate::IndexError;
use crate::SuspendMode;
use crate::gate::Caller;
use crate::layout::{Expected, Layout};
use crate::sync::{Arc, lock};

impl Engine {
    /// Takes no more requests, lets those in flight end, and keeps off the storage from then on.
    ///
    /// # Errors
    ///
    /// [`IndexError::Suspended`] while another thread suspends or resumes the index,
    /// [`IndexError::Closed`], and those of saving, with which it is suspended all the same.
    pub(crate) fn suspend(&self, mode: SuspendMode, caller: Caller) -> Result<(), IndexError> {
        let Some(change) = self.session.begin_suspend(caller)? else { return Ok(()) };
        self.gate.suspend();
        let drained = self.flush(caller);
        change.wait_for_saves();
        drained?;
        match mode {
            SuspendMode::Save => self.save_flushed(),
            SuspendMode::NoSave => Ok(()),
        }
    }

    /// Takes requests again.
    ///
    /// # Errors
    ///
    /// [`IndexError::Suspended`] while another thread suspends or resumes the index, and
    /// [`IndexError::Closed`].
    pub(crate) fn resume(&self, caller: Caller) -> Result<(), IndexError> {
        if let Some(change) = self.session.begin_resume(caller)? {
            self.gate.open();
            change.open();
        }
        Ok(())
    }

    /// Takes requests again, on another storage.
    ///
    /// # Errors
    ///
    /// As [`resume`](Self::resume); [`IndexError::NotSuspended`]; and what keeps the storage from
    /// being used, with which the index stays suspended.
    pub(crate) fn resume_on(
        &self,
        storage: Arc<dyn Storage>,
        caller: Caller,
    ) -> Result<(), IndexError> {
        let change = self.session.begin_resume(caller)?.ok_or(IndexError::NotSuspended)?;
        if !self.storage.leads_to(&storage) {
            self.replace_storage(storage)?;
        }
        self.gate.open();
        change.open();
        Ok(())
    }

    pub(crate) fn is_suspended(&self) -> bool {
        self.session.is_suspended()
    }

    /// Takes no more requests for good, lets those in flight end, and saves the index.
    ///
    /// # Errors
    ///
    /// [`IndexError::Suspended`], [`IndexError::Closed`], and those of saving, with which it
    /// is closed all the same.
    pub(crate) fn shut_down(&self, caller: Caller) -> Result<(), IndexError> {
        let change = self.session.begin_close(caller)?;
        self.gate.stop();
        let drained = self.flush(caller);
        change.wait_for_saves();
        drained?;
        self.save_flushed()
    }

    /// Goes over to another storage, which must have the same index in the same place, with every
    /// chapter that was written. Nothing is in flight.
    fn replace_storage(&self, storage: Arc<dyn Storage>) -> Result<(), IndexError> {
        let mut layout = lock(&self.layout);
        let mut holds: Vec<Hold<'_>> =
            self.seats.iter().map(|seat| seat.port.hold_exclusively()).collect();
        let other = Layout::load(Arc::clone(&storage), layout.first_block(), &Expected::default())?;
        layout.check_same_index(&other)?;
        let oldest = holds[0].zone().zone.oldest;
        self.check_chapters(oldest, &other)?;

        self.storage.lead_to(storage);
        layout.take_saves_of(&other);
        self.volume.forget_pages();
        self.chapters.replace_discard(layout.discard_place());
        if let Some(triage) = &self.triage {
            triage.forget_last();
        }
        for hold in &mut holds {
            // What the saves there lack is for the next one.
            hold.zone().zone.is_changed = true;
        }
        let caches = holds.iter_mut().filter_map(|hold| hold.zone().zone.sparse.as_mut());
        ZoneCache::invalidate(caches.map(|sparse| &mut sparse.cache));
        Ok(())
    }

    /// Checks that a storage has the chapters of the index: the newest one wholly; and in no slot
    /// another chapter than the one that was written there. What else is damaged fails the
    /// requests that need it.
    fn check_chapters(&self, oldest: VirtualChapter, other: &Layout) -> Result<(), IndexError> {
        let volume = Volume::new(
            Arc::clone(other.storage()),
            self.volume.geometry().clone(),
            other.volume_start_byte(),
            other.volume_nonce(),
        )?;
        let missing = |chapter| IndexError::ChapterNotCopied { chapter };
        let end = self.chapters.newest();
        let slot_of = |chapter| -> PhysicalChapter { self.geometry.physical_chapter(chapter) };
        if let Some(newest) = end.previous().filter(|&newest| newest >= oldest) {
            let found = volume.probe(slot_of(newest), &mut Vec::new());
            if !found.is_ok_and(|found| found.chapter == newest) {
                return Err(missing(newest));
            }
        }
        for chapter in (oldest.get()..end.get()).map(VirtualChapter::new) {
            let found = volume.chapter_in_slot(slot_of(chapter))?;
            if found.is_some_and(|found| found != chapter) {
                return Err(missing(chapter));
            }
        }
        Ok(())
    }
}
