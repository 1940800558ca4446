//! F6 and F7: operations of the storage that fail, one after the other, in every place of an
//! index's life.
//!
//! A failed read fails the requests that need it, or the opening, and nothing else. After a failed
//! write or sync the index takes no changes and is never saved; what it has left on storage is what
//! a power cut could have left.

use std::io::ErrorKind as IoKind;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use uds_index::{ErrorKind, Index, IndexError};
use uds_volume::Operation;
use uds_volume::sim::{Fault, PowerCut, Random, SimDisk};

use super::bad_blocks;
use crate::campaign::{Campaign, Outcome, Plan, Tally};
use crate::judge::{Expected, Opened, ask_all, check_typed, judge, open, story};
use crate::oracle::Moment;
use crate::script::{Runner, Script, Step, Trouble};
use crate::scripts;
use crate::world::data;

/// Row F6.
pub(super) const FULL: Campaign = Campaign {
    row: "F6",
    about: "no space: every write of 12 scripts, once and for ever",
    counts: [5_000, 250_000, 2_500_000],
    run: run_full,
};

/// Row F7.
pub(super) const ERRORS: Campaign = Campaign {
    row: "F7",
    about: "every read, write and sync of 12 scripts fails; every block cannot be read",
    counts: [15_000, 500_000, 5_000_000],
    run: run_errors,
};

/// The first case of the bad blocks: beyond all others.
const BAD_BLOCKS: u64 = 100_000_000;

/// The ways in which a storage has no room.
const NO_SPACE: [IoKind; 3] = [IoKind::StorageFull, IoKind::QuotaExceeded, IoKind::FileTooLarge];

/// An operation that fails.
#[derive(Clone, Copy, Debug)]
struct Failure {
    script: usize,
    /// `None`: any, by chance.
    operation: Option<Operation>,
    n: u64,
    forever: bool,
    kind: IoKind,
}

fn run_full(plan: &Plan) -> Result<Outcome> {
    run(plan, &[Operation::Write], &NO_SPACE)
}

fn run_errors(plan: &Plan) -> Result<Outcome> {
    let classes = [Operation::Read, Operation::Write, Operation::Sync];
    let mut outcome = run(plan, &classes, &[IoKind::Other])?;
    outcome.add(bad_blocks::run(plan, BAD_BLOCKS)?);
    Ok(outcome)
}

/// All failures of some classes, and then again, with another outcome of what is left to chance.
fn run(plan: &Plan, classes: &[Operation], kinds: &[IoKind]) -> Result<Outcome> {
    let scripts = scripts::short()?;
    let mut list = Vec::new();
    for (number, script) in scripts.iter().enumerate() {
        for (&operation, count) in classes.iter().zip(operations(script, classes)?) {
            for n in 1..=count {
                for forever in [false, true] {
                    for &kind in kinds {
                        let operation = Some(operation);
                        list.push(Failure { script: number, operation, n, forever, kind });
                    }
                }
            }
        }
    }
    let exhaustive = list.len() as u64;
    Ok(plan.each(0..plan.count.max(exhaustive), |case, tally| {
        let mut random = Random::of(plan.seed, case);
        let failure = list.get(case as usize).copied().unwrap_or_else(|| {
            if classes.len() > 1 && random.one_in(2) {
                by_chance(&mut random, scripts.len())
            } else {
                *random.pick(&list)
            }
        });
        let script = &scripts[failure.script];
        run_case(script, failure, &mut random, tally)
            .with_context(|| format!("script \"{}\", {failure:?}", script.name))
    }))
}

/// One operation in a hundred fails, of a class or of all.
fn by_chance(random: &mut Random, scripts: usize) -> Failure {
    let classes = [None, Some(Operation::Read), Some(Operation::Write), Some(Operation::Sync)];
    Failure {
        script: random.below(scripts as u64) as usize,
        operation: *random.pick(&classes),
        n: 0,
        forever: true,
        kind: IoKind::Other,
    }
}

/// How many operations of each class a script makes.
fn operations(script: &Script, classes: &[Operation]) -> Result<Vec<u64>> {
    let disk = Arc::new(SimDisk::new(script.world.bytes(), 0));
    let mut runner = Runner::on(&script.world, &disk);
    runner.run(&script.steps).with_context(|| format!("script \"{}\"", script.name))?;
    let counts = disk.counts();
    let count = |&class: &Operation| match class {
        Operation::Read => counts.reads,
        Operation::Write => counts.writes,
        _ => counts.syncs,
    };
    Ok(classes.iter().map(count).collect())
}

fn run_case(
    script: &Script,
    failure: Failure,
    random: &mut Random,
    tally: &mut Tally,
) -> Result<()> {
    let disk = Arc::new(SimDisk::new(script.world.bytes(), random.next()));
    let fault = failure.operation.map_or(Fault::of_any(), Fault::of).kind(failure.kind);
    let fault = if failure.n == 0 { fault.one_in(100) } else { fault.nth(failure.n) };
    disk.inject(if failure.forever { fault.forever() } else { fault });
    let mut runner = Runner::on(&script.world, &disk);
    runner.may_fail = matches!(failure.operation, None | Some(Operation::Read));
    let mut refused = None;
    for (number, step) in script.steps.iter().enumerate() {
        match runner.step(step) {
            Ok(()) => {}
            Err(Trouble::Wrong(error)) => {
                return Err(error.context(format!("step {number}, {step:?}")));
            }
            Err(Trouble::Refused(error)) => {
                check_refusal(&error, failure, step)?;
                refused = Some(step);
                break;
            }
        }
    }
    tally.note("requests that failed alone", runner.failed_requests);
    let index = runner.index.take();
    if let (Some(index), Some(step)) = (index, refused) {
        if failure.operation.is_some_and(|operation| operation != Operation::Read) {
            check_poisoned(script, index).with_context(|| format!("after {step:?}"))?;
        }
    }
    // The process starts again; or the machine does.
    disk.clear_faults();
    let left = if random.one_in(2) {
        disk.snapshot()
    } else {
        disk.power_cut(&PowerCut::Random(random.next()))
    };
    match refused {
        Some(Step::Create(_)) => check_creation(script, &runner, &Arc::new(left), tally),
        _ => check_left(script, &runner, &Arc::new(left), tally)
            .with_context(|| format!("refused: {refused:?}, {} durable", runner.durable)),
    }
}

/// Whether an index may refuse a step because of a failure.
fn check_refusal(error: &IndexError, failure: Failure, step: &Step) -> Result<()> {
    check_typed(error)?;
    let kind = error.kind();
    let cause = match error {
        IndexError::Poisoned { cause } => cause.kind(),
        _ => kind,
    };
    let expected = if failure.kind == IoKind::Other { ErrorKind::Io } else { ErrorKind::NoSpace };
    // A file that must not grow is no full disk, but the caller's limit.
    let is_expected = cause == expected || failure.kind == IoKind::FileTooLarge;
    ensure!(is_expected, "{step:?} was refused: {}", story(error));
    if failure.operation == Some(Operation::Read) {
        let opens = matches!(step, Step::Reopen(_) | Step::Crash(_));
        ensure!(opens, "a failed read let {step:?} fail: {}", story(error));
    }
    Ok(())
}

/// An index that has met a failed write refuses changes, answers, and is not saved.
fn check_poisoned(script: &Script, index: Index) -> Result<()> {
    let world = &script.world;
    let refused = [
        index.post(world.name(8000), data(8000, 0)).err(),
        index.update(world.name(1), data(1, 0)).err(),
        index.delete(world.name(2)).err(),
        index.flush().err(),
        index.save().err(),
    ];
    for error in refused {
        let Some(error) = error else { bail!("a poisoned index takes changes") };
        ensure!(error.kind() == ErrorKind::Poisoned, "{}", story(&error));
    }
    let answer = index.query_no_update(world.name(8000))?;
    ensure!(!answer.is_found(), "a refused post was stored");
    let Err(error) = index.close() else { bail!("a poisoned index was saved") };
    ensure!(error.kind() == ErrorKind::Poisoned, "{}", story(&error));
    Ok(())
}

/// A creation that failed leaves no index, or the old one, or an empty new one.
fn check_creation(
    script: &Script,
    runner: &Runner,
    disk: &Arc<SimDisk>,
    tally: &mut Tally,
) -> Result<()> {
    let (opened, index) = open(disk, 1)?;
    tally.count_opened(opened);
    let index = match index {
        Ok(index) => index,
        Err(error) => {
            ensure!(error.kind() == ErrorKind::NotAnIndex, "{}", story(&error));
            return Ok(());
        }
    };
    let found = ask_all(&script.world, &index, 1000)?;
    match (opened, runner.oracles.last(), runner.saves.last()) {
        (Opened::Clean, Some(oracle), Some(save)) => {
            oracle.check_clean(&script.world, &save.moment, true, &found)
        }
        _ => {
            ensure!(found.iter().all(Option::is_none), "a new index has records");
            Ok(())
        }
    }
}

fn check_left(
    script: &Script,
    runner: &Runner,
    disk: &Arc<SimDisk>,
    tally: &mut Tally,
) -> Result<()> {
    let Some(oracle) = runner.oracles.last() else { bail!("no index was created") };
    let generation = runner.oracles.len() - 1;
    let events = oracle.len();
    let last = runner.saves.iter().rfind(|save| save.generation == generation);
    // The last save, while no chapter is durable that it does not know; the one that failed.
    let mut clean: Vec<Moment> = last
        .map(|save| save.moment)
        .filter(|save| save.newest >= runner.durable)
        .into_iter()
        .collect();
    for newest in [oracle.chapter, oracle.chapter + 1] {
        clean.push(Moment { events, durable: newest, newest });
    }
    let expected = Expected {
        clean,
        recovered: Some(Moment { events, durable: runner.durable, newest: oracle.chapter + 1 }),
        zones: Some(0),
        oracle: Some(oracle),
        ..Expected::default()
    };
    let judgement = judge(&script.world, disk, 1, &expected, oracle.names())?;
    tally.count(&judgement);
    let most = 2 * u64::from(script.world.records());
    ensure!(judgement.loss.records <= most, "{:?} lost", judgement.loss);
    let Some(index) = judgement.index else { bail!("there is no index any more") };
    // It works again.
    index.post(script.world.name(8000), data(8000, 0))?;
    index.close()?;
    Ok(())
}
