//! Where lists lie: the empty layout, re-spacing and the limits of the memory.

use super::super::space::Growth;
use super::*;

/// The free bytes before each list and before the guard, lists rounded up to bytes.
fn gaps(zone: &DeltaZone) -> Vec<u64> {
    let places = zone.headers.windows(2);
    places.map(|pair| pair[1].start() / 8 - (pair[0].start() / 8 + pair[0].bytes())).collect()
}

/// A zone whose lists have these sizes, filled with noise, at places with every bit phase.
fn crowded(sizes: &[u16], memory_bytes: usize, fill: u8, phase: u64) -> (DeltaZone, Vec<Vec<u8>>) {
    let mut zone = zone(1024, sizes.len() as u32, memory_bytes, 8);
    fill_free(&mut zone, fill);
    let mut place = 0;
    let mut expected = Vec::new();
    for (index, &size) in (1..).zip(sizes) {
        let start = place + (phase * index as u64) % 8;
        zone.headers[index].set_start(start);
        zone.headers[index].size = size;
        let mut bytes: Vec<u8> =
            (0..usize::from(size).div_ceil(8)).map(|i| (i * 37 + index * 101) as u8).collect();
        if size % 8 != 0 {
            *bytes.last_mut().unwrap() &= (1 << (size % 8)) - 1;
        }
        crate::bits::copy_bits(&bytes, 0, &mut zone.memory, start, size.into());
        zone.used_bits += u64::from(size);
        expected.push(bytes);
        place = start + u64::from(size);
    }
    (zone, expected)
}

fn assert_kept(zone: &DeltaZone, expected: &[Vec<u8>]) {
    for (list, bytes) in zone.lists().zip(expected) {
        assert_eq!(&bits_of(zone, list), bytes, "list {list}");
    }
    assert_eq!(zone.memory[zone.memory.len() - 7..], [0xff; 7]);
}

// Guards the layout of empty lists, which decides when memory first has to be re-spaced
// (examples of section 3.4).
#[test]
fn empty_lists_are_spread() {
    for (lists, bytes, spacing, first) in [
        (262_144, 209_780_736, 6401, 3200),
        (65536, 52_494_336, 6407, 3203),
        (1024, 262_144, 2047, 1023),
    ] {
        let zone = zone(4080, lists, bytes, 10);
        assert_eq!(zone.headers[1].start(), first);
        assert_eq!(zone.headers[2].start(), first + spacing);
        let last = zone.headers[lists as usize].start();
        assert_eq!(last, first + u64::from(lists - 1) * spacing);
        assert!(last <= zone.guard_start());
    }
}

// Guards the bytes a list costs besides its bits: 262144 lists must stay within 4 MiB.
#[test]
fn headers_are_small() {
    let zone = zone(4080, 262_144, 65536, 10);
    assert!(zone.memory_bytes() < 65536 + 32 * 262_146 + 1024);
}

// Guards the lists' bits and the evenness of gaps when a crowded zone is re-spaced, for lists that
// all touch: 10 lists of 10 bytes and 200 of 200, at every bit phase, over zeros and ones.
#[test]
fn respacing_keeps_bits_and_evens_gaps() {
    for (count, bytes, memory) in [(10, 10, 512), (200, 200, 65536)] {
        for phase in 0..8 {
            for fill in [0x00, 0xff] {
                let sizes = vec![8 * bytes - phase as u16; count];
                let (mut zone, expected) = crowded(&sizes, memory, fill, phase);
                assert!(zone.respace_zone(None));
                assert_kept(&zone, &expected);
                let gaps = gaps(&zone);
                let inner = &gaps[1..count];
                assert!(inner.iter().all(|gap| *gap == inner[0]), "{gaps:?}");
                assert!(gaps[0] <= inner[0], "{gaps:?}");
                assert_eq!(zone.statistics().rebalances, 1);
            }
        }
    }
}

// Guards the room that growth is for: whichever list grows, its room is before it, and no other
// list gets less than its share.
#[test]
fn growth_is_reserved_at_each_list() {
    for index in 1..=11 {
        let (mut zone, expected) = crowded(&[77; 10], 512, 0xff, 3);
        let growth = Growth { index, bytes: index as u64 };
        assert!(zone.respace_zone(Some(growth)));
        assert_kept(&zone, &expected);
        let gaps = gaps(&zone);
        let usual = gaps[if index == 5 { 6 } else { 4 }];
        assert!(gaps[index - 1] >= growth.bytes, "{gaps:?}");
        if (2..=10).contains(&index) {
            assert_eq!(gaps[index - 1], usual + growth.bytes, "{gaps:?}");
        }
    }
}

// Guards lists that move up and down past each other, with sizes that ascend and descend.
#[test]
fn respacing_of_uneven_lists() {
    for (phase, fill) in [(0, 0x00), (1, 0xff), (3, 0x00), (7, 0xff)] {
        let ascending: Vec<u16> = (0..2048).collect();
        let descending: Vec<u16> = ascending.iter().rev().copied().collect();
        for sizes in [ascending, descending] {
            let (mut zone, expected) = crowded(&sizes, 278_528, fill, phase);
            for index in [1, 1024, 2049] {
                assert!(zone.respace_zone(Some(Growth { index, bytes: 600 })));
                assert_kept(&zone, &expected);
            }
        }
    }
}

// Guards the limit of the memory: growth is possible up to the last byte and not beyond, and
// a refusal changes nothing (128 KiB, 1024 lists).
#[test]
fn a_full_zone_refuses_growth() {
    let lists = 1024;
    let memory = 128 * 1024;
    let free = memory as u64 - 7 - 127 * lists;
    let (mut zone, expected) = crowded(&vec![127 * 8; lists as usize], memory, 0xff, 0);
    let before = zone.headers.clone();
    let growth = |bytes| Some(Growth { index: 5, bytes });
    assert!(!zone.respace_zone(growth(free + 1)));
    assert_eq!(zone.headers, before);
    assert!(zone.respace_zone(growth(free)));
    assert_kept(&zone, &expected);
}

// Guards the same limit through insertions: room that is in two gaps is enough up to its last bit,
// and a zone that is too full does not count as an overflow of a list.
#[test]
fn a_list_grows_into_the_last_byte() {
    for (growth, fits) in [(16, true), (17, false)] {
        let (mut zone, expected) = crowded(&[800, 800, 8], 201 + 2 + 7, 0xff, 0);
        // One free byte before the last list, and one behind it: neither is enough.
        zone.memory.copy_within(200..201, 201);
        let start = zone.headers[3].start();
        zone.headers[3].set_start(start + 8);
        assert_eq!(zone.open_gap(3, 8, growth), fits, "{growth} bits");
        assert_eq!(zone.statistics().overflows, 0);
        assert_eq!(zone.statistics().rebalances, u64::from(fits));
        if fits {
            assert_eq!(bits_of(&zone, DeltaListNumber::new(2))[0], expected[2][0]);
            assert_kept(&zone, &expected[..2]);
        } else {
            assert_kept(&zone, &expected);
        }
    }
}
