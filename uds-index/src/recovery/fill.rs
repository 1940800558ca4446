//! Putting the names of a group into zones of the volume index (specification, section 11.9).

use uds_delta_index::MergeScratch;
use uds_geometry::{DeltaKey, DeltaListNumber};

use super::Recovery;
use super::scan::{Group, Placed};
use super::settle::{Settler, put};
use crate::IndexError;
use crate::volume_index::{SubIndexZone, VolumeIndexZone};

/// How many names with the same place in the same chapter are compared: they are copies of a fill
/// record, or chosen to do harm.
const COPIES_COMPARED: usize = 8;

/// Puts names into zones, list by list.
pub(super) struct Filler<'a> {
    recovery: &'a Recovery<'a>,
    scratch: MergeScratch,
    /// The names of the list at hand, and their entries.
    names: Vec<Placed>,
    entries: Vec<(DeltaKey, u32)>,
    /// Those whose places are taken.
    settler: Settler<'a>,
}

impl<'a> Filler<'a> {
    pub(super) fn new(recovery: &'a Recovery<'a>) -> Self {
        let scratch = MergeScratch::default();
        let settler = Settler::new(recovery);
        Self { recovery, scratch, names: Vec::new(), entries: Vec::new(), settler }
    }

    /// Puts the names of a group that are those of some zones into these.
    ///
    /// A name whose list is full is left out, and counted there.
    pub(super) fn fill(
        &mut self,
        group: &Group,
        zones: &mut [(usize, &mut VolumeIndexZone)],
    ) -> Result<(), IndexError> {
        // The storage is touched where two names have the same place.
        let mut working = self.recovery.control.work()?;
        for (number, zone) in zones {
            working.pass()?;
            for is_hook in [false, true] {
                zone.with_part_mut(is_hook, |part| {
                    for placed in group.names(*number, is_hook) {
                        if self.names.last().is_some_and(|last| last.list != placed.list) {
                            self.fill_list(group, part)?;
                            if self.settler.is_full() {
                                self.settler.settle(group, part, &mut working)?;
                            }
                        }
                        let value = part.value_of(group.chapter_of(placed))?;
                        self.entries.push((DeltaKey::new(placed.key), value));
                        self.names.push(placed);
                    }
                    self.fill_list(group, part)?;
                    self.settler.settle(group, part, &mut working)
                })?;
            }
        }
        Ok(())
    }

    /// Puts the names of one list.
    fn fill_list(&mut self, group: &Group, part: &mut SubIndexZone) -> Result<(), IndexError> {
        let Some(first) = self.names.first() else { return Ok(()) };
        let list = DeltaListNumber::new(first.list);
        match part.merge(list, &self.entries, &mut self.scratch)? {
            Some(left_out) => {
                for &position in left_out {
                    if !is_copy(self.recovery, group, &self.names[..=position]) {
                        self.settler.add(self.names[position]);
                    }
                }
            }
            None => {
                for position in 0..self.names.len() {
                    if !is_copy(self.recovery, group, &self.names[..=position]) {
                        put(self.recovery, group, self.names[position], part)?;
                    }
                }
            }
        }
        self.names.clear();
        self.entries.clear();
        Ok(())
    }
}

/// Whether the last of some names of a list stood before in the same chapter: its record fills the
/// places of others, that had been deleted or that another zone did not have. A second entry would
/// outlive a deletion.
fn is_copy(recovery: &Recovery<'_>, group: &Group, names: &[Placed]) -> bool {
    let Some((&placed, before)) = names.split_last() else { return false };
    let chapter = group.chapter_of(placed);
    let slot = recovery.volume.geometry().physical_chapter(chapter);
    let read = |placed| {
        let (page, node) = group.place_of(placed);
        recovery.volume.read_record(slot, page, node).ok()
    };
    let is_beside =
        |other: &&Placed| other.key == placed.key && group.chapter_of(**other) == chapter;
    let mut beside = before.iter().rev().take_while(is_beside).take(COPIES_COMPARED).peekable();
    if beside.peek().is_none() {
        return false;
    }
    let Some(record) = read(placed) else { return false };
    beside.any(|&other| read(other).is_some_and(|other| other.name == record.name))
}
