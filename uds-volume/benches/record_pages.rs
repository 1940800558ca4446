//! Times of sorting, encoding and searching record pages.
//!
//! Prints nanoseconds and a hash of the results, so that a change of the work shows as well as
//! a change of its speed. With `--test` it runs a few rounds only.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::hint::black_box;
use std::time::Instant;

use uds_geometry::{Record, RecordData, RecordName};
use uds_volume::{RadixSorter, RecordPageEncoder, search_record_page};

const RECORDS: usize = 1024;
/// As many as a chapter of a 256 MB index has.
const PAGES: usize = 64;

fn main() {
    let rounds = if std::env::args().any(|argument| argument == "--test") { 1 } else { 100 };
    let records: Vec<Record> = (0..(PAGES * RECORDS) as u64)
        .map(|number| Record {
            name: RecordName::of_block(&number.to_le_bytes()),
            data: RecordData::new(u128::from(number).to_le_bytes()),
        })
        .collect();
    let mut hasher = DefaultHasher::new();

    let mut sorter = RadixSorter::new(RECORDS as u32);
    time("radix sort, a record", rounds, PAGES * RECORDS, || {
        for page in records.chunks(RECORDS) {
            if let Ok(order) = sorter.sort(page) {
                black_box(order.len());
            }
        }
    });
    let mut order: Vec<u32> = Vec::with_capacity(RECORDS);
    time("sort_unstable_by of positions, a record", rounds, PAGES * RECORDS, || {
        for page in records.chunks(RECORDS) {
            order.clear();
            order.extend(0..RECORDS as u32);
            order.sort_unstable_by(|&a, &b| page[a as usize].name.cmp(&page[b as usize].name));
            black_box(&order);
        }
    });
    let mut copy = records.clone();
    time("sort_unstable_by_key of copied records, a record", rounds, PAGES * RECORDS, || {
        copy.copy_from_slice(&records);
        for page in copy.chunks_mut(RECORDS) {
            page.sort_unstable_by_key(|record| record.name);
        }
        black_box(&copy);
    });

    let mut encoder = RecordPageEncoder::new(RECORDS as u32);
    let mut pages = vec![0; PAGES * RECORDS * 32];
    time("sort and encode, a record", rounds, PAGES * RECORDS, || {
        for (page, bytes) in records.chunks(RECORDS).zip(pages.chunks_mut(RECORDS * 32)) {
            encoder.encode(page, bytes).expect("the sizes are those of a page");
        }
    });
    pages.hash(&mut hasher);

    let mut found = 0_u64;
    time("search, a look-up", rounds, PAGES * RECORDS, || {
        for (page, bytes) in records.chunks(RECORDS).zip(pages.chunks(RECORDS * 32)) {
            for record in page {
                found += u64::from(search_record_page(bytes, &record.name).is_some());
            }
        }
    });
    assert_eq!(found, (rounds * PAGES * RECORDS) as u64, "every record must be found");
    println!("result {:016x}", hasher.finish());
}

/// Runs `work` `rounds` times and prints the best time for one of its `items`.
fn time(what: &str, rounds: usize, items: usize, mut work: impl FnMut()) {
    let mut best = f64::INFINITY;
    for _ in 0..rounds {
        let start = Instant::now();
        work();
        best = best.min(start.elapsed().as_secs_f64());
    }
    println!("{what}: {:.1} ns", best * 1e9 / items as f64);
}
