//! A volume index's life: two zones, expiry, a save, and a load with another number of zones.

use std::collections::HashMap;

use uds_delta_index::{
    DeltaStatistics, DeltaZone, Insertion, ListTag, Restoration, SavedZone, ZoneConfiguration,
    read_guard, write_guard,
};
use uds_geometry::{
    Configuration, DeltaListNumber, RecordName, SubIndexParameters, VolumeIndexParameters,
    ZoneCount,
};

fn zones(sizes: &SubIndexParameters, count: ZoneCount) -> Vec<DeltaZone> {
    let per_zone = sizes.lists_per_zone(count);
    let zone = |first: u32| {
        DeltaZone::new(&ZoneConfiguration {
            first_list: DeltaListNumber::new(first),
            list_count: per_zone.min(sizes.list_count - first),
            memory_bytes: sizes.zone_bytes(count) as usize,
            coding: sizes.coding,
            value_bits: sizes.chapter_bits,
            key_bits: 20,
        })
        .expect("the geometry's sizes are good")
    };
    (0..sizes.list_count).step_by(per_zone as usize).map(zone).collect()
}

fn totals(zones: &[DeltaZone]) -> DeltaStatistics {
    let counts = zones.iter().map(DeltaZone::statistics);
    counts.fold(DeltaStatistics::default(), DeltaStatistics::plus)
}

// Guards the sum of all parts at the sizes of a real, if tiny, index: every name that has not
// expired is found with its value, before and after a save, in any number of zones.
#[test]
fn names_survive_expiry_and_a_save() {
    let geometry = Configuration::tiny(false).geometry();
    let sizes = VolumeIndexParameters::new(&geometry).unwrap().non_hook;
    let two = ZoneCount::new(2).unwrap();
    let mut zones_now = zones(&sizes, two);
    let mut expected = HashMap::new();
    for number in 0..4 * geometry.records_per_chapter() {
        let name = RecordName::of_block(&number.to_le_bytes());
        let (list, key) = sizes.locate(&name);
        let zone = &mut zones_now[usize::from(sizes.zone_of(list, two).get())];
        let mut cursor = zone.find(list, key, &name).unwrap();
        let collision = cursor.matches(key).then_some(&name);
        let value = number / geometry.records_per_chapter();
        let insertion = zone.insert(&mut cursor, key, value, collision).unwrap();
        assert_eq!(insertion, Insertion::Inserted);
        expected.insert(name, value);
    }
    let used_before: u64 = zones_now.iter().map(DeltaZone::used_bits).sum();

    // The chapter with value 1 expires.
    for zone in &mut zones_now {
        for list in zone.lists() {
            let _ = zone.retain(list, |value| value != 1).unwrap();
        }
    }
    expected.retain(|_, value| *value != 1);
    let totals_now = totals(&zones_now);
    assert_eq!(totals_now.records, expected.len() as u64);
    assert_eq!(totals_now.discards, u64::from(geometry.records_per_chapter()));
    assert!(zones_now.iter().map(DeltaZone::used_bits).sum::<u64>() < used_before);

    let mut streams = vec![Vec::new(), Vec::new()];
    for ((id, zone), stream) in two.zones().zip(&zones_now).zip(&mut streams) {
        zone.write_header(id, two, stream).unwrap();
        zone.write_lists(ListTag::NonHook, stream).unwrap();
        write_guard(stream).unwrap();
    }
    let three = ZoneCount::new(3).unwrap();
    let mut loaded = zones(&sizes, three);
    let mut inputs: Vec<&[u8]> = streams.iter().map(Vec::as_slice).collect();
    let saved = (two.zones().zip(&mut inputs))
        .map(|(id, input)| SavedZone::read(input, id, two, sizes.list_count).unwrap())
        .collect();
    let restoration = Restoration::begin(saved, &mut loaded).unwrap();
    for (id, input) in two.zones().zip(&mut inputs) {
        restoration.read_lists(id, ListTag::NonHook, input, &mut loaded).unwrap();
        read_guard(id, input).unwrap();
    }
    assert_eq!(totals(&loaded).records, totals_now.records);

    for zone in &loaded {
        zone.check_invariants().unwrap();
    }
    let mut promoted = 0;
    for (name, value) in &expected {
        let (list, key) = sizes.locate(name);
        let zone = &mut loaded[usize::from(sizes.zone_of(list, three).get())];
        let cursor = zone.find(list, key, name).unwrap();
        assert!(cursor.matches(key), "{name}");
        promoted += u32::from(zone.value(&cursor) != Some(*value));
    }
    // Two names of one list and key share one possible match unless one is a collision entry.
    assert!(promoted < 200, "{promoted} names hit another's entry");
}
