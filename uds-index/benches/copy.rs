//! Copies a full dense index into one of twice the memory, into a sparse one, and that one back,
//! and checks every answer of each.
//!
//! ```text
//! cargo bench -p uds-index --bench copy [-- COUNT [FOLDER]]
//! ```
//!
//! The default fills the window of a 256M index: 67,108,864 names. The indexes are files without
//! space set aside, in FOLDER or the temporary folder: they take up to eight gigabytes. Prints what
//! a copy takes. Fails if a dense index has not just the records that the first one had, with their
//! data, or if a sparse one finds less than sampling explains. With `UDS_BENCH_TINY` set, a hundred
//! thousand names in tiny indexes: a smoke test.

use std::error::Error;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use uds_bench_support::{data, name};
use uds_geometry::{Configuration, LayoutSizes, MemorySize};
use uds_index::{Batch, CreateOptions, Index, copy_records};
use uds_volume::FileOptions;

const BATCH: u64 = 2048;
/// What a sparse index may miss of names that are asked for in order, in parts of a thousand: those
/// before the first sample of a chapter, and a margin. Tiny chapters have few samples.
const MISSED_PER_MILLE: u64 = 5;
const MISSED_PER_MILLE_TINY: u64 = 50;

fn main() -> Result<(), Box<dyn Error>> {
    let tiny = std::env::var_os("UDS_BENCH_TINY").is_some();
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let default = if tiny { 100_000 } else { 67_108_864 };
    let count: u64 = arguments.next().map_or(Ok(default), |count| count.parse())?;
    let temporary = tempfile::tempdir()?;
    let folder = arguments.next().map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    let [source, larger, sparse, back] = configurations(tiny);

    let first = create(&folder.join("first"), &source)?;
    let begin = Instant::now();
    for start in (0..count).step_by(BATCH as usize) {
        let mut batch = Batch::with_capacity(BATCH as usize);
        for counter in start..(start + BATCH).min(count) {
            batch.post(name(counter), data(counter));
        }
        first.run(&mut batch)?;
    }
    println!("filled with {count} names in {:.1} s", begin.elapsed().as_secs_f64());
    let held = first.statistics().records_forgotten.min(count)..count;

    let second =
        copied("dense to dense, twice the memory", &first, &folder.join("second"), &larger)?;
    check(&second, &held, count, 0)?;
    drop(second);
    let third = copied("dense to sparse", &first, &folder.join("third"), &sparse)?;
    check(&third, &held, count, if tiny { MISSED_PER_MILLE_TINY } else { MISSED_PER_MILLE })?;
    drop(first);
    let fourth = copied("sparse to dense", &third, &folder.join("fourth"), &back)?;
    check(&fourth, &held, count, 0)
}

/// The shapes of the first index, of the larger, of the sparse and of the last one.
fn configurations(tiny: bool) -> [Configuration; 4] {
    if tiny {
        return [false, false, true, false].map(Configuration::tiny);
    }
    [
        Configuration::dense(MemorySize::MB_256),
        Configuration::dense(MemorySize::MB_512),
        Configuration::sparse(MemorySize::MB_256),
        Configuration::dense(MemorySize::MB_256),
    ]
}

fn create(path: &Path, configuration: &Configuration) -> Result<Index, Box<dyn Error>> {
    let bytes = LayoutSizes::new(&configuration.geometry())?.total_bytes();
    let storage = Arc::new(FileOptions::new().sparse(true).create(path, bytes)?);
    Ok(Index::create(storage, configuration, &CreateOptions::default())?)
}

/// Copies an index into a new one, and says what that took.
fn copied(
    what: &str,
    from: &Index,
    path: &Path,
    configuration: &Configuration,
) -> Result<Index, Box<dyn Error>> {
    let into = create(path, configuration)?;
    let begin = Instant::now();
    let report = copy_records(from, &into, &mut |_| ControlFlow::Continue(()))?;
    into.save()?;
    let spent = begin.elapsed();
    println!(
        "{what}: {} records of {} chapters in {:.1} s, {:.0} ns each",
        report.records,
        report.chapters,
        spent.as_secs_f64(),
        spent.as_nanos() as f64 / report.records.max(1) as f64,
    );
    Ok(into)
}

/// Asks for all names in order. Those that the first index held must be there, but for a few of a
/// thousand, and no others.
fn check(
    index: &Index,
    held: &Range<u64>,
    count: u64,
    missed_per_mille: u64,
) -> Result<(), Box<dyn Error>> {
    let mut missed = 0;
    for start in (0..count).step_by(BATCH as usize) {
        let counters = start..(start + BATCH).min(count);
        let mut batch = Batch::with_capacity(BATCH as usize);
        counters.clone().for_each(|counter| batch.query_no_update(name(counter)));
        index.run(&mut batch)?;
        for (counter, answer) in counters.zip(batch.answers()) {
            match answer.and_then(|answer| answer.as_ref().ok()?.data()) {
                Some(found) if found == data(counter) && held.contains(&counter) => {}
                Some(found) => return Err(format!("{counter}: {found} is wrong").into()),
                None => missed += u64::from(held.contains(&counter)),
            }
        }
    }
    let all = held.end - held.start;
    println!("  asked for {count} names in order: {} found, {missed} missed", all - missed);
    if missed * 1000 > all * missed_per_mille {
        return Err("too many records are missed".into());
    }
    Ok(())
}
