//! Look-ups begun together, and entries dropped from many lists, against the same one by one.

use proptest::prelude::*;

use super::super::{AgingSegment, SEGMENTS};
use super::*;
use crate::DeltaError;
use crate::bits::store;

const LISTS: u32 = 20;

#[derive(Clone, Debug)]
enum Change {
    Put { list: u32, key: u32, value: u32, name: u8 },
    Remove { list: u32, key: u32 },
    Retain { list: u32, value: u32 },
}

fn changes(count: usize) -> impl Strategy<Value = Vec<Change>> {
    // So far apart that marks do not say how far.
    let far = (0_u32..16).prop_map(|key| key << 16);
    let key = prop_oneof![4 => 0_u32..1 << 12, 1 => 0_u32..1 << 20, 1 => 0_u32..9, 1 => far];
    let change = prop_oneof![
        12 => (0..LISTS, key.clone(), 0_u32..16, 0_u8..4)
            .prop_map(|(list, key, value, name)| Change::Put { list, key, value, name }),
        3 => (0..LISTS, key).prop_map(|(list, key)| Change::Remove { list, key }),
        1 => (0..LISTS, 0_u32..16).prop_map(|(list, value)| Change::Retain { list, value }),
    ];
    prop::collection::vec(change, 0..count)
}

fn small_zone(key_bits: u32) -> DeltaZone {
    DeltaZone::new(&ZoneConfiguration {
        first_list: DeltaListNumber::new(0),
        list_count: LISTS,
        memory_bytes: 1 << 15,
        coding: DeltaCoding::new(100).unwrap(),
        value_bits: 4,
        key_bits,
    })
    .unwrap()
}

fn change(zone: &mut DeltaZone, change: &Change) {
    match *change {
        Change::Put { list, key, value, name: number } => {
            let (list, key) = (DeltaListNumber::new(list), DeltaKey::new(key));
            let mut cursor = zone.find(list, key, &name(number)).unwrap();
            if !cursor.is_collision() {
                let collision = cursor.matches(key).then_some(name(number));
                let _ = zone.insert(&mut cursor, key, value, collision.as_ref()).unwrap();
            }
        }
        Change::Remove { list, key } => {
            let (list, key) = (DeltaListNumber::new(list), DeltaKey::new(key));
            let mut cursor = zone.find(list, key, &name(1)).unwrap();
            if cursor.matches(key) {
                zone.remove(&mut cursor).unwrap();
            }
        }
        Change::Retain { list, value } => {
            zone.retain(DeltaListNumber::new(list), |other| other != value).unwrap();
        }
    }
}

fn key_widths() -> impl Strategy<Value = u32> {
    prop::sample::select(vec![0_u32, 1, 2, 3, 12, 18, 20, 31, 32])
}

/// Keys that entries have, and some that they have not.
fn keys_to_seek() -> impl Strategy<Value = Vec<(u32, u32, u8)>> {
    prop::collection::vec((0..LISTS + 1, 0_u32..1 << 13, 0_u8..4), 0..100)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    // Guards look-ups that were begun together: also when their lists, or others, have changed
    // since, and when there is no such list, or no such look-up.
    #[test]
    fn a_look_up_begun_before_ends_as_one_begun_now(
        key_bits in key_widths(),
        before in changes(400),
        mut sought in keys_to_seek(),
        between in changes(8),
    ) {
        let mut zone = small_zone(key_bits);
        before.iter().for_each(|step| change(&mut zone, step));
        for step in &before {
            if let Change::Put { list, key, name, .. } = *step {
                sought.push((list, key, name));
            }
        }
        let places = sought.iter().map(|&(list, key, _)| {
            (DeltaListNumber::new(list), DeltaKey::new(key))
        });
        zone.look_ahead(places.clone().map(Some));
        between.iter().for_each(|step| change(&mut zone, step));
        for (position, ((list, key), &(.., number))) in places.zip(&sought).enumerate() {
            let expected = zone.find(list, key, &name(number));
            for position in [position, position + 1] {
                let found = zone.find_ahead(position, list, key, &name(number));
                prop_assert_eq!(found.is_ok(), expected.is_ok());
                if let (Ok(found), Ok(expected)) = (found, &expected) {
                    prop_assert_eq!(found, *expected);
                }
            }
        }
        zone.check_invariants().unwrap();
    }

    // Guards entries that are dropped from many lists at once: just those of the segments, as old
    // as that, go, the oldest of the others is told, and the rest stays readable.
    #[test]
    fn many_segments_are_thinned_as_each(
        key_bits in key_widths(),
        before in changes(600),
        base in 0_u32..16,
        expired in 0_u64..=16,
        wanted in prop::collection::btree_set((0..LISTS, 0..SEGMENTS), 0..80),
    ) {
        let mut zone = small_zone(key_bits);
        before.iter().for_each(|step| change(&mut zone, step));
        let shift = key_bits.saturating_sub(2);
        let segment_of = |key: u32| ((key >> shift) as usize).min(SEGMENTS - 1);
        let age = |value: u32| u64::from(value.wrapping_sub(base) & 15);
        let all: Vec<_> = zone.lists().map(|list| contents(&zone, list)).collect();
        let mut segments: Vec<AgingSegment> = wanted
            .iter()
            .map(|&(list, segment)| {
                let list = DeltaListNumber::new(list);
                AgingSegment { list, segment, base, expired, oldest: 99 }
            })
            .collect();
        zone.drop_oldest(&mut segments).unwrap();
        zone.check_invariants().unwrap();
        for (list, before) in zone.lists().zip(&all) {
            let after = contents(&zone, list);
            let goes = |entry: &(u32, u32, bool)| {
                wanted.contains(&(list.get(), segment_of(entry.0))) && age(entry.1) < expired
            };
            let places = |entry: &(u32, u32, bool)| (entry.0, entry.1);
            let stay = before.iter().filter(|entry| !goes(entry)).map(places);
            prop_assert_eq!(
                after.iter().map(places).collect::<Vec<_>>(),
                stay.collect::<Vec<_>>()
            );
        }
        for AgingSegment { list, segment, oldest, .. } in segments {
            let entries = contents(&zone, list);
            let own = entries.iter().filter(|entry| segment_of(entry.0) == segment);
            // On the way to a segment, others may have been seen.
            let most = own.map(|entry| age(entry.1) as u32).min().unwrap_or(u32::MAX);
            prop_assert!(oldest <= most && u64::from(oldest) >= expired, "{oldest} {most}");
        }
    }

    // Guards both against bits that make no sense: no panic, and no other answer than one by one.
    #[test]
    fn damage_is_met_as_one_by_one(
        key_bits in key_widths(),
        before in changes(300),
        damage in prop::collection::vec((0_u64..8 << 12, any::<u64>()), 1..40),
        sought in keys_to_seek(),
    ) {
        let mut zone = small_zone(key_bits);
        before.iter().for_each(|step| change(&mut zone, step));
        for &(place, bits) in &damage {
            store(&mut zone.memory, place, 40, bits);
        }
        let places = sought.iter().map(|&(list, key, _)| {
            (DeltaListNumber::new(list), DeltaKey::new(key))
        });
        zone.look_ahead(places.clone().map(Some));
        for (position, (list, key)) in places.enumerate() {
            let expected = zone.find(list, key, &name(0));
            let found = zone.find_ahead(position, list, key, &name(0));
            prop_assert_eq!(found.is_ok(), expected.is_ok());
            if let (Ok(found), Ok(expected)) = (found, expected) {
                prop_assert_eq!(found, expected);
            }
        }
        for list in 0..LISTS {
            let list = DeltaListNumber::new(list);
            let mut segments: Vec<_> = (0..SEGMENTS)
                .map(|segment| AgingSegment { list, segment, base: 3, expired: 5, oldest: 0 })
                .collect();
            let _ = zone.drop_oldest(&mut segments);
        }
    }
}

// Guards against a segment that lists do not have, and against lists of other zones.
#[test]
fn what_is_not_there_is_refused() {
    let mut zone = small_zone(12);
    let list = DeltaListNumber::new(LISTS);
    let of = |list, segment| AgingSegment { list, segment, base: 0, expired: 0, oldest: 0 };
    assert!(matches!(zone.drop_oldest(&mut [of(list, 0)]), Err(DeltaError::NoSuchList { .. })));
    assert!(zone.drop_oldest(&mut [of(LIST, SEGMENTS)]).is_err());
    assert!(zone.retain_in_segment(LIST, SEGMENTS, |_| true).is_err());
    assert!(zone.tags(list).is_err());
}
