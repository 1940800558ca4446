//! Tests of walks: together, with and without vectors, against one step after the other.

use proptest::prelude::*;
use uds_geometry::DeltaCoding;

use super::*;

/// Takes all steps one by one.
fn pass_none(walks: &Walks) -> u32 {
    walks.live.iter().enumerate().fold(0, |due, (lane, live)| due | (*live as u32 & 1) << lane)
}

/// Where walks stop, when each goes on behind every entry that it stops at.
fn stops(
    memory: &[u8],
    coding: &EntryCoding,
    walks: &[Walk],
    pass_plain: impl Fn(&mut Walks) -> u32,
) -> Vec<Vec<Stop>> {
    let mut stops = vec![Vec::new(); walks.len()];
    let mut all = Walks::new();
    for chunk in walks.chunks(LANES) {
        let mut live = 0;
        for lane in 0..LANES {
            live += usize::from(all.start(lane, chunk.get(lane).copied()));
        }
        while live > 0 {
            let due = pass_plain(&mut all);
            assert_ne!(due, 0, "at least one walk is to be looked at");
            for lane in (0..LANES).filter(|lane| due >> lane & 1 == 1) {
                let Some(stop) = all.step(lane, memory, coding) else { continue };
                stops[all.walks[lane].slot].push(stop);
                match stop {
                    Stop::At(entry) => all.pass(lane, &entry),
                    _ => live -= usize::from(!all.start(lane, None)),
                }
            }
        }
    }
    stops
}

fn codings() -> impl Strategy<Value = EntryCoding> {
    let means = prop::sample::select(vec![1_u32, 3, 100, 4080, 1 << 20, 1 << 24]);
    (means, 1_u32..=25).prop_map(|(mean, value_bits)| {
        EntryCoding::new(DeltaCoding::new(mean).unwrap(), value_bits).unwrap()
    })
}

/// Bits as damage makes them, with runs of zeros and of ones, up to the end of the memory.
fn memories() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![4 => any::<u8>(), 2 => Just(0_u8), 1 => Just(0xff_u8)];
    prop::collection::vec(byte, 0..300)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    // Guards the vectors against any other answer than that of single steps, and against reading
    // beyond the memory, whatever the bits and wherever a walk begins and ends.
    #[test]
    fn vectors_change_nothing(
        coding in codings(),
        memory in memories(),
        places in prop::collection::vec(
            (0_u64..2600, 0_u64..2600, 0_u64..2600, any::<u32>(), 0_u64..1 << 40, 0_u64..40),
            1..20,
        ),
    ) {
        let walks: Vec<Walk> = places
            .iter()
            .enumerate()
            .map(|(slot, &(start, length, part, key, target, expired))| Walk {
                start,
                end: start + length,
                place: start,
                until: start + length.min(part),
                key: key >> (key % 32),
                target: target >> (target % 41),
                base: key,
                expired,
                slot,
            })
            .collect();
        let singly = stops(&memory, &coding, &walks, |walks| pass_none(walks));
        let together = stops(&memory, &coding, &walks, |walks| walks.pass_plain(&memory, &coding));
        prop_assert_eq!(&together, &singly);
        let mut run_stops = vec![Vec::new(); walks.len()];
        let mut next = walks.iter().copied();
        run(&memory, &coding, || next.next(), |slot, stop| {
            run_stops[slot].push(*stop);
            true
        });
        prop_assert_eq!(&run_stops, &singly);
    }
}
