//! Requests of all kinds from several callers, each answer checked.
//!
//! ```text
//! cargo bench -p uds-index --bench mixed [-- COUNT [ZONES [CALLERS]]]
//! ```
//!
//! The default is ten million requests, two zones and two callers, in a 256M index on a file in the
//! temporary folder. Each caller has two million names of its own and knows what is stored under
//! each, so that every answer is either right or counted: as *lost* (a record that should be there
//! is not), *doubled* (one that should not be there is) or *wrong* (it has other data). The window
//! is large enough for all. Fails if any count is not 0.
//!
//! Names that share their address in the volume index are not asked for: a few dozen. When
//! one of two is deleted, its entry goes, and the other's can lead to an old record of the deleted
//! one, if their chapters happen to be the same: the format knows no better (docs/fault-model.md).
//! With `UDS_BENCH_TINY` set, few requests in a tiny index: a smoke test.

use std::collections::HashSet;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use uds_bench_support::name;
use uds_geometry::{
    Configuration, LayoutSizes, MemorySize, RecordData, VolumeIndexParameters, ZoneCount,
};
use uds_index::{Batch, CreateOptions, Index, Operation};
use uds_volume::FileOptions;

const BATCH: u64 = 1024;
/// Of so many names most requests are, so that not every one needs a page of the volume.
const HOT_NAMES: u64 = 16 * 1024;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Answers that are not what they should be.
#[derive(Clone, Copy, Debug, Default)]
struct Faults {
    lost: u64,
    doubled: u64,
    wrong: u64,
    failed: u64,
}

fn main() -> Result<(), Failure> {
    let tiny = std::env::var_os("UDS_BENCH_TINY").is_some();
    let mut numbers = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let mut number = |default: u64| numbers.next().map_or(Ok(default), |text| text.parse());
    let count = number(if tiny { 40_000 } else { 10_000_000 })?;
    let zones = ZoneCount::new(u8::try_from(number(2)?)?).ok_or("the zones are 1 to 16")?;
    let callers = number(2)?.max(1);
    let names = if tiny { 2_000 } else { 2_000_000 };
    let configuration =
        if tiny { Configuration::tiny(false) } else { Configuration::dense(MemorySize::MB_256) };

    let folder = tempfile::tempdir()?;
    let bytes = LayoutSizes::new(&configuration.geometry())?.total_bytes();
    let storage = FileOptions::new().sparse(true).create(folder.path().join("index"), bytes)?;
    let options = CreateOptions { zones, ..CreateOptions::default() };
    let index = Index::create(Arc::new(storage), &configuration, &options)?;
    let shared = shared_addresses(&configuration, callers * names)?;
    println!("{} of {} names share an address", shared.len(), callers * names);
    let begin = Instant::now();
    let faults = thread::scope(|scope| {
        let threads: Vec<_> = (0..callers)
            .map(|number| {
                let first = number * names;
                let caller = Caller { index: &index, shared: &shared, first, seed: number };
                scope.spawn(move || caller.run(count / callers, names))
            })
            .collect();
        let mut sum = Faults::default();
        for thread in threads {
            let faults = thread.join().map_err(|_| "a caller panicked")??;
            sum.lost += faults.lost;
            sum.doubled += faults.doubled;
            sum.wrong += faults.wrong;
            sum.failed += faults.failed;
        }
        Ok::<Faults, Failure>(sum)
    })?;
    let seconds = begin.elapsed().as_secs_f64();
    let statistics = index.statistics();
    println!("{count} requests in {seconds:.1} s: {:.0} a second", count as f64 / seconds);
    println!(
        "{} chapters written, {} pages read, {} looked at in the cache",
        statistics.newest_chapter, statistics.pages_read, statistics.page_cache_hits
    );
    println!("{faults:?}");
    if statistics.oldest_chapter.get() > 0 || statistics.overflows > 0 {
        return Err("records were forgotten, so that the counts mean nothing".into());
    }
    let Faults { lost, doubled, wrong, failed } = faults;
    if lost + doubled + wrong + failed > 0 { Err("there are faults".into()) } else { Ok(()) }
}

/// The counters whose names do not have their addresses in the volume index for themselves.
fn shared_addresses(configuration: &Configuration, count: u64) -> Result<HashSet<u64>, Failure> {
    let parameters = VolumeIndexParameters::new(&configuration.geometry())?.non_hook;
    let address = |counter| {
        let (list, key) = parameters.locate(&name(counter));
        (list, key, counter)
    };
    let mut addresses: Vec<_> = (0..count).map(address).collect();
    addresses.sort_unstable();
    let groups = addresses.chunk_by(|one, other| (one.0, one.1) == (other.0, other.1));
    Ok(groups.filter(|group| group.len() > 1).flatten().map(|address| address.2).collect())
}

/// One of the threads, with names of its own.
struct Caller<'a> {
    index: &'a Index,
    /// The counters of names that are not asked for.
    shared: &'a HashSet<u64>,
    first: u64,
    seed: u64,
}

impl Caller<'_> {
    fn run(&self, count: u64, names: u64) -> Result<Faults, Failure> {
        use Operation::{Delete, Post, Query, QueryNoUpdate, Update};
        const ALL: [Operation; 8] =
            [Post, Post, Post, Update, Query, QueryNoUpdate, QueryNoUpdate, Delete];
        // The version stored last; 0 where there is none.
        let mut versions = vec![0_u32; names as usize];
        let mut faults = Faults::default();
        let mut state = self.seed;
        let mut batch = Batch::with_capacity(BATCH as usize);
        let mut expected = Vec::with_capacity(BATCH as usize);
        for start in (0..count).step_by(BATCH as usize) {
            batch.clear();
            expected.clear();
            for step in start..(start + BATCH).min(count) {
                let random = next(&mut state);
                // The hot names move on slowly.
                let hot = (start / 8 + (random >> 16) % HOT_NAMES.min(names)) % names;
                let place = if random % 16 == 0 { (random >> 16) % names } else { hot };
                let operation = ALL[(random >> 8) as usize % ALL.len()];
                let version = u32::try_from(step + 1)?;
                let counter = self.first + place;
                if self.shared.contains(&counter) {
                    continue;
                }
                batch.push(operation, name(counter), data(counter, version));
                let known = &mut versions[place as usize];
                expected.push(if *known == 0 { None } else { Some(data(counter, *known)) });
                match operation {
                    Delete => *known = 0,
                    Update => *known = version,
                    Post if *known == 0 => *known = version,
                    _ => {}
                }
            }
            let _ = self.index.run(&mut batch);
            for (answer, expected) in batch.answers().zip(&expected) {
                let Some(Ok(answer)) = answer else {
                    faults.failed += 1;
                    continue;
                };
                match (answer.data(), expected) {
                    (Some(found), Some(expected)) => {
                        faults.wrong += u64::from(found != *expected);
                    }
                    (None, Some(_)) => faults.lost += 1,
                    (Some(_), None) => faults.doubled += 1,
                    (None, None) => {}
                }
            }
        }
        Ok(faults)
    }
}

/// Splitmix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn data(counter: u64, version: u32) -> RecordData {
    RecordData::new((u128::from(counter) << 32 | u128::from(version)).to_le_bytes())
}
