//! Tests of the bit fields, against a model that handles one bit at a time.

use proptest::prelude::*;

use super::*;

fn bit(memory: &[u8], position: u64) -> bool {
    memory[(position / 8) as usize] >> (position % 8) & 1 == 1
}

fn set_bit(memory: &mut [u8], position: u64, value: bool) {
    let byte = &mut memory[(position / 8) as usize];
    *byte = *byte & !(1 << (position % 8)) | u8::from(value) << (position % 8);
}

/// Bytes without a period that a wrong offset could hide in.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

// Guards unaligned loads at every offset within and around a cache line, and at the slice's end.
#[test]
fn loads_at_every_offset() {
    let memory = noise(80);
    for position in 0..8 * 80_u64 {
        let good = (8 * 80 - position).min(u64::from(LOAD_BITS));
        let word = load(&memory, position);
        for index in 0..good {
            assert_eq!(word >> index & 1 == 1, bit(&memory, position + index), "bit {position}");
        }
        let all = load_64(&memory, position);
        for index in 0..(8 * 80 - position).min(64) {
            assert_eq!(all >> index & 1 == 1, bit(&memory, position + index), "bit {position}");
        }
    }
    assert_eq!(load(&memory, 8 * 80), 0);
    assert_eq!(load(&memory, u64::MAX), 0);
}

// Guards against stores that touch neighbours, at every offset and width, over zeros and ones.
#[test]
fn stores_touch_nothing_else() {
    for fill in [0x00, 0xff] {
        for width in 0..=LOAD_BITS {
            for position in 0..=8 * 24 - u64::from(width) {
                let value = 0x5a5a_1234_89ab_cdef_u64;
                let mut memory = vec![fill; 24];
                let mut expected = memory.clone();
                store(&mut memory, position, width, value);
                for index in 0..u64::from(width) {
                    set_bit(&mut expected, position + index, value >> index & 1 == 1);
                }
                assert_eq!(memory, expected, "{width} bits at {position}");
            }
        }
    }
}

// Guards moves at all alignments, with overlap in both directions, for lengths around every word
// size: 192 lengths, 32 sources, 32 targets.
#[test]
fn moves_at_every_alignment() {
    let original = noise(64);
    for length in 0..192 {
        for from in 0..32 {
            for to in 0..32 {
                let mut moved = original.clone();
                move_bits(&mut moved, from, to, length);
                let mut expected = original.clone();
                for index in 0..length {
                    set_bit(&mut expected, to + index, bit(&original, from + index));
                }
                assert_eq!(moved, expected, "{length} bits from {from} to {to}");
            }
        }
    }
}

proptest! {
    // Guards copies between slices and moves over longer distances than the exhaustive test's.
    #[test]
    fn copies_and_moves_of_any_length(
        from in 0_u64..700, to in 0_u64..700, length in 0_u64..900, fill in any::<u8>(),
    ) {
        let original = noise(200);
        let mut expected = original.clone();
        let mut copied = vec![fill; 200];
        let mut expected_copy = copied.clone();
        for index in 0..length {
            set_bit(&mut expected, to + index, bit(&original, from + index));
            set_bit(&mut expected_copy, to + index, bit(&original, from + index));
        }
        let mut moved = original.clone();
        move_bits(&mut moved, from, to, length);
        prop_assert_eq!(moved, expected);
        copy_bits(&original, from, &mut copied, to, length);
        prop_assert_eq!(copied, expected_copy);
    }

    // Guards names and runs of zeros at every alignment.
    #[test]
    fn names_and_zeros(position in 0_u64..64, name in any::<[u8; 16]>(), count in 0_u64..300) {
        let mut memory = vec![0xff; 64];
        store_name(&mut memory, position, &name);
        prop_assert_eq!(load_name(&memory, position), name);
        let mut memory = vec![0xff; 64];
        store_zeros(&mut memory, position, count);
        for index in 0..512 {
            let is_zero = (position..position + count).contains(&index);
            prop_assert_eq!(bit(&memory, index), !is_zero);
        }
    }
}
