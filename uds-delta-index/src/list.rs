//! Reading one delta list, wherever its bits lie: in a zone's memory or on a page.
//!
//! Invariants:
//! 1. No method trusts the bits of a list: a bad one yields a [`Defect`], and every walk ends,
//!    because each step goes at least one bit forward.
//! 2. A mark is at an ordinary entry or at the end of its list; so is a walk that starts there.

use uds_geometry::RecordName;

use crate::bits::load_name;
use crate::coding::{EntryCoding, NAME_BITS};
use crate::{DeltaError, ListDefect};

/// The bits of one list and how to read them.
#[derive(Clone, Copy)]
pub(crate) struct ListView<'a> {
    pub(crate) memory: &'a [u8],
    /// The bit where the list starts.
    pub(crate) start: u64,
    /// Bits of the list.
    pub(crate) size: u32,
    pub(crate) coding: &'a EntryCoding,
}

/// A place to start a walk from: an entry's offset and the key before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) offset: u32,
    pub(crate) key: u32,
}

/// A place in a list: an entry, the end, or (with no bits) the place before an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// The key of the entry; at the end, that of the last entry.
    pub(crate) key: u32,
    pub(crate) delta: u32,
    /// The bit where the entry starts, from the start of the list.
    pub(crate) offset: u32,
    /// Bits of the entry, its name included.
    pub(crate) bits: u32,
    pub(crate) is_collision: bool,
    pub(crate) is_at_end: bool,
}

/// A bad entry and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Defect {
    pub(crate) offset: u32,
    pub(crate) size: u32,
    pub(crate) kind: ListDefect,
}

impl Defect {
    /// The error that says in which list the defect is.
    #[cold]
    pub(crate) fn in_list(self, list: uds_geometry::DeltaListNumber) -> DeltaError {
        DeltaError::CorruptList {
            list,
            bit_offset: self.offset,
            size_bits: self.size,
            defect: self.kind,
        }
    }
}

impl Position {
    /// The place before the entry of a mark.
    pub(crate) fn before(mark: Mark) -> Self {
        Self {
            key: mark.key,
            delta: 0,
            offset: mark.offset,
            bits: 0,
            is_collision: false,
            is_at_end: false,
        }
    }

    /// The bit after the entry.
    pub(crate) fn end(&self) -> u32 {
        self.offset + self.bits
    }

    /// The key of the entry before this one.
    pub(crate) fn previous_key(&self) -> u32 {
        self.key - self.delta
    }
}

/// Bits of the name of an entry with delta 0 at `offset`: only a list's first is ordinary.
///
/// A cold call keeps the test a branch, which costs nothing as long as it is not taken; as
/// arithmetic it would delay every entry.
#[cold]
#[inline(never)]
fn name_bits_at(offset: u64) -> u64 {
    if offset > 0 { u64::from(NAME_BITS) } else { 0 }
}

impl ListView<'_> {
    #[cold]
    fn defect(&self, offset: u32, kind: ListDefect) -> Defect {
        Defect { offset, size: self.size, kind }
    }

    fn end(&self) -> u64 {
        self.start + u64::from(self.size)
    }

    /// The value of the entry at `offset`.
    pub(crate) fn value(&self, offset: u32) -> u32 {
        self.coding.value(self.memory, self.start + u64::from(offset))
    }

    /// The name of the collision entry at `position`.
    pub(crate) fn name(&self, position: &Position) -> RecordName {
        let name_start = self.start + u64::from(position.end() - NAME_BITS);
        RecordName::new(load_name(self.memory, name_start))
    }

    /// The place after `position`: the next entry, or the end.
    pub(crate) fn next(&self, position: &Position) -> Result<Position, Defect> {
        let offset = position.end();
        if offset >= self.size {
            return self.at_end(offset, position.key);
        }
        let entry = self
            .coding
            .decode(self.memory, self.start + u64::from(offset), self.end())
            .ok_or_else(|| self.defect(offset, ListDefect::EndlessCode))?;
        let is_collision = entry.delta == 0 && offset > 0;
        let next = Position {
            key: position
                .key
                .checked_add(entry.delta)
                .ok_or_else(|| self.defect(offset, ListDefect::KeyTooLarge))?,
            delta: entry.delta,
            offset,
            bits: entry.bits + if is_collision { NAME_BITS } else { 0 },
            is_collision,
            is_at_end: false,
        };
        if next.end() > self.size {
            return Err(self.defect(offset, ListDefect::EntryBeyondEnd));
        }
        Ok(next)
    }

    pub(crate) fn at_end(&self, offset: u32, key: u32) -> Result<Position, Defect> {
        if offset > self.size {
            return Err(self.defect(self.size, ListDefect::EntryBeyondEnd));
        }
        Ok(Position { is_at_end: true, ..Position::before(Mark { offset, key }) })
    }

    /// The first entry from `mark` on whose key is `target` or more, or the end.
    ///
    /// The hot loop of every look-up: one load for each entry passed.
    #[inline]
    pub(crate) fn seek(&self, mark: Mark, target: u32) -> Result<Position, Defect> {
        // A copy: its fields stay in registers.
        let coding = *self.coding;
        let target = u64::from(target);
        let list_end = self.end();
        let first = coding.code_of(self.start);
        let end = coding.code_of(list_end);
        let mut code = first + u64::from(mark.offset);
        // 64 bits cannot overflow: a list has fewer than 2^19 entries of 32 bits each.
        let mut key = u64::from(mark.key);
        while code < end {
            let Some(entry) = coding.decode_code(self.memory, code, list_end) else {
                return Err(self.defect((code - first) as u32, ListDefect::EndlessCode));
            };
            key += u64::from(entry.delta);
            if key >= target {
                return self.found((code - first) as u32, key, entry.delta, entry.bits);
            }
            if entry.delta == 0 {
                code += name_bits_at(code - first);
            }
            code += u64::from(entry.bits);
        }
        // Every key passed is below the target, so it fits 32 bits.
        self.at_end((code - first) as u32, key as u32)
    }

    /// The first entry behind `position` whose value `keep` refuses; or the place before the first
    /// entry at `until` or behind it, or the end.
    ///
    /// The hot loop of expiry, which refuses few entries.
    pub(crate) fn first_refused(
        &self,
        position: &Position,
        until: u32,
        keep: &mut impl FnMut(u32) -> bool,
    ) -> Result<Position, Defect> {
        let coding = *self.coding;
        let list_end = self.end();
        let until = until.min(self.size);
        let mut offset = position.end();
        let mut key = u64::from(position.key);
        while offset < until {
            let place = self.start + u64::from(offset);
            let Some(entry) = coding.decode(self.memory, place, list_end) else {
                return Err(self.defect(offset, ListDefect::EndlessCode));
            };
            let is_collision = entry.delta == 0 && offset > 0;
            if !keep(coding.value(self.memory, place)) {
                let previous = Position { key: key as u32, offset, bits: 0, ..*position };
                return self.next(&previous);
            }
            key += u64::from(entry.delta);
            if key > u64::from(u32::MAX) {
                return Err(self.defect(offset, ListDefect::KeyTooLarge));
            }
            offset += entry.bits + if is_collision { NAME_BITS } else { 0 };
        }
        if offset < self.size {
            return Ok(Position::before(Mark { offset, key: key as u32 }));
        }
        self.at_end(offset, key as u32)
    }

    pub(crate) fn found(
        &self,
        offset: u32,
        key: u64,
        delta: u32,
        bits: u32,
    ) -> Result<Position, Defect> {
        let key = u32::try_from(key).map_err(|_| self.defect(offset, ListDefect::KeyTooLarge))?;
        let position = Position { key, delta, offset, bits, is_collision: false, is_at_end: false };
        if position.end() > self.size {
            return Err(self.defect(offset, ListDefect::EntryBeyondEnd));
        }
        Ok(position)
    }

    /// The collision entry with this name among those that follow the ordinary entry `head`, or
    /// `head` itself (specification, section 3.5).
    pub(crate) fn resolve(&self, head: Position, name: &RecordName) -> Result<Position, Defect> {
        let mut position = head;
        loop {
            position = self.next(&position)?;
            if position.is_at_end || !position.is_collision {
                return Ok(head);
            }
            if self.name(&position) == *name {
                return Ok(position);
            }
        }
    }
}
