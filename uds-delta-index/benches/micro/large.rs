//! Delta lists as those of a full 256M index, in a zone larger than a processor core's own caches:
//! look-ups one by one, touched together and walked together, and entries dropped from many lists.

use uds_bench_support::{Digest, Random, Suite};
use uds_delta_index::{AgingSegment, SEGMENTS};
use uds_geometry::{DeltaKey, DeltaListNumber};

use crate::lists::{BATCH, Lists, Place, empty_zone, put};

/// Entries of a list, as many as in a full 256M index.
const LENGTH: u32 = 256;
/// Lists of 16 MiB together.
const LIST_COUNT: u32 = 22_000;
/// The value of entries that are dropped. One of 1024 has it, as where a chapter of a full index
/// expires.
const REFUSED: u32 = 77;

/// Segments of lists, and which of their entries are dropped.
struct Thinned {
    lists: Lists,
    segments: Vec<AgingSegment>,
    refused: Vec<Place>,
}

pub(crate) fn benchmarks(suite: &mut Suite) {
    let list_count = suite.size(LIST_COUNT, 32);
    // So many that what a call has brought into the caches is gone before the next.
    let count = suite.size(8192, 256);
    let setup = || filled(list_count, count);
    suite.bench("large.find", count, setup, Lists::find);
    suite.bench("large.find-touched", count, setup, Lists::find_touched);
    suite.bench("large.find-ahead", count, setup, Lists::find_ahead);

    let segments = suite.size(8192, list_count);
    let setup = || Thinned::new(filled(list_count, 0), segments, list_count / segments);
    let (work, undo) = (Thinned::drop_refused, Thinned::insert_refused);
    suite.bench_and_undo("large.drop-oldest", segments, setup, work, undo);
}

/// Full lists, and `count` places of their entries. Keys come in order, which takes a part of the
/// time that random ones would.
fn filled(list_count: u32, count: u32) -> Lists {
    let mut zone = empty_zone(list_count, list_count * LENGTH);
    let keys = Lists::keys(LENGTH);
    let mut random = Random::new(1);
    let mut of_list = Vec::new();
    for list in (0..list_count).map(DeltaListNumber::new) {
        of_list.clear();
        of_list.extend((0..LENGTH).map(|_| random.below(keys)));
        of_list.sort_unstable();
        of_list.dedup();
        for &key in &of_list {
            put(&mut zone, (list, DeltaKey::new(key)));
        }
    }
    let mut places = Vec::new();
    while places.len() < count as usize {
        let list = DeltaListNumber::new(random.below(list_count));
        let mut entries = zone.entries(list).expect("it is one of the lists");
        // A key or two may have come twice, so that a list may be shorter.
        if let Some(entry) = entries.nth(random.below(LENGTH) as usize) {
            places.push((list, entry.expect("the lists are sound").key));
        }
    }
    Lists { zone, places }
}

impl Thinned {
    /// A segment of each `step`-th list, so that all segments come in turn.
    fn new(lists: Lists, count: u32, step: u32) -> Self {
        let zone = &lists.zone;
        let mut segments = Vec::new();
        let mut refused = Vec::new();
        for number in 0..count {
            let list = DeltaListNumber::new(number * step);
            let segment = number as usize % SEGMENTS;
            let (base, expired) = (REFUSED, 1);
            segments.push(AgingSegment { list, segment, base, expired, oldest: 0 });
            for entry in zone.entries(list).expect("it is one of the lists") {
                let entry = entry.expect("the lists are sound");
                if entry.value == REFUSED && zone.segment_of(entry.key) == segment {
                    refused.push((list, entry.key));
                }
            }
        }
        let few = 1..segments.len() / 4;
        assert!(few.contains(&refused.len()), "{} entries are refused", refused.len());
        Self { lists, segments, refused }
    }

    fn drop_refused(&mut self) -> u64 {
        let zone = &mut self.lists.zone;
        for segments in self.segments.chunks_mut(BATCH) {
            zone.drop_oldest(segments).expect("the lists are sound");
        }
        let mut digest = Digest::new();
        digest.add(zone.statistics().records);
        digest.add(zone.used_bits());
        digest.finish()
    }

    fn insert_refused(&mut self) {
        for &place in &self.refused {
            put(&mut self.lists.zone, place);
        }
    }
}
