//! The window of an index that nobody has open: which chapters it has, or should have.
//!
//! Where the index was closed cleanly its latest save says so. Where it was not, every slot of the
//! volume is probed, as a recovery does.

use std::ops::{ControlFlow, Range};

use uds_geometry::{Geometry, PhysicalChapter, VirtualChapter};
use uds_volume::{Volume, chapter_range};

use super::Inspector;
use crate::IndexError;
use crate::engine::check_volume;
use crate::error::UncleanReason;
use crate::layout::{Layout, RegionReader, Save};
use crate::open_chapter::read_header;

/// Which chapters an index has, or should have.
#[derive(Debug)]
#[non_exhaustive]
pub struct Window {
    /// From the oldest to the one that is open, or is to be opened.
    pub chapters: Range<VirtualChapter>,
    /// How that is known.
    pub source: WindowSource,
}

/// How the window of an index is known.
#[derive(Debug)]
#[non_exhaustive]
pub enum WindowSource {
    /// The save in this slot, 0 or 1, says so: the index was closed cleanly.
    Save(u8),
    /// It was not, for this reason: those are the chapters that a recovery would find.
    Volume(UncleanReason),
}

impl Window {
    /// The chapter that belongs into each slot of the volume.
    pub(super) fn expected(&self, geometry: &Geometry) -> Vec<Option<VirtualChapter>> {
        let mut expected = vec![None; geometry.chapters_per_volume() as usize];
        for number in self.chapters.start.get()..self.chapters.end.get() {
            let chapter = VirtualChapter::new(number);
            let slot = geometry.physical_chapter(chapter).get() as usize;
            if let Some(place) = expected.get_mut(slot) {
                *place = Some(chapter);
            }
        }
        expected
    }
}

impl Inspector {
    /// Which chapters the index has, or should have.
    ///
    /// Of an index that was closed cleanly the latest save says it. Otherwise the index pages of
    /// all slots are read, which takes a while: `progress` is told how many were, and ends the work
    /// with `Break`.
    ///
    /// # Errors
    ///
    /// [`IndexError::Abandoned`] where `progress` ends it, and those of the storage where the
    /// latest save cannot be read. What cannot be read of the volume counts as no chapter.
    pub fn window(
        &self,
        progress: &mut dyn FnMut(u32) -> ControlFlow<()>,
    ) -> Result<Window, IndexError> {
        let reason = match usable_save(&self.layout, &self.volume)? {
            Ok((slot, save)) => {
                let source = WindowSource::Save(slot as u8);
                return Ok(Window { chapters: save.oldest..save.newest, source });
            }
            Err(reason) => reason,
        };
        let (mut chapters, mut pages) = (Vec::new(), Vec::new());
        for slot in 0..self.geometry().chapters_per_volume() {
            if progress(slot).is_break() {
                return Err(IndexError::Abandoned);
            }
            let probed = self.volume.probe(PhysicalChapter::new(slot), &mut pages);
            chapters.extend(probed.ok().map(|probed| probed.chapter));
        }
        let chapters = chapter_range(self.geometry(), &chapters);
        Ok(Window { chapters, source: WindowSource::Volume(reason) })
    }
}

/// The save that the index would be opened with, or why there is none. Its volume index is not
/// looked at.
pub(super) fn usable_save(
    layout: &Layout,
    volume: &Volume,
) -> Result<Result<(usize, Save), UncleanReason>, IndexError> {
    let Some((slot, save)) = layout.latest_save() else { return Ok(Err(UncleanReason::NoSave)) };
    let place = layout.slot(slot);
    let open = place.open_chapter(save.zones);
    let checked = save.check_window(volume.geometry(), place.first_block()).and_then(|()| {
        read_header(&mut RegionReader::new(&**layout.storage(), open), open.start)?;
        check_volume(volume, &save)
    });
    match checked {
        Ok(()) => Ok(Ok((slot, save))),
        Err(IndexError::NotSavedCleanly { reason }) => Ok(Err(reason)),
        Err(error @ IndexError::Storage(_)) => Err(error),
        Err(error) => Ok(Err(UncleanReason::Unusable(Box::new(error)))),
    }
}
