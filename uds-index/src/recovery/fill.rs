//! Putting the names of a group into a zone of the volume index (specification, section 11.9).

use uds_delta_index::Insertion;
use uds_geometry::{DeltaKey, DeltaListNumber};

use super::Recovery;
use super::scan::{Group, Placed};
use crate::IndexError;
use crate::volume_index::{SubIndexEntry as Entry, SubIndexZone, VolumeIndexZone};

/// Puts the names of a group that are those of some zones into these.
///
/// A name whose list is full is left out, and counted there.
pub(super) fn fill(
    recovery: &Recovery<'_>,
    group: &Group,
    zones: &mut [(usize, &mut VolumeIndexZone)],
) -> Result<(), IndexError> {
    // The storage is touched where two names have the same place.
    let mut working = recovery.control.work()?;
    for (number, zone) in zones {
        working.pass()?;
        for is_hook in [false, true] {
            zone.with_part_mut(is_hook, |part| {
                let mut last = None;
                for placed in group.names(*number, is_hook) {
                    last = put(recovery, group, placed, part, last.as_ref())?;
                }
                Ok::<(), IndexError>(())
            })?;
        }
    }
    Ok(())
}

/// Puts one name, the place of which is not before that of `last`. Returns its entry, if that is
/// of use for the next one.
fn put(
    recovery: &Recovery<'_>,
    group: &Group,
    placed: Placed,
    part: &mut SubIndexZone,
    last: Option<&Entry>,
) -> Result<Option<Entry>, IndexError> {
    let chapter = group.chapter_of(placed);
    let (list, key) = (DeltaListNumber::new(placed.list), DeltaKey::new(placed.key));
    let mut entry = part.seek(list, key, last)?;
    if entry.chapter.is_none() {
        // Without an entry of the same place, nothing depends on the name.
        let insertion = part.put_first(&mut entry, chapter)?;
        return Ok((insertion == Insertion::Inserted).then_some(entry));
    }
    let volume = recovery.volume;
    let (page, node) = group.place_of(placed);
    let slot = volume.geometry().physical_chapter(chapter);
    // It was read before. If it cannot be any more, it cannot be found either.
    let Ok(record) = volume.read_record(slot, page, node) else { return Ok(None) };
    let entry = part.get(&record.name)?;
    let is_its_own = match entry.chapter {
        // The first in a chapter of several with the same place, or the same name once more.
        Some(known) if known == chapter => entry.is_collision,
        Some(known) => {
            entry.is_collision || matches!(volume.find_record(known, &record.name), Ok(Some(_)))
        }
        None => false,
    };
    if !is_its_own {
        let _: Insertion = part.put(entry, &record.name, chapter)?;
    } else if entry.chapter != Some(chapter) {
        part.set_chapter(&entry, chapter)?;
    }
    Ok(None)
}
