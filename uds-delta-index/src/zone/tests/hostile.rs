//! Lists whose bits are nonsense, as a damaged save may leave them.

use proptest::prelude::*;

use super::*;
use crate::DeltaError;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    // Guards against panics and endless walks in lists of any bits: every operation either works
    // or says where the list is corrupt, and the zone's layout stays sound.
    #[test]
    fn any_bits_are_survived(
        sizes in prop::collection::vec(0_u16..3000, 3),
        noise in prop::collection::vec(any::<u8>(), 64),
        zeros in any::<bool>(),
        mean in prop::sample::select(vec![1_u32, 2, 100, 1024, 4080, 65536, 1 << 25]),
        operations in prop::collection::vec((0_u8..6, 0_u32..3, any::<u32>()), 20),
    ) {
        let mut zone = zone(mean, 3, 4096, 6);
        zone.lay_out(&sizes).unwrap();
        for (index, byte) in noise.iter().cycle().take(4096 - 7).enumerate() {
            zone.memory[index] = if zeros && index % 97 > 3 { 0 } else { *byte };
        }
        for (operation, list, number) in operations {
            let list = DeltaListNumber::new(list);
            let (key, name) = (DeltaKey::new(number), name(number as u8));
            let found = zone.find(list, key, &name);
            let result = match (operation, found) {
                (_, Err(error)) => Err(error),
                (0, Ok(_)) => zone.retain(list, |value| value & 1 == number & 1).map(drop),
                (1, Ok(mut cursor)) => zone.insert(&mut cursor, key, number & 63, None).map(drop),
                (2, Ok(mut cursor)) => zone.remove(&mut cursor),
                (3, Ok(cursor)) => zone.set_value(&cursor, number & 63),
                (4, Ok(mut cursor)) => zone.next(&mut cursor),
                (_, Ok(_)) => zone.entries(list).unwrap().try_for_each(|entry| entry.map(drop)),
            };
            if let Err(error) = result {
                prop_assert!(
                    matches!(
                        error,
                        DeltaError::CorruptList { .. }
                            | DeltaError::Misuse { .. }
                            | DeltaError::KeyOrder { .. }
                            | DeltaError::DuplicateName { .. }
                    ),
                    "{error}"
                );
            }
            let pairs = zone.headers.windows(2);
            prop_assert!(pairs.into_iter().all(|pair| pair[0].end() <= pair[1].start()));
            let used: u64 = zone.list_sizes().iter().map(|&size| u64::from(size)).sum();
            prop_assert_eq!(zone.used_bits(), used);
            prop_assert_eq!(&zone.memory[4096 - 7..], &[0xff; 7]);
        }
    }
}

// Guards against panics when a cursor meets a zone that it does not belong to: whatever it does to
// the list's entries, the zone's layout stays sound.
#[test]
fn cursors_of_another_zone_do_not_panic() {
    for mean in [3, 100, 4080] {
        let mut own = zone(mean, 1, 4096, 6);
        let mut other = zone(mean, 1, 4096, 6);
        for step in 0..40_u32 {
            assert_eq!(put(&mut own, LIST, 1 + 37 * step, 1, &name(1)), Insertion::Inserted);
            assert_eq!(put(&mut other, LIST, 5 + 11 * step, 2, &name(2)), Insertion::Inserted);
        }
        for step in 0..30_u32 {
            // Both zones have changed as often, so that the stamps agree.
            own.stamp = other.stamp;
            let Ok(mut cursor) = own.find(LIST, DeltaKey::new(1 + 41 * step), &name(1)) else {
                break;
            };
            let key = cursor.key().get();
            let _ = match step % 3 {
                0 => other.remove(&mut cursor),
                1 => other
                    .insert(&mut cursor, DeltaKey::new(key.saturating_sub(1)), 1, None)
                    .map(drop),
                _ => other.insert(&mut cursor, DeltaKey::new(key), 1, Some(&name(3))).map(drop),
            };
            let _ = other.find(LIST, DeltaKey::new(500), &name(1));
            assert!(other.headers[1].end() <= other.guard_start());
            assert_eq!(other.used_bits(), u64::from(other.headers[1].size));
            assert_eq!(other.memory[4096 - 7..], [0xff; 7]);
        }
    }
}

// Guards the place that an error names: the second entry of this list goes on beyond its end.
#[test]
fn an_error_says_where() {
    let mut zone = zone(4080, 2, 4096, 10);
    let list = DeltaListNumber::new(1);
    for key in [5, 1300] {
        assert_eq!(put(&mut zone, list, key, 0, &name(0)), Insertion::Inserted);
    }
    zone.headers[2].size -= 1;
    let error = zone.find(list, DeltaKey::new(1300), &name(0)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "delta list 1 is corrupt at bit 22 of its 44: an entry ends beyond its list; \
         names in this list cannot be found"
    );
    let iterated: Vec<_> = zone.entries(list).unwrap().collect();
    assert!(iterated.len() == 2 && iterated[0].is_ok() && iterated[1].is_err());
    assert!(matches!(
        zone.retain(list, |_| false),
        Err(DeltaError::CorruptList { bit_offset: 22, .. })
    ));
}
