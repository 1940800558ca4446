//! Fills a sparse index, saves it, opens it again, and asks for what it may and may not know.
//!
//! ```text
//! cargo bench -p uds-index --bench sparse [-- COUNT [FILE [ZONES]]]
//! ```
//!
//! The default is sixty million names in a 256M sparse index on a file in the temporary folder.
//! Prints what an operation takes, what share is found, and how much memory the process had. Fails
//! if any answer is wrong, if less is found than sampling explains, or if the process had more
//! than 220 MiB of memory.
//! With `UDS_BENCH_TINY` set, three hundred thousand names in a tiny index: a smoke test.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use uds_bench_support::{data, memory_mib, name};
use uds_geometry::{Configuration, LayoutSizes, MemorySize, RecordData, RecordName, ZoneCount};
use uds_index::{Batch, CreateOptions, Index, OpenOptions};
use uds_volume::{FileOptions, FileStorage};

const BATCH: usize = 1024;
/// What the process may have at most, in MiB.
const MAX_RESIDENT_MIB: f64 = 220.0;
/// Counters from here on were never stored.
const ABSENT: u64 = 1 << 40;

fn main() -> Result<(), Box<dyn Error>> {
    let tiny = std::env::var_os("UDS_BENCH_TINY").is_some();
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let default = if tiny { 300_000 } else { 60_000_000 };
    let count: u64 = arguments.next().map_or(Ok(default), |count| count.parse())?;
    let folder = tempfile::tempdir()?;
    let file = arguments.next().map_or_else(|| folder.path().join("index"), PathBuf::from);
    let zones = arguments.next().map_or(Ok(1), |zones| zones.parse())?;
    let zones = ZoneCount::new(zones).ok_or("1 to 16 zones")?;
    let configuration =
        if tiny { Configuration::tiny(true) } else { Configuration::sparse(MemorySize::MB_256) };
    let asked = if tiny { 20_000 } else { 4_000_000 };

    let bytes = LayoutSizes::new(&configuration.geometry())?.total_bytes();
    let storage = Arc::new(FileOptions::new().sparse(true).create(&file, bytes)?);
    let options = CreateOptions { zones, ..CreateOptions::default() };
    let index = Index::create(storage, &configuration, &options)?;
    println!("{} records fit, {} zones", index.geometry().records_per_volume(), zones.get());
    let fill = run("fill", &index, 0..count, Batch::post)?;
    if fill > 0 {
        return Err(format!("{fill} new names were found").into());
    }
    index.flush()?;
    ask(&index, count, asked)?;
    let begin = Instant::now();
    index.close()?;
    println!("close: {:.2} s", begin.elapsed().as_secs_f64());

    let begin = Instant::now();
    let storage = Arc::new(FileStorage::open(&file)?);
    let options = OpenOptions { zones, ..OpenOptions::default() };
    let index = Index::open(storage, &options)?;
    println!("open: {:.2} s", begin.elapsed().as_secs_f64());
    ask(&index, count, asked)?;
    println!("{:#?}", index.statistics());
    let peak = memory_mib("VmHWM:");
    println!("peak resident memory: {peak:.1} MiB, {MAX_RESIDENT_MIB} are allowed");
    if peak > MAX_RESIDENT_MIB {
        return Err("too much memory".into());
    }
    Ok(())
}

/// Asks for names that were never stored, for many in the order in which they were stored, and for
/// others at random.
fn ask(index: &Index, count: u64, asked: u64) -> Result<(), Box<dyn Error>> {
    let query = |batch: &mut Batch, name, _| batch.query_no_update(name);
    let found = run("miss", index, ABSENT..ABSENT + asked, query)?;
    if found > 0 {
        return Err(format!("{found} names were found that were never stored").into());
    }
    // From a part of what is there whose chapters are all sparse.
    let start = count / 4;
    let end = (start + asked).min(count);
    let found = run("hit-sequential", index, start..end, query)?;
    // In each chapter, what comes before its first sample: with several zones, that of the batch.
    if found * 100 < (end - start) * 98 {
        return Err(format!("only {found} of {} were found in order", end - start).into());
    }
    let random = (0..asked / 8)
        .map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23) % count);
    let found = run("hit-random", index, random, query)?;
    let dense = u64::from(index.geometry().records_per_chapter())
        * u64::from(index.geometry().dense_chapters_per_volume() - 1);
    let known = dense.min(count) as f64 / count as f64;
    let least = (known + (1.0 - known) / 32.0) * 0.9;
    let share = found as f64 / (asked / 8) as f64;
    println!(
        "  {:.1}% of them; samples and dense chapters are at least {:.1}%",
        100.0 * share,
        100.0 * least
    );
    if share < least {
        return Err("fewer were found than there are samples".into());
    }
    Ok(())
}

/// Makes one request a name, in batches, checks the data of what is found, and returns how many
/// were. The names are computed beforehand, outside the time that is printed.
fn run(
    what: &str,
    index: &Index,
    counters: impl Iterator<Item = u64>,
    request: impl Fn(&mut Batch, RecordName, RecordData),
) -> Result<u64, Box<dyn Error>> {
    let mut counters = counters.peekable();
    let mut batch = Batch::with_capacity(BATCH);
    let mut asked = Vec::with_capacity(BATCH);
    let mut spent = Duration::ZERO;
    let (mut count, mut found) = (0_u64, 0_u64);
    while counters.peek().is_some() {
        batch.clear();
        asked.clear();
        asked.extend(counters.by_ref().take(BATCH));
        for &counter in &asked {
            request(&mut batch, name(counter), data(counter));
        }
        let begin = Instant::now();
        index.run(&mut batch)?;
        spent += begin.elapsed();
        count += asked.len() as u64;
        for (&counter, answer) in asked.iter().zip(batch.answers()) {
            match answer {
                Some(Ok(answer)) => match answer.data() {
                    Some(stored) if stored != data(counter) => {
                        return Err(format!("{what} {counter}: {stored} is wrong").into());
                    }
                    stored => found += u64::from(stored.is_some()),
                },
                other => return Err(format!("{what} {counter}: {other:?}").into()),
            }
        }
    }
    let each = spent.as_nanos() as f64 / count.max(1) as f64;
    let resident = memory_mib("VmRSS:");
    println!("{what}: {count}, {each:.0} ns each, {found} found; {resident:.1} MiB resident");
    Ok(found)
}
