//! F19: reads and writes that go astray: to another place, twice, nowhere, or to what was there
//! before.
//!
//! The storage says that all is well, so nothing can be promised of what is missing or old. No
//! name may have the data of another.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use uds_geometry::RecordData;
use uds_index::{Batch, ErrorKind, Index, Operation};
use uds_volume::Storage as _;
use uds_volume::sim::{Random, SimDisk, Trick};

use crate::campaign::{Campaign, Outcome, Plan, Tally};
use crate::judge::{Opened, ask_what_can_be, check_typed, open};
use crate::script::{Script, Step};
use crate::scripts;
use crate::world::{BLOCK, World, create_options, data, open_options, parse, zones};

/// Row F19.
pub(super) const CAMPAIGN: Campaign = Campaign {
    row: "F19",
    about: "reads and writes that go elsewhere, twice, nowhere, or to older blocks",
    counts: [10_000, 200_000, 2_000_000],
    run,
};

fn run(plan: &Plan) -> Result<Outcome> {
    let scripts = scripts::short()?;
    let mut counts = Vec::new();
    for script in &scripts {
        let disk = Arc::new(SimDisk::new(script.world.bytes(), 1));
        live(script, &disk, false)?;
        counts.push(disk.counts());
    }
    Ok(plan.each(0..plan.count, |case, tally| {
        let mut random = Random::of(plan.seed, case);
        let number = random.below(scripts.len() as u64) as usize;
        let script = &scripts[number];
        let (trick, n) = choose(script, counts[number].reads, counts[number].writes, &mut random);
        run_case(script, trick, n, tally)
            .with_context(|| format!("script \"{}\", {trick:?}, operation {n}", script.name))
    }))
}

/// A trick, and at which operation.
fn choose(script: &Script, reads: u64, writes: u64, random: &mut Random) -> (Trick, u64) {
    let world = &script.world;
    let pages = 2 + world.sizes.volume_blocks;
    // Where pages are, mostly: there bytes can be taken for others.
    let blocks = if random.one_in(4) { world.sizes.total_blocks() } else { pages };
    let place = random.below(blocks) * BLOCK;
    let trick = match random.below(5) {
        0 => Trick::WriteElsewhere { to: place },
        1 => Trick::WriteTwice { to: place },
        2 => Trick::WriteNowhere,
        3 => Trick::ReadElsewhere { from: place },
        _ => Trick::ReadOlder,
    };
    let is_read = matches!(trick, Trick::ReadElsewhere { .. } | Trick::ReadOlder);
    (trick, 1 + random.below(if is_read { reads } else { writes }))
}

fn run_case(script: &Script, trick: Trick, n: u64, tally: &mut Tally) -> Result<()> {
    let disk = Arc::new(SimDisk::new(script.world.bytes(), 1));
    disk.trick(trick, n);
    let names = live(script, &disk, true)?;
    disk.clear_faults();
    let (opened, index) = open(&disk, 1)?;
    tally.count_opened(opened);
    let index = match index {
        Ok(index) => index,
        Err(error) => return check_typed(&error),
    };
    let (found, failed) = ask_what_can_be(&script.world, &index, 0..names)?;
    tally.note("queries that failed alone", failed);
    let mut halves = 0;
    for (number, found) in (0..).zip(&found) {
        halves += check_own(&script.world, number, found.as_ref())?;
    }
    // Blocks of a saved open chapter have no checksums, and records that lie in two of them.
    ensure!(halves == 0 || opened == Opened::Clean, "records of two halves after a recovery");
    tally.note("records of two halves (no checksums)", halves);
    Ok(())
}

/// Whether some data is of a name; 1 where it is of two, as where a block of the saved open
/// chapter is another.
fn check_own(world: &World, number: u32, found: Option<&RecordData>) -> Result<u64> {
    let Some(stored) = found else { return Ok(0) };
    match parse(stored) {
        Some((of, _)) if of == number => Ok(0),
        Some((of, _)) => {
            bail!("WRONG: name {number} has the data of {of}; chapters of {}", world.records())
        }
        None => Ok(1),
    }
}

/// Carries out a script on a disk that may do anything: errors are as good as answers. Returns how
/// many names there were.
fn live(script: &Script, disk: &Arc<SimDisk>, may_fail: bool) -> Result<u32> {
    let world = &script.world;
    let mut index = None;
    let (mut generation, mut names, mut version) = (0, 0, 0);
    for step in &script.steps {
        let outcome = match step {
            Step::Create(count) => {
                index = None;
                let options = create_options(zones(*count)?, generation);
                generation += 1;
                Index::create(disk.clone(), &world.configuration, &options)
                    .map(|created| index = Some(created))
            }
            Step::Do(operation, range) => {
                let Some(index) = &index else { continue };
                names = names.max(range.end);
                ask(world, index, *operation, range.clone(), &mut version)?;
                index.flush()
            }
            Step::Save => index.as_ref().map_or(Ok(()), Index::save),
            Step::Close | Step::Reopen(_) | Step::Crash(_) => {
                let closed = index.take().map_or(Ok(()), Index::close);
                if let Step::Reopen(count) | Step::Crash(count) = step {
                    let options = open_options(zones(*count)?, uds_index::OpenMode::Load);
                    index = Index::open(disk.clone(), &options).ok();
                }
                closed
            }
        };
        if let Err(error) = outcome {
            ensure!(may_fail, error);
            check_typed(&error)?;
        }
    }
    disk.sync()?;
    Ok(names)
}

/// Carries out requests, and checks that no answer is of another name.
fn ask(
    world: &World,
    index: &Index,
    operation: Operation,
    names: std::ops::Range<u32>,
    version: &mut u32,
) -> Result<()> {
    let mut batch = Batch::with_capacity(names.len());
    for number in names.clone() {
        *version += 1;
        batch.push(operation, world.name(number), data(number, *version));
    }
    let _ = index.run(&mut batch);
    for (number, answer) in names.zip(batch.answers()) {
        match answer {
            Some(Ok(answer)) => {
                check_own(world, number, answer.data().as_ref())?;
            }
            Some(Err(error)) => {
                let known = [ErrorKind::Damaged, ErrorKind::Io, ErrorKind::Poisoned];
                ensure!(known.contains(&error.kind()), "{}", crate::judge::story(&**error));
            }
            None => bail!("no answer"),
        }
    }
    Ok(())
}
