//! Recovery: the volume index, made anew from the chapters on the volume (specification, sections
//! 7.7, 7.8 and 11.9).
//!
//! An index that was not closed cleanly has no save that agrees with its volume. What is on the
//! volume is enough to go on with: every closed chapter, but not the open one.
//!
//! | step | module | in parallel |
//! |---|---|---|
//! | probe every slot, find the range of chapters, note where their lists are | `survey` | slots |
//! | read the record pages, place each name, sort by place | `scan` | groups of chapters |
//! | put the names into the volume index, in order of place | `fill` | zones |
//!
//! Putting names in the order of their places costs a fraction of putting them in the order of the
//! chapters: each delta list is walked once for all names of a group, instead of once for each.
//! Names with the same place are put in the order of the chapters, so that the result is the
//! same.
//!
//! # Invariants
//!
//! 1. Only reads: whatever happens, the storage is as it was.
//! 2. A chapter that is bad, or a page that cannot be read, takes nothing with it but its own
//!    records.
//! 3. Memory beside the volume index is bounded, whatever the size of the volume.

mod control;
mod fill;
mod scan;
mod settle;
mod survey;

use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use uds_geometry::{VirtualChapter, VolumeIndexParameters, ZoneCount};
use uds_volume::Volume;

pub use self::control::{RecoveryControl, RecoveryPhase, RecoveryProgress};
use crate::IndexError;
use crate::sync::Arc;
use crate::volume_index::{VolumeIndexZone, regroup};

/// Threads that read at most, and threads that fill zones.
const MAX_THREADS: usize = 8;
/// The least memory of a zone that is filled for the sake of another number of zones. Pieces of
/// this size go back to the system one by one; smaller ones stay with the allocator.
const LEAST_ZONE_BYTES: u64 = 33 << 20;

/// What a recovery found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecoveryReport {
    /// The oldest chapter of the window.
    pub oldest_chapter: VirtualChapter,
    /// The chapter that is open now, after the newest on the volume.
    pub newest_chapter: VirtualChapter,
    /// Chapters whose records were recovered.
    pub chapters: u64,
    /// Chapters of the window whose slots hold something else, or something damaged: their
    /// records are lost.
    pub bad_chapters: u64,
    /// Record pages that could not be read: their records are lost.
    pub unreadable_pages: u64,
    /// Record pages of which their chapter's index has no record, as a power cut can leave them
    /// (what belongs there was not yet durable), or names that crowd one list of the index.
    pub stale_pages: u64,
    /// Records on the pages that were read, older copies of a record included.
    pub records: u64,
}

/// What a recovery works with.
pub(crate) struct Recovery<'a> {
    pub(crate) volume: &'a Volume,
    pub(crate) parameters: &'a Arc<VolumeIndexParameters>,
    pub(crate) zones: ZoneCount,
    pub(crate) control: &'a RecoveryControl,
}

impl Recovery<'_> {
    /// Makes the volume index of the chapters on the volume, and fills the index page map.
    ///
    /// # Errors
    ///
    /// [`IndexError::Abandoned`], and want of memory or threads. What cannot be read is no error.
    pub(crate) fn run(&self) -> Result<(Vec<VolumeIndexZone>, RecoveryReport), IndexError> {
        let _over = self.control.begin();
        let survey = survey::run(self)?;
        let filled = self.filled_zones();
        let mut zones = filled
            .zones()
            .map(|zone| VolumeIndexZone::new(self.parameters, zone, filled))
            .collect::<Result<Vec<_>, _>>()?;
        for zone in &mut zones {
            zone.begin_replay(survey.range.end)?;
        }
        let window = survey.range.end.get() - survey.range.start.get();
        let mut report = RecoveryReport {
            oldest_chapter: survey.range.start,
            newest_chapter: survey.range.end,
            chapters: survey.chapters.len() as u64,
            bad_chapters: window - survey.chapters.len() as u64,
            ..RecoveryReport::default()
        };
        let scanned = scan::run(self, &survey, &mut zones)?;
        report.unreadable_pages = scanned.unreadable_pages;
        report.stale_pages = scanned.stale_pages;
        report.records = scanned.records;
        if filled != self.zones {
            zones = regroup(zones, self.parameters, self.zones)?;
        }
        for zone in &mut zones {
            // Where memory is short, chapters expire early, as they would have.
            zone.set_open_chapter(survey.range.end);
        }
        Ok((zones, report))
    }

    /// The zones that the volume index is filled in: those that there will be, or more, so that
    /// every core can fill one.
    fn filled_zones(&self) -> ZoneCount {
        let threads = self.thread_count();
        if usize::from(self.zones.get()) >= threads {
            return self.zones;
        }
        let parts = [Some(&self.parameters.non_hook), self.parameters.hook.as_ref()];
        let largest = parts.into_iter().flatten().map(|part| part.memory_bytes).max();
        let most = largest.unwrap_or(0) / LEAST_ZONE_BYTES;
        let count = (most as usize).clamp(threads, ZoneCount::MAX.get().into());
        ZoneCount::new(count as u8).unwrap_or(ZoneCount::MAX)
    }

    /// How many threads do each thing that several can do.
    fn thread_count(&self) -> usize {
        available_parallelism().map_or(1, NonZeroUsize::get).min(MAX_THREADS)
    }
}
