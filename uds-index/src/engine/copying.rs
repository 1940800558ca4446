//! What a copy of an index has to know of the zones: which chapters are on the volume, which of
//! their records are current, and what is still in memory.

use std::ops::Range;

use uds_geometry::{Record, VirtualChapter};
use uds_volume::Volume;

use super::Engine;
use super::zone::Zone;
use crate::IndexError;
use crate::gate::Caller;
use crate::open_chapter::OpenChapter;

/// Records whose memory is waited for together.
const TOUCHED_TOGETHER: usize = 64;

/// Whether a record of a chapter is the one that its name leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Current {
    /// It is.
    Yes,
    /// A newer one is, or none.
    No,
    /// The volume index does not know: no newer dense chapter has the name.
    Unknown,
}

impl Engine {
    /// The chapters on the volume: those before the oldest that is open in any zone.
    ///
    /// # Errors
    ///
    /// [`IndexError::Poisoned`].
    pub(crate) fn written_chapters(&self) -> Result<Range<VirtualChapter>, IndexError> {
        self.flush(Caller::Other)?;
        let mut range = VirtualChapter::ZERO..VirtualChapter::new(u64::MAX);
        for seat in &self.seats {
            let mut hold = seat.port.hold_exclusively();
            let zone = &hold.zone().zone;
            range.start = range.start.max(zone.oldest);
            range.end = range.end.min(zone.newest);
        }
        range.end = range.end.max(range.start);
        Ok(range)
    }

    pub(crate) fn volume(&self) -> &Volume {
        &self.volume
    }

    /// Tells for each of the records of a chapter on the volume whether it is current.
    ///
    /// # Errors
    ///
    /// Damage in the volume index.
    pub(crate) fn tell_current(
        &self,
        chapter: VirtualChapter,
        records: &[Record],
        current: &mut Vec<Current>,
    ) -> Result<(), IndexError> {
        current.clear();
        current.resize(records.len(), Current::No);
        let mut of_zones = vec![Vec::new(); self.seats.len()];
        for (position, record) in records.iter().enumerate() {
            let zone = self.parameters.zone_of(&record.name, self.zone_count);
            of_zones[usize::from(zone.get())].push(position);
        }
        for (seat, positions) in self.seats.iter().zip(&of_zones) {
            let mut hold = seat.port.hold_exclusively();
            let zone = &mut hold.zone().zone;
            for together in positions.chunks(TOUCHED_TOGETHER) {
                let touched = together.iter().map(|&at| zone.index.touch(&records[at].name));
                std::hint::black_box(touched.fold(0, |all, one| all ^ one));
                for &position in together {
                    current[position] = self.is_current(zone, chapter, &records[position])?;
                }
            }
        }
        Ok(())
    }

    fn is_current(
        &self,
        zone: &mut Zone,
        chapter: VirtualChapter,
        record: &Record,
    ) -> Result<Current, IndexError> {
        let entry = zone.index.get(&record.name, None)?;
        if entry.chapter() == Some(chapter) {
            return Ok(Current::Yes);
        }
        let is_sparse = self.geometry.is_chapter_sparse(zone.oldest, zone.newest, chapter);
        if !is_sparse || entry.is_hook {
            return Ok(Current::No);
        }
        // The entry can be that of another name with the same address.
        let newer = entry.chapter().filter(|&newer| newer > chapter && newer <= zone.newest);
        let Some(newer) = newer else { return Ok(Current::Unknown) };
        let is_there = entry.is_collision()
            || zone.search_in_memory(newer, &record.name)
            || self.volume.find_record(newer, &record.name).is_ok_and(|found| found.is_some());
        Ok(if is_there { Current::No } else { Current::Unknown })
    }

    /// The records that are in memory and not on the volume, whose chapters end before `first`: in
    /// the order of their arrival in each zone.
    ///
    /// # Errors
    ///
    /// Damage in the volume index.
    pub(crate) fn records_in_memory(
        &self,
        first: VirtualChapter,
    ) -> Result<Vec<Record>, IndexError> {
        let mut records = Vec::new();
        for seat in &self.seats {
            let mut hold = seat.port.hold_exclusively();
            let zone = &mut hold.zone().zone;
            // Of a chapter that another zone has still open.
            if let Some(closed) = zone.closed.clone().filter(|_| zone.newest > first) {
                for record in live_records(&closed) {
                    if self.is_current(zone, first, record)? == Current::Yes {
                        records.push(*record);
                    }
                }
            }
            records.extend(live_records(&zone.open));
        }
        Ok(records)
    }
}

/// The records of an open chapter that are not deleted.
fn live_records(part: &OpenChapter) -> impl Iterator<Item = &Record> {
    let all = part.records().iter().enumerate();
    all.filter(|(index, _)| !part.is_deleted(*index)).map(|(_, record)| record)
}
