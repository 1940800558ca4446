//! Tests of a zone: the worked example, collisions, overflow, layout.

mod ahead;
mod basics;
mod hostile;
mod memory;
mod model;
mod neighbourhood;

use uds_geometry::{DeltaCoding, DeltaKey, DeltaListNumber, RecordName};

use super::{Cursor, DeltaZone, Insertion, ZoneConfiguration};

const LIST: DeltaListNumber = DeltaListNumber::new(0);

fn zone(mean: u32, list_count: u32, memory_bytes: usize, value_bits: u32) -> DeltaZone {
    DeltaZone::new(&ZoneConfiguration {
        first_list: DeltaListNumber::new(0),
        list_count,
        memory_bytes,
        coding: DeltaCoding::new(mean).unwrap(),
        value_bits,
        key_bits: 20,
    })
    .unwrap()
}

/// Fills the free memory, so that nothing can rely on zeros there.
fn fill_free(zone: &mut DeltaZone, fill: u8) {
    let guard_start = zone.memory.len() - super::GUARD_BYTES;
    zone.memory[..guard_start].fill(fill);
}

/// A name that differs from others in one byte.
fn name(number: u8) -> RecordName {
    RecordName::new([number; 16])
}

/// Finds a key and inserts it, as a collision if the key is there.
fn put(
    zone: &mut DeltaZone,
    list: DeltaListNumber,
    key: u32,
    value: u32,
    name: &RecordName,
) -> Insertion {
    let key = DeltaKey::new(key);
    let mut cursor = zone.find(list, key, name).unwrap();
    let collision = cursor.matches(key).then_some(name);
    zone.insert(&mut cursor, key, value, collision).unwrap()
}

fn find(zone: &mut DeltaZone, list: DeltaListNumber, key: u32, name: &RecordName) -> Cursor {
    zone.find(list, DeltaKey::new(key), name).unwrap()
}

/// The bits of a list, from its start, with zeros behind.
fn bits_of(zone: &DeltaZone, list: DeltaListNumber) -> Vec<u8> {
    let view = zone.view(zone.index_of(list).unwrap());
    let mut bytes = vec![0; view.size.div_ceil(8) as usize];
    crate::bits::copy_bits(view.memory, view.start, &mut bytes, 0, view.size.into());
    bytes
}

/// Keys, values and whether an entry is a collision.
fn contents(zone: &DeltaZone, list: DeltaListNumber) -> Vec<(u32, u32, bool)> {
    let entries = zone.entries(list).unwrap().map(Result::unwrap);
    entries.map(|entry| (entry.key.get(), entry.value, entry.name.is_some())).collect()
}
