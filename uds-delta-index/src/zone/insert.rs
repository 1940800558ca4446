//! Insertion (specification, section 3.6).

use uds_geometry::{DeltaKey, RecordName};

use super::cursor::misuse;
use super::{Cursor, DeltaZone};
use crate::list::Position;
use crate::{CursorMisuse, DeltaError};

/// What became of an entry.
#[must_use = "an entry may have been refused"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insertion {
    /// The entry is there.
    Inserted,
    /// There is no room: the list would exceed 65535 bits, or the zone its memory. Nothing has
    /// changed, and the cursor is where it was.
    Overflow,
}

/// What an insertion writes.
struct Plan {
    /// The new entry's place, from the start of the list.
    offset: u32,
    /// The new entry's delta.
    delta: u32,
    /// Bits of the new entry.
    bits: u64,
    /// The value and the new delta of the entry that follows, where it changes.
    follower: Option<(u32, u32)>,
    /// Bits that the list grows by.
    growth: u64,
}

impl DeltaZone {
    /// Inserts an entry where [`find`](Self::find) has looked for its key, and leaves the cursor
    /// at it.
    ///
    /// With a name, a collision entry is inserted behind the ordinary entry of the same key, in
    /// front of older collisions.
    ///
    /// # Errors
    ///
    /// [`DeltaError::DuplicateName`] at a collision entry, [`DeltaError::KeyOrder`] where the key
    /// does not belong at the cursor, [`DeltaError::Misuse`] for a name at the end or a stale
    /// cursor, [`DeltaError::InvalidArgument`] for a value that does not fit.
    pub fn insert(
        &mut self,
        cursor: &mut Cursor,
        key: DeltaKey,
        value: u32,
        name: Option<&RecordName>,
    ) -> Result<Insertion, DeltaError> {
        let index = self.checked_index(cursor)?;
        self.check_value(value)?;
        let plan = self.plan_insertion(index, cursor, key, name.is_some())?;
        if !self.open_gap(index, plan.offset, plan.growth) {
            return Ok(Insertion::Overflow);
        }

        let sizes = [plan.bits, plan.growth];
        self.headers[index].note_insertion(self.segmentation, key.get(), plan.offset, sizes);
        let place = self.headers[index].start() + u64::from(plan.offset);
        let end = match name {
            Some(name) => self.coding.encode_collision(&mut self.memory, place, value, name),
            None => self.coding.encode(&mut self.memory, place, value, plan.delta),
        };
        if let Some((value, delta)) = plan.follower {
            self.coding.encode(&mut self.memory, end, value, delta);
        }

        let counts = &mut self.statistics;
        counts.records = counts.records.wrapping_add(1);
        counts.collisions = counts.collisions.wrapping_add(u64::from(name.is_some()));
        cursor.position = Position {
            key: key.get(),
            delta: plan.delta,
            offset: plan.offset,
            bits: plan.bits as u32,
            is_collision: name.is_some(),
            is_at_end: false,
        };
        self.changed_by(cursor, index);
        Ok(Insertion::Inserted)
    }

    fn plan_insertion(
        &self,
        index: usize,
        cursor: &Cursor,
        key: DeltaKey,
        is_collision: bool,
    ) -> Result<Plan, DeltaError> {
        let position = &cursor.position;
        let list = cursor.list;
        if position.is_collision {
            return Err(DeltaError::DuplicateName { list, key: cursor.key() });
        }
        let out_of_order = DeltaError::KeyOrder { list, key, cursor_key: cursor.key() };
        if is_collision {
            if position.is_at_end {
                return Err(misuse(cursor, CursorMisuse::AtEnd));
            }
            if !cursor.matches(key) {
                return Err(out_of_order);
            }
            let bits = u64::from(self.coding.collision_bits());
            let offset = position.end();
            return Ok(Plan { offset, delta: 0, bits, follower: None, growth: bits });
        }

        let previous = position.previous_key();
        // A delta of 0 anywhere but at the start would read as a collision.
        let is_after_previous = key.get() > previous || position.offset == 0;
        let is_before_next = position.is_at_end || cursor.key() > key && position.bits > 0;
        if !is_after_previous || !is_before_next {
            return Err(out_of_order);
        }
        let delta = key.get() - previous;
        let bits = self.coding.entry_bits(delta);
        let mut plan = Plan { offset: position.offset, delta, bits, follower: None, growth: bits };
        if !position.is_at_end {
            let value = self.view(index).value(position.offset);
            let delta = position.key - key.get();
            plan.follower = Some((value, delta));
            // Two deltas take more bits than their sum does. Only a cursor of another zone can make
            // that untrue.
            let new_bits = bits + self.coding.entry_bits(delta);
            plan.growth = new_bits
                .checked_sub(position.bits.into())
                .ok_or_else(|| misuse(cursor, CursorMisuse::Stale))?;
        }
        Ok(plan)
    }
}
