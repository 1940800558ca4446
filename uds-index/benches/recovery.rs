//! Fills a dense index, drops it without closing it, and recovers it.
//!
//! ```text
//! cargo bench -p uds-index --bench recovery [-- COUNT [FILE [ZONES [MOVED]]]]
//! ```
//!
//! The default fills the window of a 256M index: 67,108,864 names. A child process does that,
//! unless FILE is there from an earlier run; MOVED of the names, from the middle on, it posts a
//! second time, so that their records move. Prints how long the recovery takes and how much memory
//! the process had; then asks for a part of the names. Fails if one is missing that was not in the
//! open chapter, or if the process had more than 300 MiB of memory.
//! With `UDS_BENCH_TINY` set, a hundred thousand names in a tiny index: a smoke test.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use uds_bench_support::{data, memory_mib, name};
use uds_geometry::{Configuration, LayoutSizes, MemorySize, ZoneCount};
use uds_index::{Batch, CreateOptions, Index, OpenOptions, RecoveryReport};
use uds_volume::FileStorage;

const BATCH: u64 = 1024;
/// What the process may have at most, in MiB.
const MAX_RESIDENT_MIB: f64 = 300.0;
/// Says to the child what to fill.
const FILL: &str = "UDS_BENCH_FILL";

fn main() -> Result<(), Box<dyn Error>> {
    let tiny = std::env::var_os("UDS_BENCH_TINY").is_some();
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let default = if tiny { 100_000 } else { 67_108_864 };
    let count: u64 = arguments.next().map_or(Ok(default), |count| count.parse())?;
    let folder = tempfile::tempdir()?;
    let file = arguments.next().map_or_else(|| folder.path().join("index"), PathBuf::from);
    let zones = arguments.next().map_or(Ok(1), |zones| zones.parse())?;
    let zones = ZoneCount::new(zones).ok_or("1 to 16 zones")?;
    let moved = arguments.next().map_or(Ok(0), |moved| moved.parse())?;
    if std::env::var_os(FILL).is_some() {
        return fill(&file, count, moved, tiny);
    }
    // What an earlier run left is as good.
    if !file.exists() {
        let child = Command::new(std::env::current_exe()?)
            .args([count.to_string().as_ref(), file.as_os_str()])
            .args(["1".to_string(), moved.to_string()])
            .env(FILL, "1")
            .status()?;
        if !child.success() {
            return Err("the index could not be filled".into());
        }
    }

    let storage = Arc::new(FileStorage::open(&file)?);
    let begin = Instant::now();
    let options = OpenOptions { zones, ..OpenOptions::default() };
    let index = Index::open(storage, &options)?;
    let spent = begin.elapsed();
    let report = index.recovery().ok_or("the index was closed cleanly")?.clone();
    println!(
        "recovered {} records of {} chapters in {:.2} s, {:.0} ns each, {} zones",
        report.records,
        report.chapters,
        spent.as_secs_f64(),
        spent.as_nanos() as f64 / report.records.max(1) as f64,
        zones.get(),
    );
    println!("{report:?}");
    let peak = memory_mib("VmHWM:");
    println!("peak resident memory: {peak:.1} MiB, {MAX_RESIDENT_MIB} are allowed");
    ask(&index, &report, count)?;
    if peak > MAX_RESIDENT_MIB {
        return Err("too much memory".into());
    }
    Ok(())
}

/// Asks for a part of the names that must be there.
fn ask(index: &Index, report: &RecoveryReport, count: u64) -> Result<(), Box<dyn Error>> {
    let per_chapter = u64::from(index.geometry().records_per_chapter());
    // A record that moved to the open chapter is found where it was before.
    let end = (report.newest_chapter.get() * per_chapter).min(count);
    let known = report.oldest_chapter.get() * per_chapter..end;
    let mut missing = 0;
    let step = (count / 1_000_000).max(1);
    let mut asked = known.clone().step_by(step as usize).peekable();
    while asked.peek().is_some() {
        let counters: Vec<u64> = asked.by_ref().take(BATCH as usize).collect();
        let mut batch = Batch::new();
        counters.iter().for_each(|&counter| batch.query_no_update(name(counter)));
        index.run(&mut batch)?;
        for (&counter, answer) in counters.iter().zip(batch.answers()) {
            match answer.and_then(|answer| answer.as_ref().ok()?.data()) {
                Some(found) if found == data(counter) => {}
                Some(found) => return Err(format!("{counter}: {found} is wrong").into()),
                None => missing += 1,
            }
        }
    }
    println!("asked for one name in {step} of {known:?}: {missing} missing");
    if missing > 0 {
        return Err("names are missing".into());
    }
    Ok(())
}

/// Fills an index and leaves it as a crash does.
fn fill(file: &Path, count: u64, moved: u64, tiny: bool) -> Result<(), Box<dyn Error>> {
    let configuration =
        if tiny { Configuration::tiny(false) } else { Configuration::dense(MemorySize::MB_256) };
    let bytes = LayoutSizes::new(&configuration.geometry())?.total_bytes();
    let storage = Arc::new(FileStorage::create(file, bytes)?);
    let index = Index::create(storage, &configuration, &CreateOptions::default())?;
    let begin = Instant::now();
    let again = count / 2..(count / 2 + moved).min(count);
    let starts = (0..count).step_by(BATCH as usize).map(|start| (start, count));
    let again = again.clone().step_by(BATCH as usize).map(|start| (start, again.end));
    for (start, end) in starts.chain(again) {
        let mut batch = Batch::with_capacity(BATCH as usize);
        for counter in start..(start + BATCH).min(end) {
            batch.post(name(counter), data(counter));
        }
        index.run(&mut batch)?;
    }
    index.flush()?;
    println!("filled with {count} names in {:.1} s", begin.elapsed().as_secs_f64());
    Ok(())
}
