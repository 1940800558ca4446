//! Removal (specification, section 3.8).

use super::cursor::misuse;
use super::{Cursor, DeltaZone};
use crate::list::{Mark, Position};
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
            self.drop_bits(index, &removed, removed.bits);
            self.count_lost_collision();
            Position { offset: removed.offset, ..follower }
        } else if follower.is_at_end {
            self.drop_bits(index, &removed, removed.bits);
            let key = removed.previous_key();
            Position { key, offset: removed.offset, ..follower }
        } else {
            let value = view.value(follower.offset);
            // Both deltas lie between 0 and the follower's key: their sum fits.
            let delta = removed.delta + follower.delta;
            let bits = self.coding.entry_bits(delta) as u32;
            // Never below 1: two deltas take more bits than their sum does.
            self.drop_bits(index, &removed, removed.bits + follower.bits - bits);
            let place = self.headers[index].start + u64::from(removed.offset);
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
        self.changed_by(cursor);
        Ok(())
    }

    /// Takes `bits` bits out of a list at the entry to remove, and keeps the hint right.
    fn drop_bits(&mut self, index: usize, removed: &Position, bits: u32) {
        let hint = self.headers[index].hint();
        self.close_gap(index, removed.offset, bits);
        if hint.offset <= removed.offset {
            return;
        }
        let moved = if !removed.is_collision && hint.offset == removed.end() {
            // The hint was at the follower, which now is where the removed entry was.
            Mark { offset: removed.offset, key: removed.previous_key() }
        } else {
            Mark { offset: hint.offset - bits, key: hint.key }
        };
        self.headers[index].set_hint(moved);
    }

    fn count_lost_collision(&mut self) {
        self.statistics.collisions = self.statistics.collisions.wrapping_sub(1);
    }
}
