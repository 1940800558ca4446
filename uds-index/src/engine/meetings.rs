//! Meetings of the zones, at which they change the sparse cache (specification, section 11.8).
//!
//! A zone that comes to a barrier message for a chapter that is not in the cache arrives at a
//! meeting, and *stalls* until it is over: it lets go of its port, and so of the thread. Only one
//! thing can it do meanwhile: close a chapter that another zone has closed. So a zone that must
//! close chapters before it comes to the same message is not kept from it by zones that are there
//! already (trap 42).
//!
//! Nobody sleeps at a barrier while holding a zone; a save can hold zones that are at a meeting.

#[cfg(test)]
#[cfg(uds_loom)]
mod models;

use std::panic::{AssertUnwindSafe, catch_unwind};

use uds_delta_index::IndexPageHeader;
use uds_geometry::VirtualChapter;
use uds_sparse_cache::{Change, ChapterIndexSource, ZoneCache};
use uds_volume::{Volume, VolumeError};

use super::Engine;
use super::work::Desk;
use super::zone::{Sparse, SparseCounts};
use crate::port::{Port, Stall};
use crate::sync::{Mutant, is_mutated};

/// The volume as the place where chapter indexes come from.
pub(super) struct VolumeSource<'a>(pub(super) &'a Volume);

impl ChapterIndexSource for VolumeSource<'_> {
    type Error = VolumeError;

    fn read_chapter_index(
        &self,
        chapter: VirtualChapter,
        pages: &mut Vec<u8>,
    ) -> Result<Option<Vec<IndexPageHeader>>, VolumeError> {
        // Every name that the volume index does not know will be looked for in these pages: none
        // may fail because of what is wrong with them.
        self.0.read_sound_chapter_index(chapter, pages)
    }
}

impl Engine {
    /// Brings a zone to the barrier message that is due, if one is. Says whether it can go on
    /// with its requests: if not, it is at a meeting.
    pub(super) fn attend(&self, desk: &mut Desk) -> bool {
        while let Some(chapter) = desk.waiting.due_barrier() {
            let Some(sparse) = &mut desk.zone.sparse else { return true };
            if !sparse.cache.contains(chapter) {
                if let Some(step) = sparse.cache.arrive() {
                    self.reach(step);
                }
                return false;
            }
            desk.waiting.pass_barrier();
        }
        true
    }

    /// Does what a zone can do at the meeting that it is at, if it is at one. Returns the step that
    /// it has to wait for, or `None` if it can go on.
    pub(super) fn meet(&self, desk: &mut Desk) -> Option<u64> {
        let oldest = desk.zone.oldest;
        let Sparse { cache, counted } = desk.zone.sparse.as_mut()?;
        cache.awaited_step()?;
        let chapter = desk.waiting.due_barrier()?;
        let change = |change: Change<'_>| self.change(change, chapter, oldest, counted);
        let awaited = go_on_at_meeting(cache, change);
        if awaited.is_none() {
            desk.waiting.pass_barrier();
        }
        awaited
    }

    /// Brings a chapter into the cache, and ends the meeting.
    fn change(
        &self,
        mut change: Change<'_>,
        chapter: VirtualChapter,
        oldest: VirtualChapter,
        counted: &mut SparseCounts,
    ) {
        // Whatever the storage does, the other zones must go on.
        let load = || change.load(chapter, oldest, &VolumeSource(&self.volume));
        let loaded = catch_unwind(AssertUnwindSafe(load));
        let step = change.end();
        let is_loaded = match loaded {
            Ok(Ok(is_loaded)) => {
                counted.loaded += u64::from(is_loaded);
                is_loaded
            }
            Ok(Err(error)) => {
                counted.failed += 1;
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "the index of sparse chapter {chapter} cannot be cached");
                false
            }
            Err(_) => {
                counted.failed += 1;
                tracing::error!("reading the index of sparse chapter {chapter} panicked");
                false
            }
        };
        if let (false, Some(triage)) = (is_loaded, &self.triage) {
            triage.forget_last();
        }
        self.reach(step);
    }

    /// Has the zones that wait for a step of a meeting go on.
    fn reach(&self, step: u64) {
        reach(self.seats.iter().map(|seat| &seat.port), step);
    }
}

/// Does what a zone can do at a meeting: the captain changes the cache once all have arrived, the
/// others leave once that is done. Returns the step that the zone has to wait for, or `None` if
/// the meeting is over for it.
fn go_on_at_meeting(cache: &mut ZoneCache, change: impl FnOnce(Change<'_>)) -> Option<u64> {
    let awaited = cache.awaited_step()?;
    if let Some(right) = cache.try_change() {
        change(right);
        return None;
    }
    (!cache.try_leave()).then_some(awaited)
}

/// Has the zones that wait for a step of a meeting go on.
fn reach<'a, Z: 'a, T: 'a, R: 'a>(ports: impl Iterator<Item = &'a Port<Z, T, R>>, step: u64) {
    if !is_mutated(Mutant::MeetingStepIsSilent) {
        ports.for_each(|port| port.resume(Stall::Meeting, step));
    }
}
