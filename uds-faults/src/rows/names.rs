//! F12 and F13: names that crowd in few lists until these overflow. Records are dropped, and
//! counted; no answer is wrong, and other names are not harmed.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use uds_geometry::{Configuration, CustomConfiguration, LayoutSizes, RecordData, RecordName};
use uds_index::{Batch, Index, OpenMode, Operation};
use uds_volume::sim::{Random, SimDisk};

use crate::campaign::{Campaign, Outcome, Plan, Tally};
use crate::judge::story;
use crate::patterns::{OVERFLOWING, PATTERNS, uniform};
use crate::world::{create_options, data, open_options, parse, zones};

/// Row F12.
pub(super) const OVERFLOWS: Campaign = Campaign {
    row: "F12",
    about: "names that fill one list or one zone, to ten times what it holds",
    counts: [1_000, 20_000, 200_000],
    run: run_overflows,
};

/// Row F13. A case is 40,000 names.
pub(super) const ADVERSARIAL: Campaign = Campaign {
    row: "F13",
    about: "adversarial names, 40,000 of each pattern: right answers, and the time for one",
    counts: [60, 6_000, 60_000],
    run: run_adversarial,
};

const NAMES: u32 = 40_000;

fn configuration(is_sparse: bool) -> Result<Configuration> {
    Ok(Configuration::custom(&CustomConfiguration {
        bytes_per_page: 4096,
        record_pages_per_chapter: 3,
        chapters_per_volume: 9,
        sparse_chapters_per_volume: if is_sparse { 7 } else { 0 },
        sample_rate: if is_sparse { 32 } else { 0 },
        ..CustomConfiguration::default()
    })?)
}

fn create(is_sparse: bool, zone_count: u8) -> Result<(Arc<SimDisk>, Index)> {
    let configuration = configuration(is_sparse)?;
    let bytes = LayoutSizes::new(&configuration.geometry())?.total_bytes();
    let disk = Arc::new(SimDisk::new(bytes, 1));
    let options = create_options(zones(zone_count)?, 0);
    let index = Index::create(disk.clone(), &configuration, &options)?;
    Ok((disk, index))
}

/// Carries out one request for each name. What is found must be of that name, in a version that
/// was stored. Returns which names were found.
fn ask(
    index: &Index,
    operation: Operation,
    version: u32,
    names: &[(u32, RecordName)],
) -> Result<Vec<u32>> {
    let mut found = Vec::new();
    for part in names.chunks(512) {
        let mut batch = Batch::with_capacity(part.len());
        for (number, name) in part {
            batch.push(operation, *name, data(*number, version));
        }
        if let Err(error) = index.run(&mut batch) {
            bail!("{operation:?}: {}", story(&error));
        }
        for ((number, _), answer) in part.iter().zip(batch.answers()) {
            let Some(Ok(answer)) = answer else { bail!("no answer") };
            let Some(stored) = answer.data() else { continue };
            check(*number, version, &stored)?;
            found.push(*number);
        }
    }
    Ok(found)
}

fn check(number: u32, version: u32, stored: &RecordData) -> Result<()> {
    let is_right = parse(stored).is_some_and(|(of, stored)| of == number && stored <= version);
    ensure!(is_right, "WRONG: name {number} has {stored}");
    Ok(())
}

fn run_overflows(plan: &Plan) -> Result<Outcome> {
    Ok(plan.each(0..plan.count, |case, tally| {
        let mut random = Random::of(plan.seed, case);
        let pattern = &PATTERNS[(case % OVERFLOWING as u64) as usize];
        let zone_count = if random.one_in(3) { 4 } else { 1 };
        let first = random.below(1 << 20);
        let count = *random.pick(&[500, 1000, 2000, 3000, 5000]);
        overflow(pattern.1, zone_count, first, count, tally).with_context(|| {
            format!("{}, {zone_count} zones, {count} names from {first}", pattern.0)
        })
    }))
}

/// Posts `count` names of a pattern among others, then deletes them, and posts some again.
fn overflow(
    pattern: fn(u64) -> RecordName,
    zone_count: u8,
    first: u64,
    count: u32,
    tally: &mut Tally,
) -> Result<()> {
    let (disk, index) = create(false, zone_count)?;
    let crowd: Vec<_> =
        (0..count).map(|number| (number, pattern(first + u64::from(number)))).collect();
    let others: Vec<_> =
        (count..count + 300).map(|number| (number, uniform(u64::from(number)))).collect();
    let before = index.statistics().memory_used;
    ask(&index, Operation::Post, 0, &crowd)?;
    ask(&index, Operation::Post, 0, &others)?;
    index.flush()?;
    let held = ask(&index, Operation::QueryNoUpdate, 0, &crowd)?;
    let held_others = ask(&index, Operation::QueryNoUpdate, 0, &others)?.len() as u64;
    let statistics = index.statistics();
    let lost = statistics.overflows + statistics.chapter_index_overflows;
    tally.note("records dropped because a list was full", statistics.overflows);
    tally.note("records that no chapter index names", statistics.chapter_index_overflows);
    // The newest names: with several zones, one may fill chapters alone.
    let missing = others.len() as u64 - held_others;
    let unnamed = statistics.chapter_index_overflows;
    ensure!(
        missing <= unnamed || zone_count > 1,
        "{missing} others are missing, {unnamed} counted"
    );
    let closed = statistics.newest_chapter.get() - statistics.oldest_chapter.get();
    let window = closed * u64::from(index.geometry().records_per_chapter())
        + statistics.open_chapter_records;
    let early = statistics.early_flushes * u64::from(index.geometry().records_per_chapter());
    let at_hand = held.len() as u64 + held_others;
    ensure!(at_hand <= window, "{at_hand} found of {window}");
    ensure!(
        zone_count > 1 || at_hand + lost + early >= window,
        "{at_hand} found, {lost} counted as lost, of {window}"
    );
    let memory = index.statistics().memory_used;
    tally.peak("percent of the memory of an empty index", memory * 100 / before);
    // A list that was full has room again.
    ask(&index, Operation::Delete, 0, &crowd)?;
    let few: Vec<_> = (count + 1000..count + 1010)
        .map(|number| (number, pattern(first + u64::from(number))))
        .collect();
    ask(&index, Operation::Post, 1, &few)?;
    let again = ask(&index, Operation::QueryNoUpdate, 1, &few)?.len();
    ensure!(again == few.len(), "only {again} of 10 names after the deletion of all others");
    index.close()?;
    let options = open_options(zones(zone_count)?, OpenMode::NoRebuild);
    let index = Index::open(disk, &options)?;
    tally.clean += 1;
    let again = ask(&index, Operation::QueryNoUpdate, 1, &few)?.len();
    ensure!(again == few.len(), "only {again} of 10 names after a close");
    Ok(())
}

fn run_adversarial(plan: &Plan) -> Result<Outcome> {
    // All patterns, dense and sparse, in one zone and in four.
    Ok(plan.each(0..plan.count, |case, tally| {
        let patterns = PATTERNS.len() as u64;
        let (name, pattern) = PATTERNS[(case % patterns) as usize];
        let variant = case / patterns;
        let zone_count = if variant % 2 == 0 { 1 } else { 4 };
        let first = variant / 4 * u64::from(NAMES);
        let is_sparse = variant / 2 % 2 == 1;
        adversarial(pattern, zone_count, is_sparse, first, tally)
            .with_context(|| format!("{name}, {zone_count} zones, sparse: {is_sparse}"))
    }))
}

fn adversarial(
    pattern: fn(u64) -> RecordName,
    zone_count: u8,
    is_sparse: bool,
    first: u64,
    tally: &mut Tally,
) -> Result<()> {
    let (disk, index) = create(is_sparse, zone_count)?;
    let names: Vec<_> =
        (0..NAMES).map(|number| (number, pattern(first + u64::from(number)))).collect();
    let started = Instant::now();
    ask(&index, Operation::Post, 0, &names)?;
    ask(&index, Operation::Update, 1, &names[NAMES as usize / 2..])?;
    let recent = &names[NAMES as usize - 4000..];
    ask(&index, Operation::QueryNoUpdate, 1, recent)?;
    let operations = u64::from(NAMES) * 3 / 2 + recent.len() as u64;
    tally.note("operations", operations);
    tally.peak("ns an operation, at most", started.elapsed().as_nanos() as u64 / operations);
    index.flush()?;
    drop(index);
    // The clock stops here: a recovery is not an operation.
    let index = Index::open(disk, &open_options(zones(zone_count)?, OpenMode::Load))?;
    tally.recovered += 1;
    ask(&index, Operation::QueryNoUpdate, 1, recent)?;
    index.close()?;
    Ok(())
}
