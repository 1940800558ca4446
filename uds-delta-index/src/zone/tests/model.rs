//! Random programs, compared with a model after every step.

use std::collections::BTreeMap;

use proptest::prelude::*;
use uds_geometry::ZoneCount;

use super::super::SEGMENTS;
use super::*;
use crate::coding::EntryCoding;
use crate::{DeltaError, ListTag, Restoration, SavedZone, read_guard, write_guard};

const MEAN: u32 = 100;
const VALUE_BITS: u32 = 6;

#[derive(Clone, Debug)]
enum Step {
    Put { list: u32, key: u32, value: u32, name: u8 },
    Set { list: u32, key: u32, value: u32, name: u8 },
    Remove { list: u32, key: u32, name: u8 },
    Retain { list: u32, mask: u32 },
    RetainInSegment { list: u32, segment: usize, mask: u32 },
    SaveAndRestore { zones: u8 },
    Reset,
}

fn steps() -> impl Strategy<Value = Step> {
    let place = (0_u32..40, prop_oneof![0_u32..8, 0_u32..3000, 0_u32..200_000], 0_u8..6);
    let value = 0_u32..1 << VALUE_BITS;
    prop_oneof![
        30 => (place.clone(), value.clone())
            .prop_map(|((list, key, name), value)| Step::Put { list, key, value, name }),
        3 => (place.clone(), value)
            .prop_map(|((list, key, name), value)| Step::Set { list, key, value, name }),
        10 => place.prop_map(|(list, key, name)| Step::Remove { list, key, name }),
        2 => (0_u32..40, 0_u32..8).prop_map(|(list, mask)| Step::Retain { list, mask }),
        6 => (0_u32..40, 0..SEGMENTS, 0_u32..8)
            .prop_map(|(list, segment, mask)| Step::RetainInSegment { list, segment, mask }),
        1 => (1_u8..5).prop_map(|zones| Step::SaveAndRestore { zones }),
        1 => Just(Step::Reset),
    ]
}

/// The entries of a key: the ordinary one, then the collisions, newest first.
type Chain = Vec<(u32, Option<RecordName>)>;

/// Zones, and what should be in them.
struct Bench {
    zones: Vec<DeltaZone>,
    lists: Vec<BTreeMap<u32, Chain>>,
    coding: EntryCoding,
    memory_bytes: usize,
    whole_zone_lists: u32,
    key_bits: u32,
    fill: u8,
}

impl Bench {
    fn new(
        list_count: u32,
        memory_bytes: usize,
        fill: u8,
        whole_zone_lists: u32,
        key_bits: u32,
    ) -> Self {
        let coding = EntryCoding::new(DeltaCoding::new(MEAN).unwrap(), VALUE_BITS).unwrap();
        let lists = vec![BTreeMap::new(); list_count as usize];
        let zones = vec![];
        let mut bench =
            Self { zones, lists, coding, memory_bytes, whole_zone_lists, key_bits, fill };
        bench.zones = bench.make_zones(1);
        bench
    }

    fn make_zones(&self, zone_count: u32) -> Vec<DeltaZone> {
        let list_count = self.lists.len() as u32;
        let per_zone = list_count.div_ceil(zone_count);
        let firsts = (0..list_count).step_by(per_zone as usize);
        let make = |first: u32| {
            let mut zone = DeltaZone::new(&ZoneConfiguration {
                first_list: DeltaListNumber::new(first),
                list_count: per_zone.min(list_count - first),
                memory_bytes: self.memory_bytes,
                coding: DeltaCoding::new(MEAN).unwrap(),
                value_bits: VALUE_BITS,
                key_bits: self.key_bits,
            })
            .unwrap();
            zone.whole_zone_lists = self.whole_zone_lists;
            fill_free(&mut zone, self.fill);
            zone
        };
        firsts.map(make).collect()
    }

    fn zone(&mut self, list: DeltaListNumber) -> &mut DeltaZone {
        self.zones.iter_mut().rev().find(|zone| zone.first_list() <= list).unwrap()
    }

    fn list(&self, list: u32) -> DeltaListNumber {
        DeltaListNumber::new(list % self.lists.len() as u32)
    }

    /// The bits that a list should have.
    fn bits(&self, list: DeltaListNumber) -> u64 {
        let mut previous = 0;
        let mut bits = 0;
        for (&key, chain) in &self.lists[list.get() as usize] {
            bits += self.coding.entry_bits(key - previous);
            bits += (chain.len() as u64 - 1) * u64::from(self.coding.collision_bits());
            previous = key;
        }
        bits
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Put { list, key, value, name: number } => {
                self.put(self.list(list), key, value, name(number));
            }
            Step::Set { list, key, value, name: number } => {
                let list = self.list(list);
                let cursor = find(self.zone(list), list, key, &name(number));
                let result = self.zone(list).set_value(&cursor, value);
                assert_eq!(result.is_ok(), !cursor.is_at_end());
                if let Some(index) = self.expect_found(list, key, number, &cursor) {
                    self.lists[list.get() as usize].get_mut(&key).unwrap()[index].0 = value;
                } else if result.is_ok() {
                    // The cursor is at the next larger key: its value has been set.
                    let chain = self.lists[list.get() as usize].get_mut(&cursor.key().get());
                    chain.unwrap()[0].0 = value;
                }
            }
            Step::Remove { list, key, name } => self.remove(self.list(list), key, name),
            Step::Retain { list, mask } => self.retain(self.list(list), mask),
            Step::RetainInSegment { list, segment, mask } => {
                self.retain_in_segment(self.list(list), segment, mask);
            }
            Step::SaveAndRestore { zones } => self.save_and_restore(zones),
            Step::Reset => {
                self.zones.iter_mut().for_each(DeltaZone::reset);
                self.lists.iter_mut().for_each(BTreeMap::clear);
            }
        }
    }

    /// Which entry of its key the cursor should be at, if the key is there.
    fn expect_found(
        &self,
        list: DeltaListNumber,
        key: u32,
        number: u8,
        cursor: &Cursor,
    ) -> Option<usize> {
        let map = &self.lists[list.get() as usize];
        assert_eq!(cursor.matches(DeltaKey::new(key)), map.contains_key(&key));
        let Some(chain) = map.get(&key) else {
            let next = map.range(key..).next();
            assert_eq!(cursor.is_at_end(), next.is_none());
            if let Some((&next, _)) = next {
                assert_eq!(cursor.key().get(), next);
            }
            return None;
        };
        let exact = chain.iter().position(|entry| entry.1 == Some(name(number)));
        assert_eq!(cursor.is_collision(), exact.is_some());
        Some(exact.unwrap_or(0))
    }

    fn put(&mut self, list: DeltaListNumber, key: u32, value: u32, name: RecordName) {
        let number = name.as_bytes()[0];
        let mut cursor = find(self.zone(list), list, key, &name);
        let at = self.expect_found(list, key, number, &cursor);
        if cursor.is_collision() {
            let key = DeltaKey::new(key);
            let result = self.zone(list).insert(&mut cursor, key, value, Some(&name));
            assert!(matches!(result, Err(DeltaError::DuplicateName { .. })));
            return;
        }
        let (before, old) = (self.bits(list), self.lists[list.get() as usize].clone());
        let chain = self.lists[list.get() as usize].entry(key).or_default();
        chain.insert(chain.len().min(1), (value, at.map(|_| name)));
        let growth = self.bits(list) - before;
        let is_refused = is_refused(self.zone(list), list, growth);

        let key = DeltaKey::new(key);
        let collision = at.map(|_| &name);
        let insertion = self.zone(list).insert(&mut cursor, key, value, collision).unwrap();
        assert_eq!(insertion == Insertion::Overflow, is_refused);
        if is_refused {
            self.lists[list.get() as usize] = old;
        } else {
            assert_eq!(self.zone(list).value(&cursor), Some(value));
            assert!(cursor.matches(key));
        }
    }

    fn remove(&mut self, list: DeltaListNumber, key: u32, number: u8) {
        let mut cursor = find(self.zone(list), list, key, &name(number));
        let Some(at) = self.expect_found(list, key, number, &cursor) else { return };
        self.zone(list).remove(&mut cursor).unwrap();
        let map = &mut self.lists[list.get() as usize];
        let chain = map.get_mut(&key).unwrap();
        chain.remove(at);
        match chain.first_mut() {
            Some(head) => head.1 = None,
            None => drop(map.remove(&key)),
        }
        // The cursor goes on from where it is, as if the entry had never been there.
        let rest = map.range(key..).map(|(&key, chain)| (key, chain));
        let mut rest = rest.flat_map(|(next, chain)| {
            let seen = if next == key { at } else { 0 };
            chain[seen..].iter().map(move |entry| (next, entry.0)).collect::<Vec<_>>()
        });
        let expected = rest.next();
        let value = self.zone(list).value(&cursor);
        assert_eq!(value.map(|value| (cursor.key().get(), value)), expected);
    }

    fn retain_in_segment(&mut self, list: DeltaListNumber, segment: usize, mask: u32) {
        let shift = self.key_bits - SEGMENTS.ilog2();
        let keep = |value: u32| value & 7 != mask;
        let mut dropped = 0;
        self.lists[list.get() as usize].retain(|&key, chain| {
            if ((key >> shift) as usize).min(SEGMENTS - 1) != segment {
                return true;
            }
            let before = chain.len();
            chain.retain(|entry| keep(entry.0));
            dropped += (before - chain.len()) as u32;
            chain.first_mut().map(|head| head.1 = None).is_some()
        });
        assert_eq!(self.zone(list).retain_in_segment(list, segment, keep).unwrap(), dropped);
    }

    fn retain(&mut self, list: DeltaListNumber, mask: u32) {
        let keep = |value: u32| value & mask != mask;
        let mut dropped = 0;
        self.lists[list.get() as usize].retain(|_, chain| {
            let before = chain.len();
            chain.retain(|entry| keep(entry.0));
            dropped += (before - chain.len()) as u32;
            chain.first_mut().map(|head| head.1 = None).is_some()
        });
        assert_eq!(self.zone(list).retain(list, keep).unwrap(), dropped);
    }

    fn save_and_restore(&mut self, zone_count: u8) {
        let old = ZoneCount::new(self.zones.len() as u8).unwrap();
        let streams: Vec<Vec<u8>> = (old.zones().zip(&self.zones))
            .map(|(id, zone)| {
                let mut stream = Vec::new();
                zone.write_header(id, old, &mut stream).unwrap();
                zone.write_lists(ListTag::Dense, &mut stream).unwrap();
                write_guard(&mut stream).unwrap();
                stream
            })
            .collect();
        let mut inputs: Vec<&[u8]> = streams.iter().map(Vec::as_slice).collect();
        let list_count = self.lists.len() as u32;
        let read = |(id, input)| SavedZone::read(input, id, old, list_count).unwrap();
        let saved: Vec<SavedZone> = old.zones().zip(&mut inputs).map(read).collect();
        let mut zones = self.make_zones(zone_count.into());
        let restoration = match Restoration::begin(saved, &mut zones) {
            Ok(restoration) => restoration,
            Err(DeltaError::SaveTooLarge { needed_bytes, zone_bytes, .. }) => {
                assert!(needed_bytes > zone_bytes);
                return;
            }
            Err(error) => panic!("{error}"),
        };
        for (id, input) in old.zones().zip(&mut inputs) {
            restoration.read_lists(id, ListTag::Dense, input, &mut zones).unwrap();
            read_guard(id, input).unwrap();
            assert!(input.is_empty());
        }
        self.zones = zones;
    }

    fn check(&self) {
        let mut counted = (0, 0);
        let mut kept = super::super::DeltaStatistics::default();
        for zone in &self.zones {
            let census = zone.check_invariants().unwrap();
            counted = (counted.0 + census.records, counted.1 + census.collisions);
            kept = kept.plus(zone.statistics());
            for list in zone.lists() {
                assert_eq!(u64::from(zone.list_bits(list).unwrap()), self.bits(list));
                let map = &self.lists[list.get() as usize];
                let expected = map.iter().flat_map(|(&key, chain)| {
                    chain.iter().map(move |&(value, name)| (key, value, name))
                });
                let entries = zone.entries(list).unwrap().map(Result::unwrap);
                let found = entries.map(|entry| (entry.key.get(), entry.value, entry.name));
                assert!(found.eq(expected), "list {list}");
            }
        }
        assert_eq!((kept.records, kept.collisions), counted);
    }
}

/// Whether section 3.7 refuses `growth` bits for a list, from the zone's present layout.
fn is_refused(zone: &DeltaZone, list: DeltaListNumber, growth: u64) -> bool {
    let index = (list.get() - zone.first_list().get()) as usize + 1;
    let header = zone.headers[index];
    if u64::from(header.size) + growth > 65535 {
        return true;
    }
    let free_before = header.start() - zone.headers[index - 1].end();
    let free_after = zone.headers[index + 1].start() - header.end();
    let used: u64 = zone.headers.iter().map(super::super::ListHeader::bytes).sum();
    let is_stuck = growth > free_before && growth > free_after;
    is_stuck && used + growth.div_ceil(8) > zone.memory.len() as u64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    // Guards every rule of sections 3.5 to 3.8 and 3.11 in combination: contents, exact sizes,
    // refusals exactly where the specification has them, counts, marks, layout and guard.
    #[test]
    fn programs_agree_with_the_model(
        list_count in 1_u32..40,
        memory_bytes in prop::sample::select(vec![64_usize, 300, 1000, 4096]),
        fill in prop::sample::select(vec![0x00_u8, 0xff]),
        whole_zone_lists in prop::sample::select(vec![0, u32::MAX]),
        key_bits in prop::sample::select(vec![4, 12, 18, 20]),
        program in prop::collection::vec(steps(), 1..80),
    ) {
        let mut bench = Bench::new(list_count, memory_bytes, fill, whole_zone_lists, key_bits);
        for step in &program {
            bench.step(step);
            bench.check();
        }
    }
}
