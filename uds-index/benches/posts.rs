//! Posts names in batches, closes the index, opens it again and asks for every name.
//!
//! ```text
//! cargo bench -p uds-index --bench posts [-- COUNT [FILE]]
//! ```
//!
//! The default is ten million names in a 256M index on a file in the temporary folder. Prints what
//! an operation takes and how much memory the process had. Fails if any answer is wrong, or if the
//! process had more than 240 MiB of memory.
//! With `UDS_BENCH_TINY` set, a hundred thousand names in a tiny index: a smoke test.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use uds_bench_support::{data, memory_mib, name};
use uds_geometry::{Configuration, LayoutSizes, MemorySize, RecordData, RecordName};
use uds_index::{Answer, Batch, CreateOptions, Index, OpenOptions};
use uds_volume::FileStorage;

const BATCH: u64 = 1024;
/// What the process may have at most, in MiB: what a 256M index is allowed.
const MAX_RESIDENT_MIB: f64 = 240.0;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tiny = std::env::var_os("UDS_BENCH_TINY").is_some();
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let count = match arguments.next() {
        Some(count) => count.parse()?,
        None if tiny => 100_000,
        None => 10_000_000,
    };
    let folder = tempfile::tempdir()?;
    let file = arguments.next().map_or_else(|| folder.path().join("index"), PathBuf::from);
    let configuration =
        if tiny { Configuration::tiny(false) } else { Configuration::dense(MemorySize::MB_256) };

    let bytes = LayoutSizes::new(&configuration.geometry())?.total_bytes();
    let storage = Arc::new(FileStorage::create(&file, bytes)?);
    let index = Index::create(storage, &configuration, &CreateOptions::default())?;
    run("post", &index, count, Batch::post, |_, answer| !answer.is_found())?;
    timed("flush", 1, || index.flush())?;
    println!("{:#?}", index.statistics());
    timed("close", 1, || index.close())?;

    let mut index = None;
    timed("open", 1, || {
        let storage = Arc::new(FileStorage::open(&file)?);
        index = Some(Index::open(storage, &OpenOptions::default())?);
        Ok(())
    })?;
    let index = index.ok_or("the index was opened above")?;
    // The window of a tiny index is smaller than the run.
    let records = u64::from(index.geometry().records_per_chapter());
    let first = index.statistics().oldest_chapter.get() * records;
    let query = |batch: &mut Batch, name, _| batch.query_no_update(name);
    run("query", &index, count, query, |counter, answer| {
        answer.data() == (counter >= first).then(|| data(counter))
    })?;
    let peak = memory_mib("VmHWM:");
    println!("peak resident memory: {peak:.1} MiB, {MAX_RESIDENT_MIB} are allowed");
    if peak > MAX_RESIDENT_MIB {
        return Err("too much memory".into());
    }
    Ok(())
}

/// Makes one request a name, in batches, and checks every answer. The names are computed
/// beforehand, outside the time that is printed.
fn run(
    what: &str,
    index: &Index,
    count: u64,
    request: impl Fn(&mut Batch, RecordName, RecordData),
    is_right: impl Fn(u64, &Answer) -> bool,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut batch = Batch::with_capacity(BATCH as usize);
    let mut spent = std::time::Duration::ZERO;
    for start in (0..count).step_by(BATCH as usize) {
        let counters = start..(start + BATCH).min(count);
        batch.clear();
        for counter in counters.clone() {
            request(&mut batch, name(counter), data(counter));
        }
        let begin = Instant::now();
        index.run(&mut batch)?;
        spent += begin.elapsed();
        for (counter, answer) in counters.zip(batch.answers()) {
            match answer {
                Some(Ok(answer)) if is_right(counter, answer) => {}
                other => return Err(format!("{what} {counter}: {other:?} is wrong").into()),
            }
        }
    }
    print_time(what, count, spent);
    Ok(())
}

fn timed(
    what: &str,
    count: u64,
    work: impl FnOnce() -> Result<(), uds_index::IndexError>,
) -> Result<(), uds_index::IndexError> {
    let begin = Instant::now();
    work()?;
    print_time(what, count, begin.elapsed());
    Ok(())
}

fn print_time(what: &str, count: u64, spent: std::time::Duration) {
    let each = spent.as_nanos() as f64 / count as f64;
    let seconds = spent.as_secs_f64();
    let resident = memory_mib("VmRSS:");
    println!("{what}: {count} in {seconds:.2} s, {each:.0} ns each; {resident:.1} MiB resident");
}
