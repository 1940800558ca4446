//! Room within lists and between them (specification, section 3.7).
//!
//! A list grows into the gap before it or the one behind it. Where neither has room, the lists are
//! *re-spaced*: moved, as whole bytes, so that the gaps between them are even again. The reference
//! re-spaces all lists of a zone. Here a neighbourhood of the list is re-spaced where that is
//! enough, because a zone can have hundreds of megabytes; the whole zone is the last resort.
//!
//! Invariants:
//! 1. An insertion is refused for exactly two reasons: the list would exceed 65535 bits, or `U`
//!    exceeds the zone's bytes, `U` being the growth and all lists, each rounded up to the bytes
//!    that hold it. A neighbourhood is tried only where a bound above `U` shows that `U` does not.
//! 2. Re-spacing keeps the place of each list's first bit within its byte, so that lists move as
//!    bytes. Neighbours may share a byte before it, and do not after it.

use std::cmp::Ordering;
use std::ops::RangeInclusive;

use super::{DeltaZone, GUARD_BYTES, MAX_LIST_BITS};
use crate::bits::move_bits;

/// Lists to each side in the first neighbourhood that is tried.
const FIRST_REACH: usize = 8;
/// Lists to each side in the last neighbourhood that is tried: some megabytes at most, which move
/// in about a millisecond.
const LAST_REACH: usize = 2048;

/// Which part of a list moves to open or close a gap in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Front,
    Back,
}

/// Bytes to keep free before a list when lists are re-spaced.
#[derive(Clone, Copy)]
pub(super) struct Growth {
    /// The list's index; one beyond the last list means the room before the guard.
    pub(super) index: usize,
    pub(super) bytes: u64,
}

impl DeltaZone {
    /// Makes `growth` bits of room at `offset` of a list. False where the list or the zone is full;
    /// then nothing has changed but the count of overflows.
    pub(super) fn open_gap(&mut self, index: usize, offset: u32, growth: u64) -> bool {
        let size = u64::from(self.headers[index].size);
        if size + growth > u64::from(MAX_LIST_BITS) {
            self.statistics.overflows = self.statistics.overflows.wrapping_add(1);
            return false;
        }
        let before = u64::from(offset);
        let after = size - before;
        let side = match self.side_with_room(index, before, after, growth) {
            Some(side) => side,
            None => {
                let (side, grown) =
                    if before < after { (Side::Front, index) } else { (Side::Back, index + 1) };
                if !self.extend(Growth { index: grown, bytes: growth.div_ceil(8) }) {
                    return false;
                }
                side
            }
        };

        let start = self.headers[index].start();
        match side {
            Side::Front => {
                move_bits(&mut self.memory, start, start - growth, before);
                self.headers[index].set_start(start - growth);
            }
            Side::Back => {
                let from = start + before;
                move_bits(&mut self.memory, from, from + growth, after);
            }
        }
        // The sum was checked above.
        self.headers[index].size += growth as u16;
        self.used_bits += growth;
        true
    }

    /// Takes `shrinkage` bits at `offset` out of a list.
    pub(super) fn close_gap(&mut self, index: usize, offset: u32, shrinkage: u32) {
        let start = self.headers[index].start();
        let shrinkage = u64::from(shrinkage);
        let before = u64::from(offset);
        let after = u64::from(self.headers[index].size) - before - shrinkage;
        match self.side_to_move(index, before, after) {
            Side::Front => {
                move_bits(&mut self.memory, start, start + shrinkage, before);
                self.headers[index].set_start(start + shrinkage);
            }
            Side::Back => {
                let to = start + before;
                move_bits(&mut self.memory, to + shrinkage, to, after);
            }
        }
        self.headers[index].size -= shrinkage as u16;
        self.used_bits -= shrinkage;
    }

    /// The free bits before a list. Those behind it are in the header of another list, which is
    /// another wait for memory: so each gap is asked for only where it matters.
    fn free_before(&self, index: usize) -> u64 {
        self.headers[index].start() - self.headers[index - 1].end()
    }

    /// The free bits behind a list.
    fn free_behind(&self, index: usize) -> u64 {
        self.headers[index + 1].start() - self.headers[index].end()
    }

    /// The side that the reference moves: the smaller, and on a tie the one with more room.
    fn side_to_move(&self, index: usize, before: u64, after: u64) -> Side {
        match before.cmp(&after) {
            Ordering::Less => Side::Front,
            Ordering::Greater => Side::Back,
            Ordering::Equal if self.free_before(index) > self.free_behind(index) => Side::Front,
            Ordering::Equal => Side::Back,
        }
    }

    /// The side that moves to make room: the one that would move anyway, if there is enough at it,
    /// or else the other. None where there is enough at neither.
    fn side_with_room(&self, index: usize, before: u64, after: u64, growth: u64) -> Option<Side> {
        let has_room = |side: &Side| match side {
            Side::Front => growth <= self.free_before(index),
            Side::Back => growth <= self.free_behind(index),
        };
        let first = self.side_to_move(index, before, after);
        let second = if first == Side::Front { Side::Back } else { Side::Front };
        [first, second].into_iter().find(has_room)
    }

    /// Re-spaces lists so that there are `growth.bytes` more bytes before list `growth.index`.
    /// False where the zone is full.
    fn extend(&mut self, growth: Growth) -> bool {
        self.respace_neighbourhood(growth) || self.respace_zone(Some(growth))
    }

    /// Re-spaces all lists, as section 3.7 lays them out. False where the zone is full.
    pub(super) fn respace_zone(&mut self, growth: Option<Growth>) -> bool {
        let lists = 1..=self.list_count as usize;
        let used = self.bytes_of(lists.clone()) + growth.map_or(0, |growth| growth.bytes);
        let zone_bytes = (self.memory.len() - GUARD_BYTES) as u64;
        let Some(free) = zone_bytes.checked_sub(used) else { return false };
        let gap = free / u64::from(self.list_count);
        self.respace(lists, gap - gap / 2, gap, growth);
        true
    }

    /// Re-spaces lists around `growth.index`, as few as give each list its due. False where no
    /// neighbourhood does, or the zone is so full that it has to be looked at as a whole.
    fn respace_neighbourhood(&mut self, growth: Growth) -> bool {
        let count = u64::from(self.list_count);
        if self.list_count <= self.whole_zone_lists {
            return false;
        }
        // No list takes more bytes than its bits and 14 more. So this is U or more (invariant 1).
        let most_used = growth.bytes + (self.used_bits + 14 * count) / 8 + GUARD_BYTES as u64;
        let Some(free) = (self.memory.len() as u64).checked_sub(most_used) else { return false };
        // Half the room that a list of the zone has on average: a neighbourhood that offers less
        // would have to be re-spaced again soon.
        let due = free / count / 2;
        let mut reach = FIRST_REACH;
        while reach <= LAST_REACH && 2 * reach < self.list_count as usize {
            let first = growth.index.saturating_sub(reach).max(1);
            let last = (growth.index + reach).min(self.list_count as usize);
            if self.respace_some(first..=last, growth, due) {
                return true;
            }
            reach *= 4;
        }
        false
    }

    /// Re-spaces some lists if that gives each gap `due` bytes or more.
    fn respace_some(&mut self, lists: RangeInclusive<usize>, growth: Growth, due: u64) -> bool {
        let (first, last) = (*lists.start(), *lists.end());
        let floor = self.headers[first - 1].end().div_ceil(8);
        let ceiling = self.headers[last + 1].start() / 8;
        let used = self.bytes_of(lists.clone()) + growth.bytes;
        let Some(free) = ceiling.checked_sub(floor).and_then(|room| room.checked_sub(used)) else {
            return false;
        };
        let gap = free / (last - first + 2) as u64;
        if gap < due {
            return false;
        }
        self.respace(lists, floor + gap, gap, Some(growth));
        true
    }

    /// The bytes that some lists take when none shares a byte with another.
    fn bytes_of(&self, lists: RangeInclusive<usize>) -> u64 {
        self.headers[lists].iter().map(super::ListHeader::bytes).sum()
    }

    /// Moves lists so that the first lies at byte `first_byte` and each other one `gap` bytes
    /// behind the one before it, with the growth's bytes added before its list.
    ///
    /// The caller has made sure that the new places lie in a room that only these lists use. Lists
    /// that move down go first, in ascending order, then those that move up, in descending order.
    /// No list overwrites another that has yet to move: a list moving down lands above all the
    /// sources and targets before it, and ends before its own last byte; and the other way round.
    fn respace(
        &mut self,
        lists: RangeInclusive<usize>,
        first_byte: u64,
        gap: u64,
        growth: Option<Growth>,
    ) {
        let room_before =
            |index| growth.map_or(0, |growth| if growth.index == index { growth.bytes } else { 0 });
        let mut place = first_byte;
        for index in lists.clone() {
            place += room_before(index);
            let header = self.headers[index];
            if place < header.start() / 8 {
                self.move_list(index, place);
            }
            place += header.bytes() + gap;
        }
        for index in lists.rev() {
            let header = self.headers[index];
            place -= header.bytes() + gap;
            if place > header.start() / 8 {
                self.move_list(index, place);
            }
            place -= room_before(index);
        }
        self.statistics.rebalances = self.statistics.rebalances.wrapping_add(1);
    }

    /// Moves a list's bytes so that its first bit is in byte `to`.
    fn move_list(&mut self, index: usize, to: u64) {
        let header = &mut self.headers[index];
        let from = (header.start() / 8) as usize;
        let bytes = header.bytes() as usize;
        header.set_start(8 * to + header.start() % 8);
        self.memory.copy_within(from..from + bytes, to as usize);
    }
}
