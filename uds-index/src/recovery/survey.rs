//! Which chapters there are.

use std::ops::Range;

use uds_geometry::{PhysicalChapter, VirtualChapter};
use uds_volume::{ProbedChapter, chapter_range};

use super::{Recovery, RecoveryPhase};
use crate::IndexError;
use crate::sync::counter::{AtomicU32, Ordering};

/// The chapters of a volume.
pub(super) struct Survey {
    /// From the oldest to the one that is to be opened.
    pub(super) range: Range<VirtualChapter>,
    /// Those of them that are sound, in order.
    pub(super) chapters: Vec<VirtualChapter>,
}

/// Probes all slots, finds the range, and takes the rows of its chapters into the index page map.
pub(super) fn run(recovery: &Recovery<'_>) -> Result<Survey, IndexError> {
    let volume = recovery.volume;
    let slots = volume.geometry().chapters_per_volume();
    recovery.control.enter_phase(RecoveryPhase::Surveying, slots.into());
    let next = AtomicU32::new(0);
    let probe_some = || -> Result<Vec<ProbedChapter>, IndexError> {
        let mut working = recovery.control.work()?;
        let mut pages = Vec::new();
        let mut probed = Vec::new();
        loop {
            working.pass()?;
            let slot = next.fetch_add(1, Ordering::Relaxed);
            if slot >= slots {
                return Ok(probed);
            }
            match volume.probe(PhysicalChapter::new(slot), &mut pages) {
                Ok(chapter) => probed.push(chapter),
                // A slot that was never written is no news, nor is one that is damaged an end.
                Err(error) => tracing::debug!(slot, error = &error as &dyn std::error::Error),
            }
            recovery.control.step();
        }
    };
    let mut probed = Vec::new();
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..recovery.thread_count()).map(|_| scope.spawn(probe_some)).collect();
        for thread in threads {
            probed.extend(thread.join().map_err(|_| IndexError::Panicked)??);
        }
        Ok::<(), IndexError>(())
    })?;
    let numbers: Vec<VirtualChapter> = probed.iter().map(|probed| probed.chapter).collect();
    let range = chapter_range(volume.geometry(), &numbers);
    probed.retain(|probed| range.contains(&probed.chapter));
    probed.sort_unstable_by_key(|probed| probed.chapter);
    for chapter in &probed {
        volume.adopt(chapter)?;
    }
    Ok(Survey { range, chapters: probed.into_iter().map(|probed| probed.chapter).collect() })
}
