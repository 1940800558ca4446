//! Inserting many entries into a list at once.
//!
//! The list is walked once, and written once: entries that stay are copied as bits, and only those
//! behind a new entry are coded anew. One at a time, each insertion would move half of the list.

use uds_geometry::{DeltaKey, DeltaListNumber};

use super::{DeltaZone, MAX_LIST_BITS};
use crate::DeltaError;
use crate::bits::copy_bits;
use crate::list::{ListView, Mark, Position};

/// Room for a list while it is merged. Made once and used for many lists.
#[derive(Debug)]
pub struct MergeScratch {
    /// The new list; a copy may touch a few bytes behind it.
    bits: Vec<u8>,
    /// The positions of the entries that were not inserted.
    left_out: Vec<usize>,
}

impl Default for MergeScratch {
    fn default() -> Self {
        Self { bits: vec![0; MAX_LIST_BITS.div_ceil(8) as usize + 64], left_out: Vec::new() }
    }
}

/// A list that is being written anew.
struct Merge<'a> {
    view: ListView<'a>,
    out: &'a mut [u8],
    written: u64,
    /// Where the bits of the old list begin that are neither written nor given up.
    copied: u32,
    /// The entry behind the last new one: it is to be coded anew.
    follower: Option<Position>,
    /// The key of the last new entry.
    last_key: u32,
}

impl Merge<'_> {
    /// Writes an entry. False where the list would be too long.
    fn put(&mut self, value: u32, delta: u32) -> bool {
        let coding = self.view.coding;
        if self.written + coding.entry_bits(delta) > u64::from(MAX_LIST_BITS) {
            return false;
        }
        self.written = coding.encode(self.out, self.written, value, delta);
        true
    }

    /// Writes what comes before `end` in the old list. False where the list would be too long.
    fn copy_to(&mut self, end: u32) -> bool {
        if let Some(follower) = self.follower.filter(|follower| follower.offset < end) {
            let value = self.view.value(follower.offset);
            if !self.put(value, follower.key - self.last_key) {
                return false;
            }
            self.copied = follower.end();
            self.follower = None;
        }
        let count = u64::from(end - self.copied);
        if self.written + count > u64::from(MAX_LIST_BITS) {
            return false;
        }
        let from = self.view.start + u64::from(self.copied);
        copy_bits(self.view.memory, from, self.out, self.written, count);
        self.written += count;
        self.copied = end;
        true
    }

    /// Writes a new entry in front of `head`, or at the end. False where the list would be too
    /// long.
    fn insert(&mut self, head: &Position, key: u32, value: u32) -> bool {
        let is_behind_new = self.follower.is_some_and(|follower| follower.offset == head.offset)
            || head.is_at_end && self.copied == head.offset && self.last_key > head.previous_key();
        if !is_behind_new && !self.copy_to(head.offset) {
            return false;
        }
        let previous = if is_behind_new { self.last_key } else { head.previous_key() };
        if !self.put(value, key - previous) {
            return false;
        }
        self.last_key = key;
        self.follower = (!head.is_at_end).then_some(*head);
        true
    }
}

impl DeltaZone {
    /// Inserts ordinary entries, given as keys and values in ascending order of keys, into a list.
    ///
    /// Returns the positions of those that were left out because there is an entry with the same
    /// key, in the list or among them; the first of several with a key is not left out. `None`
    /// where there is no room for all of them: then nothing has changed, and they may still fit
    /// one by one.
    ///
    /// # Errors
    ///
    /// [`DeltaError::NoSuchList`], [`DeltaError::CorruptList`], [`DeltaError::InvalidArgument`] for
    /// a value that does not fit, [`DeltaError::KeyOrder`] for keys that fall. Nothing has changed
    /// then.
    pub fn merge<'a>(
        &mut self,
        list: DeltaListNumber,
        entries: &[(DeltaKey, u32)],
        scratch: &'a mut MergeScratch,
    ) -> Result<Option<&'a [usize]>, DeltaError> {
        let index = self.index_of(list)?;
        for &(_, value) in entries {
            self.check_value(value)?;
        }
        scratch.left_out.clear();
        let view = self.view(index);
        let size = view.size;
        let mut merge = Merge {
            view,
            out: &mut scratch.bits,
            written: 0,
            copied: 0,
            follower: None,
            last_key: 0,
        };
        let mut mark = Mark::default();
        let mut before: Option<DeltaKey> = None;
        for (position, &(key, value)) in entries.iter().enumerate() {
            if let Some(cursor_key) = before.filter(|&before| before > key) {
                return Err(DeltaError::KeyOrder { list, key, cursor_key });
            }
            let head = merge.view.seek(mark, key.get()).map_err(|defect| defect.in_list(list))?;
            mark = Mark { offset: head.offset, key: head.previous_key() };
            let is_there = !head.is_at_end && head.key == key.get() || before == Some(key);
            before = Some(key);
            if is_there {
                scratch.left_out.push(position);
            } else if !merge.insert(&head, key.get(), value) {
                return Ok(None);
            }
        }
        if !merge.copy_to(size) {
            return Ok(None);
        }
        let written = merge.written;
        let growth = written - u64::from(size);
        if growth > 0 && !self.open_gap(index, size, growth) {
            return Ok(None);
        }
        let start = self.headers[index].start();
        copy_bits(&scratch.bits, 0, &mut self.memory, start, written);
        self.headers[index].unmark();
        let inserted = (entries.len() - scratch.left_out.len()) as u64;
        self.statistics.records = self.statistics.records.wrapping_add(inserted);
        self.changed(index);
        Ok(Some(&scratch.left_out))
    }
}

impl DeltaZone {
    /// Appends the values of some keys of a list, given in ascending order, to `values`: `None` for
    /// a key that has no entry, or more than one.
    ///
    /// # Errors
    ///
    /// [`DeltaError::NoSuchList`], [`DeltaError::CorruptList`], and [`DeltaError::KeyOrder`] for
    /// keys that fall.
    pub fn sole_values(
        &self,
        list: DeltaListNumber,
        keys: impl IntoIterator<Item = DeltaKey>,
        values: &mut Vec<Option<u32>>,
    ) -> Result<(), DeltaError> {
        let view = self.view(self.index_of(list)?);
        let mut walk = Walk::new(list);
        for key in keys {
            let head = walk.to(key, &view)?;
            let is_there = !head.is_at_end && head.key == key.get();
            let next = match is_there {
                true => view.next(&head).map_err(|defect| defect.in_list(list))?,
                false => head,
            };
            let is_sole = is_there && (next.is_at_end || !next.is_collision);
            values.push(is_sole.then(|| view.value(head.offset)));
        }
        Ok(())
    }

    /// Overwrites the values of the ordinary entries of some keys, given in ascending order with
    /// their new values. Keys without entry are passed over.
    ///
    /// # Errors
    ///
    /// As [`sole_values`](Self::sole_values), and [`DeltaError::InvalidArgument`] for a value that
    /// does not fit. What comes before has been overwritten then.
    pub fn set_values(
        &mut self,
        list: DeltaListNumber,
        entries: impl IntoIterator<Item = (DeltaKey, u32)>,
    ) -> Result<(), DeltaError> {
        let index = self.index_of(list)?;
        let start = self.headers[index].start();
        let mut walk = Walk::new(list);
        for (key, value) in entries {
            self.check_value(value)?;
            let head = walk.to(key, &self.view(index))?;
            if !head.is_at_end && head.key == key.get() {
                self.coding.set_value(&mut self.memory, start + u64::from(head.offset), value);
            }
        }
        Ok(())
    }
}

/// A walk along a list, from one key to the next.
struct Walk {
    list: DeltaListNumber,
    mark: Mark,
    /// The key looked for last.
    last: DeltaKey,
}

impl Walk {
    fn new(list: DeltaListNumber) -> Self {
        Self { list, mark: Mark::default(), last: DeltaKey::new(0) }
    }

    /// The first entry with this key or a larger one, or the end.
    fn to(&mut self, key: DeltaKey, view: &ListView<'_>) -> Result<Position, DeltaError> {
        let last = std::mem::replace(&mut self.last, key);
        if last > key {
            return Err(DeltaError::KeyOrder { list: self.list, key, cursor_key: last });
        }
        let head = view.seek(self.mark, key.get());
        let head = head.map_err(|defect| defect.in_list(self.list))?;
        self.mark = Mark { offset: head.offset, key: head.previous_key() };
        Ok(head)
    }
}

#[cfg(test)]
mod tests {
    use uds_geometry::{DeltaCoding, RecordName};

    use super::*;
    use crate::ZoneConfiguration;

    fn zone(memory_bytes: usize) -> DeltaZone {
        DeltaZone::new(&ZoneConfiguration {
            first_list: DeltaListNumber::new(5),
            list_count: 4,
            memory_bytes,
            coding: DeltaCoding::new(1024).unwrap(),
            value_bits: 8,
            key_bits: 20,
        })
        .unwrap()
    }

    const LIST: DeltaListNumber = DeltaListNumber::new(6);

    /// Inserts entries one by one, and returns those that were left out.
    fn one_by_one(zone: &mut DeltaZone, entries: &[(DeltaKey, u32)]) -> Vec<usize> {
        let mut left_out = Vec::new();
        for (position, &(key, value)) in entries.iter().enumerate() {
            let mut cursor = zone.find(LIST, key, &RecordName::default()).unwrap();
            if cursor.matches(key) {
                left_out.push(position);
            } else {
                let insertion = zone.insert(&mut cursor, key, value, None).unwrap();
                assert_eq!(insertion, crate::Insertion::Inserted);
            }
        }
        left_out
    }

    fn content(zone: &DeltaZone) -> Vec<(DeltaKey, u32, Option<RecordName>)> {
        let mut cursor = zone.cursor(LIST).unwrap();
        let mut entries = Vec::new();
        loop {
            zone.next(&mut cursor).unwrap();
            if cursor.is_at_end() {
                return entries;
            }
            let value = zone.value(&cursor).unwrap();
            entries.push((cursor.key(), value, zone.collision_name(&cursor)));
        }
    }

    fn random(state: &mut u64, below: u64) -> u64 {
        *state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) % below
    }

    // Guards every bit of a list against its merge: the same as after the insertions one by one,
    // with empty and full lists, keys that meet, runs at both ends, and collisions in between.
    #[test]
    fn a_merge_is_as_good_as_its_insertions() {
        let mut state = 7;
        let mut scratch = MergeScratch::default();
        for program in 0..3000 {
            let (mut merged, mut inserted) = (zone(1 << 16), zone(1 << 16));
            let range = [40, 3000, 200_000][program % 3];
            for _ in 0..random(&mut state, 6) {
                let mut entries: Vec<(DeltaKey, u32)> = (0..random(&mut state, 40))
                    .map(|_| {
                        let key = random(&mut state, range) as u32;
                        (DeltaKey::new(key), random(&mut state, 256) as u32)
                    })
                    .collect();
                entries.sort_by_key(|&(key, _)| key);
                let left_out = one_by_one(&mut inserted, &entries);
                let found = merged.merge(LIST, &entries, &mut scratch).unwrap().unwrap();
                assert_eq!(found, left_out, "program {program}");
                // Collisions where there is something to collide with.
                if let Some(&(key, value)) = entries.first() {
                    let name = RecordName::of_block(&program.to_le_bytes());
                    for zone in [&mut merged, &mut inserted] {
                        let mut cursor = zone.find(LIST, key, &name).unwrap();
                        if !cursor.is_collision() {
                            let _ = zone.insert(&mut cursor, key, value, Some(&name)).unwrap();
                        }
                    }
                }
                assert_eq!(content(&merged), content(&inserted), "program {program}");
                let (a, b) = (merged.statistics(), inserted.statistics());
                assert_eq!((a.records, a.collisions), (b.records, b.collisions));
                merged.check_invariants().unwrap();
            }
        }
    }

    // Guards values that are looked up and overwritten many at a time against those one by one: in
    // lists with collisions, for keys that are there and keys that are not.
    #[test]
    fn many_values_are_as_good_as_each() {
        let mut state = 11;
        let mut scratch = MergeScratch::default();
        for program in 0..500_u64 {
            let mut zone = zone(1 << 16);
            let range = [60, 3000][program as usize % 2];
            let mut keys: Vec<DeltaKey> = (0..random(&mut state, 60))
                .map(|_| DeltaKey::new(random(&mut state, range) as u32))
                .collect();
            keys.sort_unstable();
            let entries: Vec<_> = keys.iter().step_by(2).map(|&key| (key, 7)).collect();
            zone.merge(LIST, &entries, &mut scratch).unwrap().unwrap();
            for &(key, _) in entries.iter().step_by(5) {
                let name = RecordName::of_block(&program.to_le_bytes());
                let mut cursor = zone.find(LIST, key, &name).unwrap();
                if !cursor.is_collision() {
                    let _ = zone.insert(&mut cursor, key, 9, Some(&name)).unwrap();
                }
            }
            keys.dedup();
            let before = content(&zone);
            let with = |key| before.iter().filter(move |entry| entry.0 == key).count();
            let mut values = Vec::new();
            zone.sole_values(LIST, keys.iter().copied(), &mut values).unwrap();
            let expected: Vec<_> = keys.iter().map(|&key| (with(key) == 1).then_some(7)).collect();
            assert_eq!(values, expected, "program {program}");
            let changed: Vec<_> = keys.iter().step_by(3).map(|&key| (key, 200)).collect();
            zone.set_values(LIST, changed.iter().copied()).unwrap();
            let is_changed = |entry: &(DeltaKey, u32, Option<RecordName>)| {
                entry.2.is_none() && changed.iter().any(|&(key, _)| key == entry.0)
            };
            let expected: Vec<_> = before
                .iter()
                .map(|entry| if is_changed(entry) { (entry.0, 200, None) } else { *entry })
                .collect();
            assert_eq!(content(&zone), expected, "program {program}");
            zone.check_invariants().unwrap();
        }
        let mut zone = zone(1 << 16);
        let falling = [DeltaKey::new(9), DeltaKey::new(3)];
        zone.merge(LIST, &[(falling[1], 1), (falling[0], 1)], &mut scratch).unwrap();
        assert!(zone.sole_values(LIST, falling, &mut Vec::new()).is_err());
        assert!(zone.set_values(LIST, [(falling[0], 256)]).is_err());
    }

    // Guards a list that is full, and a zone: nothing changes, and what fits goes in one by one.
    #[test]
    fn what_does_not_fit_changes_nothing() {
        let mut scratch = MergeScratch::default();
        for memory_bytes in [1 << 16, 1 << 9] {
            let mut zone = zone(memory_bytes);
            let entries: Vec<(DeltaKey, u32)> =
                (0..150).map(|number| (DeltaKey::new(number * 5), 1)).collect();
            let wide: Vec<(DeltaKey, u32)> =
                (0..4000).map(|number| (DeltaKey::new(number * 5 + 1), 2)).collect();
            zone.merge(LIST, &entries, &mut scratch).unwrap().unwrap();
            let before = (content(&zone), zone.statistics());
            assert_eq!(zone.merge(LIST, &wide, &mut scratch).unwrap(), None);
            assert_eq!((content(&zone), zone.statistics()), before);
            zone.check_invariants().unwrap();
        }
    }

    // Guards the zone against arguments that make no list.
    #[test]
    fn impossible_arguments_are_refused() {
        let mut scratch = MergeScratch::default();
        let mut zone = zone(1 << 16);
        let entry = |key, value| (DeltaKey::new(key), value);
        assert!(zone.merge(DeltaListNumber::new(9), &[], &mut scratch).is_err());
        assert!(zone.merge(LIST, &[entry(1, 256)], &mut scratch).is_err());
        assert!(zone.merge(LIST, &[entry(2, 1), entry(1, 1)], &mut scratch).is_err());
        assert!(content(&zone).is_empty());
        assert_eq!(zone.merge(LIST, &[], &mut scratch).unwrap(), Some(&[][..]));
    }
}
