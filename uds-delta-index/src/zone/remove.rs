//! Removal (specification, section 3.8).

use super::cursor::misuse;
use super::{Cursor, DeltaZone};
use crate::list::Position;
use crate::{CursorMisuse, DeltaError};

impl DeltaZone {
    /// Removes the entry at the cursor, which then is at the entry that followed, or at the end.
    ///
    /// Where the ordinary entry of a key with collisions is removed, the newest collision loses its
    /// name and becomes the ordinary entry.
    ///
    /// # Errors
    ///
    /// [`DeltaError::Misuse`] where there is no entry or the cursor is stale;
    /// [`DeltaError::CorruptList`].
    pub fn remove(&mut self, cursor: &mut Cursor) -> Result<(), DeltaError> {
        let index = self.checked_index(cursor)?;
        let removed = cursor.position;
        if removed.is_at_end || removed.bits == 0 {
            return Err(misuse(cursor, CursorMisuse::AtEnd));
        }
        let view = self.view(index);
        let follower = view.next(&removed).map_err(|defect| defect.in_list(cursor.list))?;

        let position = if removed.is_collision {
            self.drop_bits(index, &removed, None, removed.bits);
            self.count_lost_collision();
            Position { offset: removed.offset, ..follower }
        } else if follower.is_at_end {
            let key = removed.previous_key();
            self.drop_bits(index, &removed, Some(key), removed.bits);
            Position { key, offset: removed.offset, ..follower }
        } else {
            let value = view.value(follower.offset);
            // Two deltas take more bits than their sum does, and the sum is no more than the
            // follower's key. Only a cursor of another zone can make that untrue.
            let stale = || misuse(cursor, CursorMisuse::Stale);
            let delta = removed.delta.checked_add(follower.delta).ok_or_else(stale)?;
            let bits = self.coding.entry_bits(delta);
            let old_bits = u64::from(removed.bits + follower.bits);
            let shrinkage = old_bits.checked_sub(bits).ok_or_else(stale)?;
            let bits = bits as u32;
            let before = (!follower.is_collision).then_some(removed.previous_key());
            self.drop_bits(index, &removed, before, shrinkage as u32);
            let place = self.headers[index].start() + u64::from(removed.offset);
            self.coding.encode(&mut self.memory, place, value, delta);
            if follower.is_collision {
                self.count_lost_collision();
            }
            Position { delta, offset: removed.offset, bits, is_collision: false, ..follower }
        };

        let counts = &mut self.statistics;
        counts.records = counts.records.wrapping_sub(1);
        counts.discards = counts.discards.wrapping_add(1);
        cursor.position = position;
        self.changed_by(cursor, index);
        Ok(())
    }

    /// Takes `bits` bits out of a list at the entry to remove, and keeps the marks right. `before`
    /// is the key before the entry's, where no entry with its key stays.
    fn drop_bits(&mut self, index: usize, removed: &Position, before: Option<u32>, bits: u32) {
        self.close_gap(index, removed.offset, bits);
        self.headers[index].note_removal(self.segmentation, removed, before, bits);
    }

    fn count_lost_collision(&mut self) {
        self.statistics.collisions = self.statistics.collisions.wrapping_sub(1);
    }
}
