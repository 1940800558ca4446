//! Tests of the saved form: what comes back, and what is refused.

use uds_geometry::{DeltaCoding, DeltaKey, DeltaListNumber, RecordName, ZoneCount, ZoneId};

use super::*;
use crate::{Insertion, ZoneConfiguration};

const LISTS: u32 = 32;

/// The zones of an index with 2 MiB of memory.
fn zones(zone_count: u8) -> Vec<DeltaZone> {
    let per_zone = LISTS.div_ceil(zone_count.into());
    let make = |first: u32| {
        DeltaZone::new(&ZoneConfiguration {
            first_list: DeltaListNumber::new(first),
            list_count: per_zone.min(LISTS - first),
            memory_bytes: (2 << 20) / usize::from(zone_count),
            coding: DeltaCoding::new(1024).unwrap(),
            value_bits: 8,
            key_bits: 20,
        })
        .unwrap()
    };
    (0..LISTS).step_by(per_zone as usize).map(make).collect()
}

fn count(zones: u8) -> ZoneCount {
    ZoneCount::new(zones).unwrap()
}

/// Two zones with 100 keys, list 9 being empty and list 10 having a collision.
fn filled() -> Vec<DeltaZone> {
    let mut zones = zones(2);
    for number in 0..100_u32 {
        let list = DeltaListNumber::new(if number % LISTS == 9 { 10 } else { number % LISTS });
        let key = DeltaKey::new(number / LISTS * 700);
        let name = RecordName::new([number as u8; 16]);
        let zone = &mut zones[(list.get() / 16) as usize];
        let mut cursor = zone.find(list, key, &name).unwrap();
        let collision = cursor.matches(key).then_some(&name);
        let insertion = zone.insert(&mut cursor, key, number, collision).unwrap();
        assert_eq!(insertion, Insertion::Inserted);
    }
    zones
}

fn save(zones: &[DeltaZone]) -> Vec<Vec<u8>> {
    let all = count(zones.len() as u8);
    let stream = |(id, zone): (ZoneId, &DeltaZone)| {
        let mut stream = Vec::new();
        zone.write_header(id, all, &mut stream).unwrap();
        zone.write_lists(ListTag::Dense, &mut stream).unwrap();
        write_guard(&mut stream).unwrap();
        stream
    };
    all.zones().zip(zones).map(stream).collect()
}

/// Restores streams into zones, or says why not.
fn restore(streams: &[Vec<u8>], zones: &mut [DeltaZone]) -> Result<(), DeltaError> {
    let all = count(streams.len() as u8);
    let mut inputs: Vec<&[u8]> = streams.iter().map(Vec::as_slice).collect();
    let mut saved = Vec::new();
    for (id, input) in all.zones().zip(&mut inputs) {
        saved.push(SavedZone::read(input, id, all, LISTS)?);
    }
    let restoration = Restoration::begin(saved, zones)?;
    for (id, input) in all.zones().zip(&mut inputs) {
        restoration.read_lists(id, ListTag::Dense, input, zones)?;
        read_guard(id, input)?;
    }
    Ok(())
}

fn entries(zones: &[DeltaZone]) -> Vec<Vec<crate::DeltaEntry>> {
    let lists = zones.iter().flat_map(|zone| zone.lists().map(move |list| (zone, list)));
    lists.map(|(zone, list)| zone.entries(list).unwrap().map(Result::unwrap).collect()).collect()
}

/// The place of the first item of stream 0.
const FIRST_ITEM: usize = HEADER_BYTES + 2 * 16;

// Guards the stream's layout byte for byte: a header, sizes, the first item.
#[test]
fn the_bytes_of_a_stream() {
    let zones = filled();
    let streams = save(&zones);
    let mut expected = b"DI-00002".to_vec();
    for field in [1_u32, 2, 16, 16] {
        expected.extend(field.to_le_bytes());
    }
    expected.extend(zones[1].statistics().records.to_le_bytes());
    expected.extend(zones[1].statistics().collisions.to_le_bytes());
    expected.extend((zones[1].list_bits(DeltaListNumber::new(16)).unwrap() as u16).to_le_bytes());
    assert_eq!(streams[1][..42], expected);
    // List 0: values 0, 32, 64 and 96 at keys 0, 700, 1400 and 2100.
    let bits = zones[0].list_bits(DeltaListNumber::new(0)).unwrap();
    assert_eq!(bits, 18 + 3 * 19);
    let item = [b'm', 0, bits.div_ceil(8) as u8, 0, 0, 0, 0, 0];
    assert_eq!(streams[0][FIRST_ITEM..FIRST_ITEM + 8], item);
    assert_eq!(streams[0][streams[0].len() - 8..], *b"z\0\0\0\0\0\0\0");
}

// Guards a load with any other number of zones, and that all counts go to zone 0.
#[test]
fn any_number_of_zones_reads_a_save() {
    let original = filled();
    for zone_count in [1, 2, 3, 4, 16] {
        let mut restored = zones(zone_count);
        restore(&save(&original), &mut restored).unwrap();
        assert_eq!(entries(&restored), entries(&original));
        assert_eq!(restored[0].statistics().records, 100);
        let others = restored[1..].iter().map(|zone| zone.statistics().records).sum::<u64>();
        assert_eq!(others, 0);
        let used: u64 = restored.iter().map(DeltaZone::used_bits).sum();
        assert_eq!(used, original.iter().map(DeltaZone::used_bits).sum::<u64>());
        let census = restored.iter().map(|zone| zone.check_invariants().unwrap().records);
        assert_eq!(census.sum::<u64>(), 100);
        // What was restored saves and loads again, counts below zero included.
        let list = DeltaListNumber::new(LISTS - 1);
        let owner = restored.last_mut().unwrap();
        assert_eq!(owner.retain(list, |_| false).unwrap(), 3);
        let mut again = zones(2);
        restore(&save(&restored), &mut again).unwrap();
        assert_eq!(again[0].statistics().records, 97);
    }
}

// Guards streams of other writers: lists that start at any bit of their first byte, with junk
// around them.
#[test]
fn any_bit_phase_is_read() {
    let original = filled();
    for phase in 1..8_u8 {
        let mut streams = save(&original);
        for (stream, zone) in streams.iter_mut().zip(&original) {
            stream.truncate(FIRST_ITEM);
            for (list, view) in zone.views().filter(|(_, view)| view.size > 0) {
                let byte_count = (u32::from(phase) + view.size).div_ceil(8);
                stream.extend([b'm', phase]);
                stream.extend((byte_count as u16).to_le_bytes());
                stream.extend(list.get().to_le_bytes());
                let mut bytes = vec![0xff; byte_count as usize];
                let size = view.size.into();
                copy_bits(view.memory, view.start, &mut bytes, phase.into(), size);
                stream.extend(bytes);
            }
            stream.extend(*b"z1234567");
        }
        let mut restored = zones(3);
        restore(&streams, &mut restored).unwrap();
        assert_eq!(entries(&restored), entries(&original));
    }
}

// Guards the longest list, with a bit offset that takes its size beyond 16 bits (trap 9).
#[test]
fn the_longest_list_is_read_at_any_phase() {
    let mut stream = b"DI-00002".to_vec();
    for field in [0_u32, 1, 0, LISTS, 0, 0, 0, 0] {
        stream.extend(field.to_le_bytes());
    }
    stream.extend([0xff, 0xff]);
    stream.extend([0; 2 * LISTS as usize - 2]);
    stream.extend([b'm', 7]);
    stream.extend(8193_u16.to_le_bytes());
    stream.extend([0; 4]);
    stream.extend([0xaa; 8193]);
    stream.extend(GUARD_ITEM);
    let mut restored = zones(2);
    restore(&[stream], &mut restored).unwrap();
    assert_eq!(restored[0].list_bits(DeltaListNumber::new(0)).unwrap(), 65535);
}

/// Damages stream 0 and returns the field that the error names; the zones must be empty after it.
fn refusal(damage: impl FnOnce(&mut Vec<u8>)) -> &'static str {
    let mut streams = save(&filled());
    damage(&mut streams[0]);
    let mut target = zones(3);
    let error = restore(&streams, &mut target).unwrap_err();
    let is_guard = matches!(error, DeltaError::CorruptSave { field: "tag of the guard", .. });
    let used: u64 = target.iter().map(DeltaZone::used_bits).sum();
    assert!(used == 0 || is_guard, "{error}: {used} bits left");
    match error {
        DeltaError::CorruptSave { field, .. } => field,
        DeltaError::Io { .. } => "input",
        error => panic!("{error}"),
    }
}

// Guards each check of section 3.11: every one is fed the wrong thing.
#[test]
fn damaged_streams_are_refused() {
    let set = |place: usize, byte: u8| move |stream: &mut Vec<u8>| stream[place] = byte;
    assert_eq!(refusal(set(7, b'1')), "magic");
    assert_eq!(refusal(set(8, 1)), "zone number");
    assert_eq!(refusal(set(12, 3)), "zone count");
    assert_eq!(refusal(set(16, 1)), "first list");
    assert_eq!(refusal(set(16, 200)), "list count");
    assert_eq!(refusal(set(23, 1)), "list count");
    assert_eq!(refusal(set(32, 200)), "sum of collision counts");
    assert_eq!(refusal(set(FIRST_ITEM, b's')), "tag of a list");
    assert_eq!(refusal(set(FIRST_ITEM + 1, 8)), "bit offset of a list");
    assert_eq!(refusal(set(FIRST_ITEM + 2, 9)), "byte count of a list");
    assert_eq!(refusal(set(FIRST_ITEM + 3, 0x21)), "byte count of a list");
    // Beyond all lists, in another stream's range, a list without bits.
    assert_eq!(refusal(set(FIRST_ITEM + 7, 1)), "number of a list");
    assert_eq!(refusal(set(FIRST_ITEM + 4, 16)), "number of a list");
    assert_eq!(refusal(set(FIRST_ITEM + 4, 9)), "size of a list with bits");
    // A list fewer than its size says, and the guard where an item is due.
    assert_eq!(refusal(|stream| drop(stream.drain(FIRST_ITEM..FIRST_ITEM + 18))), "tag of a list");
    assert_eq!(refusal(|stream| stream.truncate(stream.len() - 9)), "input");
    assert_eq!(refusal(|stream| stream.truncate(FIRST_ITEM - 1)), "input");
    assert_eq!(refusal(|stream| stream.truncate(30)), "input");
    assert_eq!(
        refusal(|stream| {
            let guard = stream.len() - 8;
            stream[guard] = b'm';
        }),
        "tag of the guard"
    );
}

// Guards against the same list twice: its twin would be left with the bits of whatever was there.
#[test]
fn a_repeated_list_is_refused() {
    let field = refusal(|stream| {
        // Lists 0 and 1 have the same size: give the second item the number of the first.
        let second = FIRST_ITEM + 8 + usize::from(stream[FIRST_ITEM + 2]);
        assert_eq!(stream[second + 4], 1);
        stream[second + 4] = 0;
    });
    assert_eq!(field, "number of a list");
}

// Guards against streams that lack a zone, or add up to another index.
#[test]
fn incomplete_sets_of_streams_are_refused() {
    let all = count(2);
    let streams = save(&filled());
    let read = |id: u8| {
        let mut input = streams[usize::from(id)].as_slice();
        SavedZone::read(&mut input, ZoneId::new(id), all, LISTS).unwrap()
    };
    let mut target = zones(2);
    for saved in [vec![], vec![read(0)], vec![read(1)], vec![read(1), read(0)]] {
        let error = Restoration::begin(saved, &mut target).unwrap_err();
        assert!(matches!(error, DeltaError::CorruptSave { .. }), "{error}");
    }
    // Zones that are not one whole index are the caller's mistake.
    let error = Restoration::begin(vec![read(0), read(1)], &mut target[1..]).unwrap_err();
    assert!(matches!(error, DeltaError::InvalidArgument { .. }), "{error}");
    let restoration = Restoration::begin(vec![read(0), read(1)], &mut target).unwrap();
    let mut input = &streams[0][FIRST_ITEM..];
    let error = restoration.read_lists(ZoneId::new(2), ListTag::Dense, &mut input, &mut target);
    assert!(matches!(error, Err(DeltaError::InvalidArgument { .. })));
    let mut input = &streams[1][FIRST_ITEM..];
    let error =
        restoration.read_lists(ZoneId::new(1), ListTag::Dense, &mut input, &mut target[..1]);
    assert!(matches!(error, Err(DeltaError::InvalidArgument { .. })));
}

// Guards the layout: lists that do not fit a zone's memory would start before the zone (trap 9).
#[test]
fn lists_that_do_not_fit_are_refused() {
    let mut stream = b"DI-00002".to_vec();
    for field in [0_u32, 1, 0, LISTS, 0, 0, 0, 0] {
        stream.extend(field.to_le_bytes());
    }
    stream.extend([0xff; 2 * LISTS as usize]);
    let saved = SavedZone::read(&mut stream.as_slice(), ZoneId::ZERO, count(1), LISTS).unwrap();
    let mut target = vec![
        DeltaZone::new(&ZoneConfiguration {
            first_list: DeltaListNumber::new(0),
            list_count: LISTS,
            memory_bytes: 65536,
            coding: DeltaCoding::new(1024).unwrap(),
            value_bits: 8,
            key_bits: 20,
        })
        .unwrap(),
    ];
    let error = Restoration::begin(vec![saved], &mut target).unwrap_err();
    assert_eq!(
        error.to_string(),
        "saved delta index: lists from 0 on need 262151 bytes, but their zone has 65536; \
         the save cannot be used"
    );
    target[0].check_invariants().unwrap();
}
