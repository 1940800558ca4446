//! Saving the state of an index to a save slot, and loading it (specification, sections 10.7
//! and 11.9).

use uds_geometry::{Geometry, VirtualChapter, VolumeIndexParameters, ZoneCount};
use uds_volume::Volume;

use super::{Contents, Engine, Hold, Zone, empty_open_chapters};
use crate::error::{ErrorKind, UncleanReason};
use crate::gate::Caller;
use crate::layout::{Layout, RegionReader, RegionWriter, Save};
use crate::sync::{Arc, lock};
use crate::{IndexError, open_chapter, volume_index};

impl Engine {
    /// Flushes, and saves the index, unless the save on storage is as good.
    ///
    /// # Errors
    ///
    /// [`IndexError::Poisoned`] where this or an earlier write failed: an older save that still
    /// stands is left alone. [`IndexError::Suspended`] and [`IndexError::Closed`].
    pub(crate) fn save(&self, caller: Caller) -> Result<(), IndexError> {
        self.flush(caller)?;
        let _saving = self.session.begin_save()?;
        self.save_flushed()
    }

    /// Saves the index, whose filled chapters are written or under way.
    pub(super) fn save_flushed(&self) -> Result<(), IndexError> {
        let mut layout = lock(&self.layout);
        let mut holds: Vec<Hold<'_>> =
            self.seats.iter().map(|seat| seat.port.hold_exclusively()).collect();
        self.level(&mut holds)?;
        let is_changed = holds.iter_mut().any(|hold| hold.zone().zone.is_changed);
        if self.chapters.save_stands() && !is_changed {
            return Ok(());
        }
        if let Err(error) = self.write_save(&mut layout, &mut holds) {
            self.poison_with(error);
        }
        self.check_poison()?;
        debug_assert!(self.chapters.is_all_written(), "all zones are held, and level");
        if let Some(place) = layout.discard_place() {
            self.chapters.arm_discard(place);
        }
        for hold in &mut holds {
            hold.zone().zone.is_changed = false;
        }
        Ok(())
    }

    /// Brings all zones to the same chapter, with room in it, and waits until those before are
    /// written.
    fn level(&self, holds: &mut [Hold<'_>]) -> Result<(), IndexError> {
        loop {
            self.wait_while_level(holds)?;
            if !holds.iter_mut().any(|hold| hold.zone().zone.open.is_full()) {
                return Ok(());
            }
            for (seat, hold) in self.seats.iter().zip(&mut *holds) {
                self.close_chapter(seat.id, &mut hold.zone().zone);
                seat.publish(hold.zone());
            }
        }
    }

    /// Closes the chapters of zones that are behind others, and waits for the writer.
    fn wait_while_level(&self, holds: &mut [Hold<'_>]) -> Result<(), IndexError> {
        let newest = holds.iter_mut().map(|hold| hold.zone().zone.newest).max();
        for (seat, hold) in self.seats.iter().zip(holds) {
            if Some(hold.zone().zone.newest) < newest {
                let is_closed = self.close_chapter(seat.id, &mut hold.zone().zone);
                debug_assert!(is_closed, "what another zone has closed, this one may");
                seat.publish(hold.zone());
            }
        }
        self.wait_for_writer()
    }

    fn write_save(&self, layout: &mut Layout, holds: &mut [Hold<'_>]) -> Result<(), IndexError> {
        let zones: Vec<&Zone> = holds.iter_mut().map(|hold| &hold.zone().zone).collect();
        let slot = layout.begin_save()?;
        let place = layout.slot(slot);
        let storage = &**layout.storage();

        let mut out = RegionWriter::new(storage, place.open_chapter(self.zone_count));
        let open: Vec<_> = zones.iter().map(|zone| &zone.open).collect();
        open_chapter::save(&open, &mut out)?;
        out.finish()?;

        for (id, zone) in self.zone_count.zones().zip(&zones) {
            let mut out = RegionWriter::new(storage, place.volume_index(id, self.zone_count));
            let nonce = layout.volume_nonce();
            let count = self.zone_count;
            volume_index::save(&zone.index, &self.parameters, id, count, nonce, &mut out)?;
            out.finish()?;
        }

        let mut out = RegionWriter::new(storage, place.page_map());
        self.volume.page_map().save(&mut out)?;
        out.finish()?;

        let (newest, oldest) = (zones[0].newest, zones[0].oldest);
        layout.commit_save(slot, self.zone_count, newest, oldest)
    }
}

/// The latest save, and its slot.
///
/// # Errors
///
/// [`IndexError::NotSavedCleanly`] where there is none, or none that makes sense.
pub(super) fn latest(layout: &Layout, geometry: &Geometry) -> Result<(usize, Save), IndexError> {
    let Some((slot, save)) = layout.latest_save() else {
        return Err(IndexError::NotSavedCleanly { reason: UncleanReason::NoSave });
    };
    save.check_window(geometry, layout.slot(slot).first_block()).map_err(unusable)?;
    Ok((slot, save))
}

/// Loads a save, the latest one.
///
/// # Errors
///
/// [`IndexError::NotSavedCleanly`] where chapters were written after it, or where it makes no
/// sense; the older save is not tried, because it may be stale (trap 20). Failures of the storage,
/// and want of memory, stay what they are: a rebuild would not mend them.
pub(super) fn load(
    layout: &Layout,
    save: (usize, Save),
    parameters: &Arc<VolumeIndexParameters>,
    volume: &Volume,
    zone_count: ZoneCount,
) -> Result<Contents, IndexError> {
    load_save(layout, save, parameters, volume, zone_count).map_err(|error| match error.kind() {
        ErrorKind::NotSavedCleanly | ErrorKind::Io | ErrorKind::Resources => error,
        _ => unusable(error),
    })
}

fn unusable(error: IndexError) -> IndexError {
    IndexError::NotSavedCleanly { reason: UncleanReason::Unusable(Box::new(error)) }
}

fn load_save(
    layout: &Layout,
    (slot, save): (usize, Save),
    parameters: &Arc<VolumeIndexParameters>,
    volume: &Volume,
    zone_count: ZoneCount,
) -> Result<Contents, IndexError> {
    let geometry = volume.geometry();
    let place = layout.slot(slot);
    let storage = &**layout.storage();

    let mut open = empty_open_chapters(geometry, zone_count)?;
    let region = place.open_chapter(save.zones);
    let dropped = open_chapter::load(
        &mut open,
        |record| parameters.zone_of(&record.name, zone_count),
        geometry.records_per_chapter(),
        &mut RegionReader::new(storage, region),
        region.start,
    )?;
    if dropped > 0 {
        tracing::info!(dropped, "the open chapter did not fit the zones");
    }

    let saved = volume_index::Saved {
        streams: save
            .zones
            .zones()
            .map(|zone| RegionReader::new(storage, place.volume_index(zone, save.zones)))
            .collect(),
        nonce: layout.volume_nonce(),
        newest: save.newest,
        first_block: place.volume_index(uds_geometry::ZoneId::ZERO, save.zones).start,
    };
    let indexes = volume_index::load(saved, parameters, zone_count)?;

    volume.page_map().load(&mut RegionReader::new(storage, place.page_map()))?;
    check_volume(volume, &save)?;
    let Save { newest, oldest, .. } = save;
    Ok(Contents { newest, oldest, open, indexes, is_saved: true })
}

/// Checks the save against the volume: the slot of the newest closed chapter must not have another
/// one, and the chapter that was open must not be there, nor one after it, for it would have been
/// written after the save.
///
/// Pages that cannot be read, or are damaged, prove nothing: they fail the requests that need them,
/// and no more. Nor does a later chapter where the one before the open chapter still stands, which
/// would have been overwritten first: its number is damaged.
pub(crate) fn check_volume(volume: &Volume, save: &Save) -> Result<(), IndexError> {
    let previous = save.newest.previous().filter(|&chapter| chapter >= save.oldest);
    let slot_of = |chapter| volume.geometry().physical_chapter(chapter);
    let in_its_slot = match previous {
        Some(chapter) => volume.chapter_in_slot(slot_of(chapter)).unwrap_or_default(),
        None => None,
    };
    let stands = previous.is_some() && in_its_slot == previous;
    // Only a sound chapter counts: what a crash or a recovery has left behind is not one.
    let is_since = |found: VirtualChapter| {
        if stands { found == save.newest } else { found >= save.newest }
    };
    if volume
        .probe(slot_of(save.newest), &mut Vec::new())
        .is_ok_and(|found| is_since(found.chapter))
    {
        return Err(IndexError::NotSavedCleanly { reason: UncleanReason::WrittenSince });
    }
    match (previous, in_its_slot) {
        (Some(chapter), Some(found)) if found != chapter => {
            let reason = UncleanReason::ChapterMissing { chapter };
            Err(IndexError::NotSavedCleanly { reason })
        }
        _ => Ok(()),
    }
}
