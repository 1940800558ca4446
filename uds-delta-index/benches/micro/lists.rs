//! Delta lists of one length, coded as those of every volume index, in a cache of the processor.
//!
//! The keys are so many that a list of any length has the mean delta of a full volume index.

use std::collections::HashSet;

use uds_bench_support::{Digest, Random, Suite};
use uds_delta_index::{Cursor, DeltaZone, ZoneConfiguration};
use uds_geometry::{
    DeltaCoding, DeltaKey, DeltaListNumber, RecordName, VOLUME_INDEX_MEAN_DELTA as MEAN_DELTA,
};

/// Entries of a list: few, some, as many as in a full 256M index, and nearly as many as there can
/// be: 62 of 65 thousand bits.
pub(crate) const LENGTHS: [u32; 4] = [4, 64, 256, 2700];

/// Bits of a value in a 256M index.
const VALUE_BITS: u32 = 10;

/// Look-ups, or segments of lists, that are dealt with together.
pub(crate) const BATCH: usize = 64;

pub(crate) type Place = (DeltaListNumber, DeltaKey);

/// A zone full of lists, and places to work on.
pub(crate) struct Lists {
    pub(crate) zone: DeltaZone,
    pub(crate) places: Vec<Place>,
}

pub(crate) fn benchmarks(suite: &mut Suite, length: u32) {
    let entries = suite.size(1 << 18, 1 << 12);
    // A call that takes longer than a millisecond is rarely left alone by the rest of the machine.
    let count = suite.size(if length > 1000 { 256 } else { 1024 }, 256);
    let name = |what: &str| format!("{what}.{length}");
    let present = || Lists::full(entries, length, count, true);
    let absent = || Lists::full(entries, length, count, false);
    suite.bench(&name("find-hit"), count, present, Lists::find);
    suite.bench(&name("find-miss"), count, absent, Lists::find);
    suite.bench(&name("find-touched"), count, present, Lists::find_touched);
    // Fewer, so that the longest lists do not overflow.
    let few = suite.size(if length > 1000 { 128 } else { 512 }, 32);
    let absent = || Lists::full(entries, length, few, false);
    suite.bench_and_undo(&name("insert"), few, absent, Lists::insert, Lists::remove);
    let present = || Lists::full(entries, length, few, true);
    let insert_again = |lists: &mut Lists| {
        lists.insert();
    };
    suite.bench_and_undo(&name("remove"), few, present, Lists::remove_and_hash, insert_again);
}

impl Lists {
    /// Lists of `length` entries each, and `count` places of entries, or between them.
    fn full(entries: u32, length: u32, count: u32, of_entries: bool) -> Self {
        let list_count = (entries / length).max(1);
        let keys = Self::keys(length);
        let mut zone = empty_zone(list_count, entries);
        let mut random = Random::new(length.into());
        let mut taken = HashSet::new();
        let mut all: Vec<Place> = Vec::new();
        for list in 0..list_count {
            while all.len() < (list + 1) as usize * length as usize {
                let place = (DeltaListNumber::new(list), DeltaKey::new(random.below(keys)));
                if taken.insert(place) {
                    put(&mut zone, place);
                    all.push(place);
                }
            }
        }
        let mut places = Vec::new();
        while places.len() < count as usize {
            if of_entries {
                let at = random.below(all.len() as u32);
                places.push(all.swap_remove(at as usize));
            } else {
                let list = DeltaListNumber::new(random.below(list_count));
                let place = (list, DeltaKey::new(random.below(keys)));
                if taken.insert(place) {
                    places.push(place);
                }
            }
        }
        Self { zone, places }
    }

    /// Keys in the lists are below this.
    pub(crate) const fn keys(length: u32) -> u32 {
        MEAN_DELTA * length
    }

    pub(crate) fn find(&mut self) -> u64 {
        let mut digest = Digest::new();
        self.places.iter().for_each(|&place| look_up(&mut self.zone, place, &mut digest));
        digest.finish()
    }

    pub(crate) fn find_touched(&mut self) -> u64 {
        let mut digest = Digest::new();
        for batch in self.places.chunks(BATCH) {
            let touched =
                batch.iter().fold(0, |all, &(list, key)| all ^ self.zone.touch(list, key));
            // What lies there is known to the zone alone: it must be loaded, and does not count.
            std::hint::black_box(touched);
            batch.iter().for_each(|&place| look_up(&mut self.zone, place, &mut digest));
        }
        digest.finish()
    }

    pub(crate) fn find_ahead(&mut self) -> u64 {
        let mut digest = Digest::new();
        for batch in self.places.chunks(BATCH) {
            let touched =
                batch.iter().fold(0, |all, &(list, key)| all ^ self.zone.touch(list, key));
            std::hint::black_box(touched);
            self.zone.look_ahead(batch.iter().copied().map(Some));
            for (position, &(list, key)) in batch.iter().enumerate() {
                let found = self.zone.find_ahead(position, list, key, &RecordName::default());
                add(&self.zone, &found.expect("the lists are sound"), key, &mut digest);
            }
        }
        digest.finish()
    }

    fn insert(&mut self) -> u64 {
        let mut digest = Digest::new();
        for &place in &self.places {
            digest.add(put(&mut self.zone, place));
        }
        digest.finish()
    }

    fn remove(&mut self) {
        self.remove_and_hash();
    }

    fn remove_and_hash(&mut self) -> u64 {
        let mut digest = Digest::new();
        for &(list, key) in &self.places {
            let mut cursor = find(&mut self.zone, (list, key));
            assert!(cursor.matches(key), "{list:?} has no {key:?}");
            digest.add(self.zone.value(&cursor).map_or(u64::MAX, u64::from));
            self.zone.remove(&mut cursor).expect("the cursor is at an entry");
        }
        digest.finish()
    }
}

/// A zone with room for lists of so many entries together.
pub(crate) fn empty_zone(list_count: u32, entries: u32) -> DeltaZone {
    DeltaZone::new(&ZoneConfiguration {
        first_list: DeltaListNumber::new(0),
        list_count,
        memory_bytes: (entries as usize * 8).next_multiple_of(65536),
        coding: DeltaCoding::new(MEAN_DELTA).expect("it is the mean of all volume indexes"),
        value_bits: VALUE_BITS,
        key_bits: 20,
    })
    .expect("there is memory")
}

fn find(zone: &mut DeltaZone, (list, key): Place) -> Cursor {
    zone.find(list, key, &RecordName::default()).expect("the lists are sound")
}

fn look_up(zone: &mut DeltaZone, place: Place, digest: &mut Digest) {
    let cursor = find(zone, place);
    add(zone, &cursor, place.1, digest);
}

/// Adds what was found for a key.
fn add(zone: &DeltaZone, cursor: &Cursor, key: DeltaKey, digest: &mut Digest) {
    let value = zone.value(cursor).map_or(u64::MAX, u64::from);
    digest.add(value << 1 | u64::from(cursor.matches(key)));
}

/// Inserts an entry, and says how that went, and between which neighbours.
pub(crate) fn put(zone: &mut DeltaZone, place: Place) -> u64 {
    let (_, key) = place;
    let mut cursor = find(zone, place);
    let after = u64::from(cursor.key().get());
    let value = key.get() & ((1 << VALUE_BITS) - 1);
    let inserted = zone.insert(&mut cursor, key, value, None).expect("the lists are sound");
    after << 8 | inserted as u64
}
