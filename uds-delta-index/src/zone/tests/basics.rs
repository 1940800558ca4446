//! The worked example, and the rules of each operation.

use super::*;
use crate::CursorMisuse;

fn hex(text: &str) -> Vec<u8> {
    text.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

// Guards insertion, promotion and removal bit for bit (example 14.2).
#[test]
fn the_worked_list() {
    let mut zone = zone(4080, 1, 65536, 10);
    let collision = RecordName::new(std::array::from_fn(|i| 0xa0 + i as u8));
    for (key, value) in [(5, 3), (10000, 512), (1300, 1023), (1300, 7)] {
        assert_eq!(put(&mut zone, LIST, key, value, &collision), Insertion::Inserted);
    }
    assert_eq!(zone.list_bits(LIST).unwrap(), 220);
    let bits =
        "03 14 c0 ff 0f f5 00 00 00 0d 15 1d 25 2d 35 3d 45 4d 55 5d 65 6d 75 7d 05 90 7c 09";
    assert_eq!(bits_of(&zone, LIST), hex(bits));

    let mut cursor = find(&mut zone, LIST, 1300, &name(1));
    assert_eq!((cursor.is_collision(), zone.value(&cursor)), (false, Some(1023)));
    zone.remove(&mut cursor).unwrap();
    assert_eq!((cursor.is_collision(), zone.value(&cursor)), (false, Some(7)));
    assert_eq!(zone.list_bits(LIST).unwrap(), 70);
    assert_eq!(bits_of(&zone, LIST), hex("03 14 c0 01 0f 15 40 f2 25"));

    zone.remove(&mut cursor).unwrap();
    assert!(cursor.matches(DeltaKey::new(10000)));
    assert_eq!(zone.list_bits(LIST).unwrap(), 48);
    assert_eq!(bits_of(&zone, LIST), hex("03 14 00 80 e7 85"));
}

// Guards the re-encoding of the follower: inserting 700 makes 1300 one bit shorter (example 14.2).
#[test]
fn an_insertion_shortens_its_follower() {
    let mut zone = zone(4080, 1, 65536, 10);
    for key in [5, 1300] {
        assert_eq!(put(&mut zone, LIST, key, 0, &name(0)), Insertion::Inserted);
    }
    assert_eq!(zone.list_bits(LIST).unwrap(), 45);
    assert_eq!(put(&mut zone, LIST, 700, 0, &name(0)), Insertion::Inserted);
    assert_eq!(zone.list_bits(LIST).unwrap(), 66);
}
