//! Looking up names on index pages, and walking over a page to validate it.

use std::cell::Cell;

use uds_geometry::{DeltaListNumber, Geometry, RecordName, RecordPageNumber};

use super::entry_coding;
use crate::coding::EntryCoding;
use crate::list::{Defect, ListView, Mark, Position};
use crate::page::IndexPageHeader;
use crate::walks::{self, Stop, Walk};
use crate::{DeltaError, ListDefect};

/// Looks up a name on an index page: the record page that it may be on, or `None` where the
/// chapter does not hold it.
///
/// `header` was parsed from `page`. A page that is found may be another name's, with the same list
/// and key: only the record page itself tells.
///
/// # Errors
///
/// [`DeltaError::NoSuchList`] where the name's list is not on this page;
/// [`DeltaError::CorruptPage`] and [`DeltaError::CorruptList`].
pub fn search(
    header: &IndexPageHeader,
    page: &[u8],
    geometry: &Geometry,
    name: &RecordName,
) -> Result<Option<RecordPageNumber>, DeltaError> {
    Ok(search_match(header, page, geometry, name)?.map(|(page, _)| page))
}

/// Looks up a name as [`search`] does. Says with the record page whether the entry has the whole
/// name, so that it is this name's for certain.
///
/// # Errors
///
/// As [`search`].
pub fn search_match(
    header: &IndexPageHeader,
    page: &[u8],
    geometry: &Geometry,
    name: &RecordName,
) -> Result<Option<(RecordPageNumber, bool)>, DeltaError> {
    let list = geometry.chapter_list(name);
    let coding = entry_coding(geometry)?;
    search_list(&header.list(page, list, &coding)?, list, geometry, name)
}

/// Looks up a name in its list.
pub(super) fn search_list(
    view: &ListView<'_>,
    list: DeltaListNumber,
    geometry: &Geometry,
    name: &RecordName,
) -> Result<Option<(RecordPageNumber, bool)>, DeltaError> {
    let key = geometry.chapter_key(name).get();
    let in_list = |defect: Defect| defect.in_list(list);
    let head = view.seek(Mark::default(), key).map_err(in_list)?;
    if head.is_at_end || head.key != key {
        return Ok(None);
    }
    let found = view.resolve(head, name).map_err(in_list)?;
    Ok(Some((RecordPageNumber::new(view.value(found.offset)), found.is_collision)))
}

/// Walks over every list of an index page and checks that its entries make sense.
///
/// # Errors
///
/// [`DeltaError::CorruptPage`]; [`DeltaError::CorruptList`] where an entry cannot be decoded or
/// names a record page that a chapter does not have.
pub fn validate(
    header: &IndexPageHeader,
    page: &[u8],
    geometry: &Geometry,
) -> Result<(), DeltaError> {
    let coding = entry_coding(geometry)?;
    if is_sound(header, page, geometry, &coding) {
        return Ok(());
    }
    validate_singly(header, page, geometry, &coding)
}

/// Walks over one list after the other, to say what is wrong, and where.
pub(super) fn validate_singly(
    header: &IndexPageHeader,
    page: &[u8],
    geometry: &Geometry,
    coding: &EntryCoding,
) -> Result<(), DeltaError> {
    for list in header.lists() {
        let view = header.list(page, list, coding)?;
        let mut position = Position::before(Mark::default());
        loop {
            position = view.next(&position).map_err(|defect| defect.in_list(list))?;
            if position.is_at_end {
                break;
            }
            if view.value(position.offset) >= geometry.record_pages_per_chapter() {
                return Err(DeltaError::CorruptList {
                    list,
                    bit_offset: position.offset,
                    size_bits: view.size,
                    defect: ListDefect::ValueTooLarge,
                });
            }
        }
    }
    Ok(())
}

/// Whether all lists of an index page make sense, as [`validate`] wants them to. It walks along
/// several of them side by side, and does not say where one makes none.
pub(super) fn is_sound(
    header: &IndexPageHeader,
    page: &[u8],
    geometry: &Geometry,
    coding: &EntryCoding,
) -> bool {
    let is_sound = Cell::new(true);
    let count = geometry.record_pages_per_chapter();
    // Values too large are those that come before 0, counted from the first such value.
    let too_large = (coding.value_mask + 1).saturating_sub(count.into());
    let mut lists = header.lists();
    let next = || {
        let list = lists.next().filter(|_| is_sound.get())?;
        let Ok(view) = header.list(page, list, coding) else {
            is_sound.set(false);
            return None;
        };
        let end = view.start + u64::from(view.size);
        Some(Walk {
            target: u64::from(u32::MAX) + 1,
            base: count,
            expired: too_large,
            slot: view.size as usize,
            ..Walk::along(view.start, end)
        })
    };
    walks::run(page, coding, next, |size, stop| {
        let is_whole = matches!(*stop, Stop::End { offset, .. } if offset as usize == size);
        is_sound.set(is_sound.get() && is_whole);
        false
    });
    is_sound.get()
}
