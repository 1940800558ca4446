//! Tests of the entry code.

use uds_geometry::DeltaCoding;

use super::{Decoded, EntryCoding};
use crate::bits::{load, mask};

fn coding(mean: u32, value_bits: u32) -> EntryCoding {
    EntryCoding::new(DeltaCoding::new(mean).unwrap(), value_bits).unwrap()
}

// Guards the code itself, bit for bit: one wrong bit makes every index unreadable (table 14.1).
#[test]
fn worked_delta_codes() {
    let table = [
        (4080, 0, 12, 0, None),
        (4080, 1267, 12, 1267, None),
        (4080, 1268, 13, 1268, Some(0)),
        (4080, 4095, 13, 4095, Some(0)),
        (4080, 4096, 14, 1268, Some(1)),
        (4080, 6923, 14, 4095, Some(1)),
        (4080, 6924, 15, 1268, Some(2)),
        (65536, 20109, 16, 20109, None),
        (65536, 20110, 17, 20110, Some(0)),
        (65536, 65535, 17, 65535, Some(0)),
        (65536, 65536, 18, 20110, Some(1)),
    ];
    for (mean, delta, code_bits, field, zeros) in table {
        let value_bits = 10;
        let coding = coding(mean, value_bits);
        // All ones: zeros must be written, not assumed.
        let mut memory = [0xff; 32];
        assert_eq!(coding.entry_bits(delta), u64::from(value_bits + code_bits), "delta {delta}");
        assert_eq!(coding.encode(&mut memory, 3, 0x155, delta), u64::from(3 + 10 + code_bits));
        let min_bits = DeltaCoding::new(mean).unwrap().min_bits();
        assert_eq!(load(&memory, 3) & mask(10), 0x155);
        assert_eq!(load(&memory, 13) & mask(min_bits), field, "delta {delta}");
        if let Some(zeros) = zeros {
            let run = load(&memory, u64::from(13 + min_bits));
            assert_eq!(run.trailing_zeros(), zeros, "delta {delta}");
        }
    }
}

// Guards the reference's table of key sizes at mean delta 1024, at the edges of each length.
#[test]
fn key_sizes_at_mean_1024() {
    let coding = coding(1024, 1);
    let key_bits = |delta| coding.entry_bits(delta) - 1;
    assert_eq!(key_bits(0), 10);
    assert_eq!(key_bits(313), 10);
    for step in 0..24 {
        let first = 314 + 710 * step;
        assert_eq!(key_bits(first), 11 + u64::from(step), "delta {first}");
        assert_eq!(key_bits(first + 709), 11 + u64::from(step), "delta {}", first + 709);
    }
    assert_eq!(key_bits(0x1f_ffff), 2964);
}

// Guards against a decoder that reads another length or delta than was written, for every mean that
// is unusual (trap 12) or in use, at every bit alignment, over memory of zeros and of ones.
#[test]
fn every_delta_comes_back() {
    let means = [1, 2, 4, 5, 10, 21, 22, 45, 91, 183, 1024, 2953, 4080, 4096, 5908, 65536];
    for mean in means {
        let coding = coding(mean, 6);
        let long = 60 * DeltaCoding::new(mean).unwrap().increment();
        let deltas = (0..200).chain((0..40).map(|i| mean / 3 * i)).chain(long..long + 20);
        for delta in deltas.chain([DeltaCoding::new(mean).unwrap().min_keys() - 1]) {
            for (phase, fill) in (0..8).zip([0x00, 0xff].into_iter().cycle()) {
                let mut memory = vec![fill; 1024];
                let end = coding.encode(&mut memory, phase, 0x2a, delta);
                assert_eq!(end - phase, coding.entry_bits(delta), "mean {mean}, delta {delta}");
                let expected = Decoded { delta, bits: (end - phase) as u32 };
                assert_eq!(coding.value(&memory, phase), 0x2a);
                assert_eq!(coding.decode(&memory, phase, end), Some(expected), "mean {mean}");
            }
        }
    }
}

// Guards against a removal that would make a list longer, which nothing makes room for.
#[test]
fn a_sum_of_deltas_is_never_longer_than_its_parts() {
    for mean in (1..200).chain([1024, 4080, 65536]) {
        let coding = coding(mean, 1);
        let edges = [0, 1, mean / 2, mean, 2 * mean, 3 * mean + 1, 40 * mean];
        let edge = DeltaCoding::new(mean).unwrap().min_keys();
        let deltas = edges.into_iter().chain([edge - 1, edge, edge + 1]);
        for first in deltas.clone() {
            for second in deltas.clone() {
                let parts = coding.entry_bits(first) + coding.entry_bits(second);
                let sum = coding.entry_bits(first + second);
                assert!(sum < parts, "mean {mean}: {first} and {second}");
            }
        }
    }
}

// Guards against an endless or a panicking scan where a run of zeros does not end.
#[test]
fn a_run_without_end_is_refused() {
    let coding = coding(4080, 10);
    let mut memory = vec![0; 4096];
    // A field of all ones announces a run, and zeros follow to the end of the memory.
    crate::bits::store(&mut memory, 10, 12, 0xfff);
    assert_eq!(coding.decode(&memory, 0, 8 * 4096), None);
    assert_eq!(coding.decode(&memory, 0, 100), None);
    // Beyond the memory there are zeros.
    let zeros = Decoded { delta: 0, bits: 22 };
    assert_eq!(coding.decode(&[0xff; 3], 1 << 40, (1 << 40) + 24), Some(zeros));
}

// Guards the decoder's use of one load: wider values would not fit it.
#[test]
fn value_widths_are_bounded() {
    let delta_coding = DeltaCoding::chapter_index();
    assert!(EntryCoding::new(delta_coding, 0).is_err());
    assert!(EntryCoding::new(delta_coding, 26).is_err());
    let widest = EntryCoding::new(DeltaCoding::new(1 << 25).unwrap(), 25).unwrap();
    let mut memory = [0; 64];
    let end = widest.encode(&mut memory, 7, 0x1ff_ffff, 123_456_789);
    let decoded = widest.decode(&memory, 7, end).unwrap();
    assert_eq!((widest.value(&memory, 7), decoded.delta), (0x1ff_ffff, 123_456_789));
}
