//! How long it takes to hand requests to an index and to have them back: the gate, the ports of
//! the zones, and the wait.
//!
//! The names are in the open chapter of a tiny index in memory, so that the work itself is small.
//! `run` does the work in the caller's thread; `submit` leaves it to a zone's worker, and the
//! caller waits.

use std::sync::Arc;

use uds_bench_support::{Digest, Suite, data, name};
use uds_geometry::{Configuration, LayoutSizes, ZoneCount};
use uds_index::{Answer, Batch, CreateOptions, Index};
use uds_volume::MemoryStorage;

/// Names that are stored and asked for.
const NAMES: u64 = 1024;

fn main() {
    uds_bench_support::run("index", |suite| {
        for zones in [1, 2].into_iter().filter_map(ZoneCount::new) {
            for batch in [1, 1024] {
                hand_over(suite, zones, batch);
            }
        }
        suite.bench(
            "query-no-update",
            NAMES as u32,
            || filled(ZoneCount::ONE),
            |index| {
                let mut digest = Digest::new();
                for counter in 0..NAMES {
                    let answer =
                        index.query_no_update(name(counter)).expect("memory does not fail");
                    let data = answer.data().expect("the name was stored");
                    digest.add(u128::from_le_bytes(*data.as_bytes()) as u64);
                }
                digest.finish()
            },
        );
    });
}

fn hand_over(suite: &mut Suite, zones: ZoneCount, size: u64) {
    let setup = || (filled(zones), batches(size));
    let title = |how: &str| format!("{how}.{size}.zones-{}", zones.get());
    let count = NAMES as u32;
    suite.bench(&title("run"), count, setup, |(index, batches)| {
        let mut digest = Digest::new();
        for batch in batches {
            index.run(batch).expect("memory does not fail");
            add_answers(batch, &mut digest);
        }
        digest.finish()
    });
    suite.bench(&title("submit"), count, setup, |(index, batches)| {
        let mut digest = Digest::new();
        for batch in batches {
            let ticket = index.submit(std::mem::take(batch)).expect("the index is open");
            *batch = ticket.wait();
            add_answers(batch, &mut digest);
        }
        digest.finish()
    });
}

/// A tiny index whose open chapter has all names.
fn filled(zones: ZoneCount) -> Index {
    let configuration = Configuration::tiny(false);
    let sizes = LayoutSizes::new(&configuration.geometry()).expect("the sizes are ordinary");
    let storage = Arc::new(MemoryStorage::new(sizes.total_bytes()));
    let options = CreateOptions { zones, ..CreateOptions::default() };
    let index = Index::create(storage, &configuration, &options).expect("there is memory");
    for counter in 0..NAMES {
        index.post(name(counter), data(counter)).expect("memory does not fail");
    }
    index
}

/// Requests for all names that change nothing, in batches.
fn batches(size: u64) -> Vec<Batch> {
    (0..NAMES)
        .step_by(size as usize)
        .map(|start| {
            let mut batch = Batch::with_capacity(size as usize);
            (start..start + size).for_each(|counter| batch.query_no_update(name(counter)));
            batch
        })
        .collect()
}

fn add_answers(batch: &Batch, digest: &mut Digest) {
    for answer in batch.answers() {
        let answer = answer.and_then(|answer| answer.as_ref().ok());
        let data = answer.and_then(Answer::data).expect("the name was stored");
        digest.add(u128::from_le_bytes(*data.as_bytes()) as u64);
    }
}
