//! Fills an index from one caller in one zone, and from several callers in several zones, in turns.
//!
//! ```text
//! cargo bench -p uds-index --bench zones [-- COUNT [ZONES [CALLERS [ROUNDS]]]]
//! ```
//!
//! The default is eight million names a round and two zones with two callers, three rounds, in a
//! 256M index on a file in the temporary folder. Prints the records stored per second of each
//! round, the medians, and their ratio. Fails if any answer is wrong.
//! With `UDS_BENCH_TINY` set, a hundred thousand names in a tiny index: a smoke test.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use uds_bench_support::{data, name};
use uds_geometry::{Configuration, LayoutSizes, MemorySize, ZoneCount};
use uds_index::{Batch, CreateOptions, Index};
use uds_volume::FileOptions;

const BATCH: u64 = 1024;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let tiny = std::env::var_os("UDS_BENCH_TINY").is_some();
    let mut numbers = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let mut number = |default: u64| numbers.next().map_or(Ok(default), |text| text.parse());
    let count = number(if tiny { 100_000 } else { 8_000_000 })?;
    let zones = u8::try_from(number(2)?)?;
    let callers = number(2)?.max(1);
    let rounds = number(if tiny { 1 } else { 3 })?;
    let several = ZoneCount::new(zones).ok_or("the number of zones is 1 to 16")?;
    let configuration =
        if tiny { Configuration::tiny(false) } else { Configuration::dense(MemorySize::MB_256) };

    let mut rates = [Vec::new(), Vec::new()];
    for round in 1..=rounds {
        let ways = [(ZoneCount::ONE, 1), (several, callers)];
        for ((zones, callers), rates) in ways.into_iter().zip(&mut rates) {
            let rate = fill(&configuration, zones, callers, count)?;
            let zones = zones.get();
            println!("round {round}, {zones} zones, {callers} callers: {rate:.0} records a second");
            rates.push(rate);
        }
    }
    let [one, several] = rates.map(median);
    println!("medians: {one:.0} and {several:.0} records a second, ratio {:.2}", several / one);
    Ok(())
}

/// Fills a new index. Returns the records stored per second.
fn fill(
    configuration: &Configuration,
    zones: ZoneCount,
    callers: u64,
    count: u64,
) -> Result<f64, Failure> {
    let folder = tempfile::tempdir()?;
    let bytes = LayoutSizes::new(&configuration.geometry())?.total_bytes();
    let storage = FileOptions::new().sparse(true).create(folder.path().join("index"), bytes)?;
    let options = CreateOptions { zones, ..CreateOptions::default() };
    let index = Index::create(Arc::new(storage), configuration, &options)?;
    let begin = Instant::now();
    thread::scope(|scope| {
        let of_caller = |caller| caller * count / callers..(caller + 1) * count / callers;
        let threads: Vec<_> = (0..callers)
            .map(|caller| {
                let index = &index;
                scope.spawn(move || post_all(index, of_caller(caller)))
            })
            .collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a caller panicked")?)
    })?;
    index.flush()?;
    let seconds = begin.elapsed().as_secs_f64();
    let statistics = index.statistics();
    if statistics.posts_not_found != count || statistics.overflows > 0 {
        return Err(format!("records were lost: {statistics:#?}").into());
    }
    Ok(count as f64 / seconds)
}

/// Posts the names of some counters in batches, and checks that each is new.
fn post_all(index: &Index, counters: std::ops::Range<u64>) -> Result<(), Failure> {
    let mut batch = Batch::with_capacity(BATCH as usize);
    for start in counters.clone().step_by(BATCH as usize) {
        batch.clear();
        for counter in start..(start + BATCH).min(counters.end) {
            batch.post(name(counter), data(counter));
        }
        index.run(&mut batch)?;
        for (counter, answer) in (start..).zip(batch.answers()) {
            if !matches!(answer, Some(Ok(answer)) if !answer.is_found()) {
                return Err(format!("post {counter}: {answer:?} is wrong").into());
            }
        }
    }
    Ok(())
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
