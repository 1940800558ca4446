//! F14 and F21: lives without faults of the storage: under any clock, and of any requests.
//!
//! The [`Runner`] checks each answer: the oracle is the model.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use uds_index::Operation;
use uds_volume::Storage as _;
use uds_volume::sim::{Random, SimDisk};

use crate::campaign::{Campaign, Outcome, Plan, Tally};
use crate::script::{Runner, Step};
use crate::world::World;

/// Row F14.
pub(super) const CLOCK: Campaign = Campaign {
    row: "F14",
    about: "clocks that go back, far ahead, stand still, wrap: the newest save wins",
    counts: [2_000, 100_000, 500_000],
    run: run_clock,
};

/// Row F21.
pub(super) const PROGRAMS: Campaign = Campaign {
    row: "F21",
    about: "random programs: each answer is the model's; sparse within its bounds",
    counts: [2_000, 200_000, 2_000_000],
    run: run_programs,
};

const OPERATIONS: [Operation; 8] = [
    Operation::Post,
    Operation::Post,
    Operation::Post,
    Operation::Update,
    Operation::Query,
    Operation::QueryNoUpdate,
    Operation::Delete,
    Operation::Post,
];

fn worlds() -> Result<[Arc<World>; 2]> {
    Ok([Arc::new(World::dense()?), Arc::new(World::sparse()?)])
}

/// Requests for some neighbouring names, among so many.
fn requests(random: &mut Random, names: u64, most: u64) -> Step {
    let first = random.below(names) as u32;
    let count = 1 + random.below(most) as u32;
    Step::Do(*random.pick(&OPERATIONS), first..(first + count).min(names as u32))
}

fn run_clock(plan: &Plan) -> Result<Outcome> {
    let worlds = worlds()?;
    Ok(plan.each(0..plan.count, |case, tally| {
        let mut random = Random::of(plan.seed, case);
        let world = &worlds[usize::from(random.one_in(4))];
        let disk = Arc::new(SimDisk::new(world.bytes(), 1));
        let mut runner = Runner::on(world, &disk);
        let mut steps = vec![Step::Create(1)];
        for _ in 0..4 + random.below(5) {
            // Mostly within a chapter: there the clock alone could choose the save.
            steps.push(requests(&mut random, 500, 40));
            steps.push(match random.below(8) {
                0 => Step::Reopen(1),
                1 => Step::Crash(1),
                _ => Step::Save,
            });
        }
        steps.extend([Step::Save, Step::Do(Operation::Post, 600..610), Step::Crash(1)]);
        steps.push(Step::Do(Operation::QueryNoUpdate, 0..610));
        // A clock that was never right.
        if random.one_in(8) {
            disk.set_now(*random.pick(&[Duration::ZERO, Duration::MAX]));
        }
        for (number, step) in steps.iter().enumerate() {
            move_clock(&disk, &mut random);
            let when = || format!("step {number}, {step:?}, at {:?}", disk.now());
            runner.run(std::slice::from_ref(step)).with_context(when)?;
        }
        count(&runner, tally);
        Ok(())
    }))
}

const YEAR: Duration = Duration::from_secs(31_557_600);

fn move_clock(disk: &SimDisk, random: &mut Random) {
    let now = disk.now();
    disk.set_now(match random.below(8) {
        0 => now.saturating_sub(YEAR),
        1 => now.saturating_add(10 * YEAR),
        2 => now.saturating_sub(Duration::from_millis(1)),
        3 => now.saturating_add(Duration::from_micros(random.below(2000))),
        // Where milliseconds no longer fit 64 bits.
        4 if random.one_in(32) => Duration::from_millis(u64::MAX),
        _ => now,
    });
}

fn run_programs(plan: &Plan) -> Result<Outcome> {
    let worlds = worlds()?;
    Ok(plan.each(0..plan.count, |case, tally| {
        let mut random = Random::of(plan.seed, case);
        let world = &worlds[usize::from(random.one_in(4))];
        let disk = Arc::new(SimDisk::new(world.bytes(), 1));
        let mut runner = Runner::on(world, &disk);
        // Another number of zones later could drop records of the open chapter.
        let zone_count = if random.one_in(4) { 2 + random.below(2) as u8 } else { 1 };
        let mut steps = vec![Step::Create(zone_count)];
        // Few names are met again soon, many when they were forgotten.
        let names = *random.pick(&[60, 400, 1500, 4000]);
        for _ in 0..5 + random.below(25) {
            steps.push(match random.below(16) {
                0 => Step::Save,
                1 => Step::Reopen(zone_count),
                2 => Step::Crash(zone_count),
                _ => requests(&mut random, names, if zone_count == 1 { 300 } else { 60 }),
            });
        }
        steps.push(Step::Do(Operation::QueryNoUpdate, 0..names as u32));
        let program = || format!("{steps:?}");
        let result = runner.run(&steps);
        result.with_context(|| if plan.only.is_some() { program() } else { String::new() })?;
        count(&runner, tally);
        Ok(())
    }))
}

fn count(runner: &Runner, tally: &mut Tally) {
    tally.note("steps", runner.stages.len() as u64);
    tally.note("requests", runner.oracles.iter().map(|oracle| u64::from(oracle.versions())).sum());
    let is_reopening = |step: &Step| matches!(step, Step::Reopen(_));
    tally.clean += runner.stages.iter().filter(|stage| is_reopening(&stage.step)).count() as u64;
    let is_crash = |step: &Step| matches!(step, Step::Crash(_));
    tally.recovered += runner.stages.iter().filter(|stage| is_crash(&stage.step)).count() as u64;
}
