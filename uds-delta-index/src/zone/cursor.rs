//! Cursors: finding a key, and walking a list entry by entry (specification, section 3.5).

use uds_geometry::{DeltaKey, DeltaListNumber, RecordName};

use super::{DeltaZone, SEGMENTS};
use crate::list::{Mark, Position};
use crate::walks::Walk;
use crate::{CursorMisuse, DeltaError};

/// A place in a delta list: at an entry, at the end, or before the first entry.
///
/// A cursor is good until the zone is changed by other means than this cursor: afterwards every
/// use of it is refused with [`CursorMisuse::Stale`]. Setting a value is not such a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub(super) position: Position,
    pub(super) list: DeltaListNumber,
    pub(super) stamp: u32,
}

impl Cursor {
    /// The list that the cursor is in.
    #[must_use]
    pub const fn list(&self) -> DeltaListNumber {
        self.list
    }

    /// The key of the entry; at the end, that of the last entry.
    #[must_use]
    pub const fn key(&self) -> DeltaKey {
        DeltaKey::new(self.position.key)
    }

    /// Whether the cursor is beyond the last entry.
    #[must_use]
    pub const fn is_at_end(&self) -> bool {
        self.position.is_at_end
    }

    /// Whether the cursor is at a collision entry, whose whole name is known.
    #[must_use]
    pub const fn is_collision(&self) -> bool {
        self.position.is_collision
    }

    /// Whether the cursor is at an entry with this key.
    #[must_use]
    #[inline]
    pub const fn matches(&self, key: DeltaKey) -> bool {
        self.is_at_entry() && self.position.key == key.get()
    }

    /// Whether there is an entry at the cursor: it is neither at the end nor before the first.
    const fn is_at_entry(&self) -> bool {
        !self.position.is_at_end && self.position.bits > 0
    }
}

impl DeltaZone {
    /// Looks for a key, and among several entries of that key for a name.
    ///
    /// The result is at a collision entry with this very name; or else at the ordinary entry of
    /// this key, which may or may not be this name's; or else at the next larger key or the end,
    /// where the key would be inserted.
    ///
    /// # Errors
    ///
    /// [`DeltaError::NoSuchList`] or [`DeltaError::CorruptList`].
    #[inline]
    pub fn find(
        &mut self,
        list: DeltaListNumber,
        key: DeltaKey,
        name: &RecordName,
    ) -> Result<Cursor, DeltaError> {
        let index = self.index_of(list)?;
        self.mark(index);
        let mark = self.mark_for(index, key.get());
        let head = self.view(index).seek(mark, key.get());
        self.cursor_at(index, list, key, name, head.map_err(|defect| defect.in_list(list))?)
    }

    /// The cursor for a name, where the first entry with its key or a larger one is known.
    #[inline]
    pub(super) fn cursor_at(
        &self,
        index: usize,
        list: DeltaListNumber,
        key: DeltaKey,
        name: &RecordName,
        head: Position,
    ) -> Result<Cursor, DeltaError> {
        let position = if !head.is_at_end && head.key == key.get() {
            self.view(index).resolve(head, name).map_err(|defect| defect.in_list(list))?
        } else {
            head
        };
        Ok(Cursor { position, list, stamp: self.stamp })
    }

    /// Where to begin the walk to a key.
    #[inline]
    pub(super) fn mark_for(&self, index: usize, key: u32) -> Mark {
        let segmentation = self.segmentation;
        self.headers[index].mark_before(segmentation, segmentation.segment_of(key))
    }

    /// A walk along a list from the last mark at or before a segment on, that stops at nothing.
    #[inline]
    pub(super) fn walk_from(&self, index: usize, segment: usize) -> Walk {
        let header = &self.headers[index];
        let Mark { offset, key } = header.mark_before(self.segmentation, segment);
        let walk = Walk::along(header.start(), header.end());
        Walk { place: walk.start + u64::from(offset), key, ..walk }
    }

    /// Sees to it that a list has good marks. One that is damaged stays without: it is walked from
    /// its start, until whoever walks it comes upon the damage.
    #[inline]
    pub(super) fn mark(&mut self, index: usize) {
        if !self.headers[index].is_marked() {
            self.make_marks(index);
        }
    }

    #[cold]
    #[inline(never)]
    fn make_marks(&mut self, index: usize) {
        let view = self.view(index);
        let mut marks = [Mark::default(); SEGMENTS - 1];
        let mut mark = Mark::default();
        for (segment, slot) in (1..).zip(&mut marks) {
            // With keys of 32 bits, the last boundary is at three quarters of them.
            let boundary = self.segmentation.boundary(segment) as u32;
            let Ok(head) = view.seek(mark, boundary) else { return };
            mark = Mark { offset: head.offset, key: head.previous_key() };
            *slot = mark;
        }
        self.headers[index].set_marks(self.segmentation, &marks);
    }

    /// A cursor before the first entry of a list; [`next`](Self::next) takes it there.
    ///
    /// # Errors
    ///
    /// [`DeltaError::NoSuchList`].
    pub fn cursor(&self, list: DeltaListNumber) -> Result<Cursor, DeltaError> {
        self.index_of(list)?;
        let position = Position::before(Mark::default());
        Ok(Cursor { position, list, stamp: self.stamp })
    }

    /// Moves a cursor to the next entry or, after the last one, to the end.
    ///
    /// # Errors
    ///
    /// [`DeltaError::Misuse`] at the end or for a stale cursor; [`DeltaError::CorruptList`].
    pub fn next(&self, cursor: &mut Cursor) -> Result<(), DeltaError> {
        let index = self.checked_index(cursor)?;
        if cursor.position.is_at_end {
            return Err(misuse(cursor, CursorMisuse::AtEnd));
        }
        let next = self.view(index).next(&cursor.position);
        cursor.position = next.map_err(|defect| defect.in_list(cursor.list))?;
        Ok(())
    }

    /// The value of the entry at the cursor, or `None` where there is no entry or the cursor is
    /// stale.
    #[must_use]
    #[inline]
    pub fn value(&self, cursor: &Cursor) -> Option<u32> {
        let index = self.checked_index(cursor).ok()?;
        cursor.is_at_entry().then(|| self.view(index).value(cursor.position.offset))
    }

    /// The name of the collision entry at the cursor, or `None` where there is no collision entry
    /// or the cursor is stale.
    #[must_use]
    pub fn collision_name(&self, cursor: &Cursor) -> Option<RecordName> {
        let index = self.checked_index(cursor).ok()?;
        cursor.position.is_collision.then(|| self.view(index).name(&cursor.position))
    }

    /// Overwrites the value of the entry at the cursor.
    ///
    /// # Errors
    ///
    /// [`DeltaError::Misuse`] where there is no entry or the cursor is stale;
    /// [`DeltaError::InvalidArgument`] for a value that does not fit.
    pub fn set_value(&mut self, cursor: &Cursor, value: u32) -> Result<(), DeltaError> {
        let index = self.checked_index(cursor)?;
        if !cursor.is_at_entry() {
            return Err(misuse(cursor, CursorMisuse::AtEnd));
        }
        self.check_value(value)?;
        let place = self.headers[index].start() + u64::from(cursor.position.offset);
        self.coding.set_value(&mut self.memory, place, value);
        Ok(())
    }

    pub(super) fn check_value(&self, value: u32) -> Result<(), DeltaError> {
        if self.coding.holds(value) {
            return Ok(());
        }
        Err(DeltaError::InvalidArgument {
            what: "value of an entry",
            found: u64::from(value),
            wanted: "small enough for the bits that values have in this index",
        })
    }

    /// The index of the header of a cursor's list, if the cursor is good.
    #[inline]
    pub(super) fn checked_index(&self, cursor: &Cursor) -> Result<usize, DeltaError> {
        let index = self.index_of(cursor.list)?;
        // The bounds hold for every cursor of this zone with the right stamp; a cursor of another
        // zone must not panic either.
        let is_within = cursor.position.end() <= u32::from(self.headers[index].size);
        if cursor.stamp == self.stamp && is_within {
            Ok(index)
        } else {
            Err(misuse(cursor, CursorMisuse::Stale))
        }
    }

    /// Notes that a list has changed, by this cursor.
    #[inline]
    pub(super) fn changed_by(&mut self, cursor: &mut Cursor, index: usize) {
        self.changed(index);
        cursor.stamp = self.stamp;
    }

    /// Notes that a list has changed: cursors are stale.
    #[inline]
    pub(super) fn changed(&mut self, index: usize) {
        self.stamp = self.stamp.wrapping_add(1);
        self.ahead.note_change(index);
    }

    /// Notes that all lists may have changed.
    pub(super) fn changed_throughout(&mut self) {
        self.stamp = self.stamp.wrapping_add(1);
        self.ahead.forget();
    }
}

#[cold]
pub(super) fn misuse(cursor: &Cursor, misuse: CursorMisuse) -> DeltaError {
    DeltaError::Misuse { list: cursor.list, misuse }
}
