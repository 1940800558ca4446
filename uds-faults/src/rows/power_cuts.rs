//! F1: power cuts. Every cut of every script, and in what a recovered index does next another one.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use uds_index::Operation;

use uds_volume::sim::Random;

use crate::campaign::{Campaign, Outcome, Plan, Tally};
use crate::judge::{Judgement, Opened, judge};
use crate::script::{Runner, Step};
use crate::scripts;
use crate::trace::Trace;

/// Row F1.
pub(super) const CAMPAIGN: Campaign = Campaign {
    row: "F1",
    about: "power cut at every write, and again after the recovery",
    counts: [20_000, 1_000_000, 10_000_000],
    run,
};

/// Cases of one variant of the scripts.
const VARIANT: u64 = 20_000;
/// Epochs of at most so many pieces are cut in all ways.
const ALL_SUBSETS: usize = 12;

/// What of an epoch survives.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    /// So many pieces, from the first.
    Prefix(usize),
    /// The pieces of the bits that are set.
    Subset(u64),
    /// What chance decides.
    Random(u64),
}

/// A cut: which script, which epoch, what survives.
#[derive(Clone, Copy, Debug)]
struct Cut {
    script: usize,
    epoch: usize,
    fate: Fate,
}

fn run(plan: &Plan) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut variant = 0;
    while variant * VARIANT < plan.count {
        let first = variant * VARIANT;
        let is_wanted = plan.only.is_none_or(|only| only / VARIANT == variant);
        if is_wanted {
            let traces: Vec<Trace> = scripts::all(plan.seed * 1_000_000 + variant)?
                .iter()
                .map(|script| Trace::of(script, plan.seed))
                .collect::<Result<_>>()?;
            let cuts = cuts(&traces, variant == 0);
            let last = plan.count.max(first + cuts.exhaustive).min(first + VARIANT);
            outcome.add(plan.each(first..last, |case, tally| {
                let mut random = Random::of(plan.seed, case);
                let cut = cuts.get(&traces, case - first, &mut random);
                let trace = &traces[cut.script];
                let epoch = cut.epoch;
                let when = || {
                    let step = trace.step_at(epoch);
                    format!("script \"{}\", {step}, epoch {epoch}, {:?}", trace.name, cut.fate)
                };
                run_cut(trace, epoch, cut.fate, &mut random, tally).with_context(when)
            }));
        }
        variant += 1;
    }
    Ok(outcome)
}

/// The cuts of a variant: first those that are tried without exception, then any.
struct Cuts {
    list: Vec<Cut>,
    exhaustive: u64,
}

fn cuts(traces: &[Trace], all_subsets: bool) -> Cuts {
    let mut list = Vec::new();
    for (script, trace) in traces.iter().enumerate() {
        for (number, epoch) in trace.epochs.iter().enumerate() {
            let count = epoch.pieces.len();
            let cut = |fate| Cut { script, epoch: number, fate };
            if all_subsets && count <= ALL_SUBSETS {
                list.extend((0..1 << count).map(|bits| cut(Fate::Subset(bits))));
            } else {
                list.extend((0..=count).map(|end| cut(Fate::Prefix(end))));
            }
        }
    }
    let exhaustive = list.len() as u64;
    Cuts { list, exhaustive }
}

impl Cuts {
    fn get(&self, traces: &[Trace], number: u64, random: &mut Random) -> Cut {
        if let Some(cut) = self.list.get(number as usize) {
            return *cut;
        }
        let script = random.below(traces.len() as u64) as usize;
        let epoch = random.below(traces[script].epochs.len() as u64) as usize;
        Cut { script, epoch, fate: Fate::Random(random.next()) }
    }
}

/// The disk after a cut.
pub(super) fn cut_disk(trace: &Trace, epoch: usize, fate: Fate) -> uds_volume::sim::SimDisk {
    let epoch = &trace.epochs[epoch];
    match fate {
        Fate::Prefix(end) => epoch.cut(|piece| piece < end),
        Fate::Subset(bits) => epoch.cut(|piece| bits >> piece & 1 == 1),
        Fate::Random(seed) => {
            let mut random = Random::new(seed);
            // Few are missing, or few are there, or half.
            let rarity = 2 + random.below(12);
            let kept = random.one_in(2);
            epoch.cut(|_| random.one_in(rarity) == kept)
        }
    }
}

fn run_cut(
    trace: &Trace,
    epoch: usize,
    fate: Fate,
    random: &mut Random,
    tally: &mut Tally,
) -> Result<()> {
    let disk = Arc::new(cut_disk(trace, epoch, fate));
    let expected = trace.expected(epoch)?;
    let zones = if random.one_in(16) { 1 + random.below(3) as u8 } else { trace.zones_at(epoch) };
    let judgement = judge(&trace.world, &disk, zones, &expected, trace.names)?;
    tally.count(&judgement);
    let most = 2 * u64::from(trace.world.records());
    ensure!(judgement.loss.records <= most, "{:?} lost, of {most} at most", judgement.loss);
    ensure!(judgement.loss.chapters <= 2, "lost of more than two chapters: {:?}", judgement.loss);
    if judgement.opened == Opened::Recovered && expected.oracle.is_some() {
        cut_again(trace, &disk, judgement, &expected, zones, random, tally)
            .context("second cut")?;
    }
    Ok(())
}

/// Lets a recovered index write chapters and a save, and cuts the power once more.
fn cut_again(
    trace: &Trace,
    disk: &uds_volume::sim::SimDisk,
    judgement: Judgement,
    expected: &crate::judge::Expected<'_>,
    zones: u8,
    random: &mut Random,
    tally: &mut Tally,
) -> Result<()> {
    let (Some(moment), Some(oracle)) = (judgement.moment, expected.oracle) else { return Ok(()) };
    drop(judgement.index);
    let is_own = |(number, found): (u32, &Option<_>)| {
        found.as_ref().is_none_or(|stored| oracle.check_right(number, stored).is_ok())
    };
    if !(0..).zip(&judgement.found).all(is_own) {
        // Limit B8: data of another index, about which this one's history knows nothing.
        return Ok(());
    }
    let mut oracle = oracle.clone();
    oracle.recover(&moment, &judgement.found);
    let (runner, recorder) = Runner::recording(&trace.world, disk.snapshot());
    let mut runner = runner.with_oracle(oracle);
    let first = trace.names;
    let last = first + trace.world.records() * 5 / 4;
    let steps = [Step::Crash(zones), Step::Do(Operation::Post, first..last), Step::Save];
    runner.run(&steps)?;
    runner.index = None;
    let again = Trace::from_runner(trace.name, &trace.world, last, runner, &recorder);
    let epoch = random.below(again.epochs.len() as u64) as usize;
    let fate = Fate::Random(random.next());
    let disk = Arc::new(cut_disk(&again, epoch, fate));
    let expected = again.expected(epoch)?;
    let judgement = judge(&again.world, &disk, zones, &expected, again.names)
        .with_context(|| format!("epoch {epoch}, {fate:?}"))?;
    tally.note("second cuts", 1);
    tally.count(&judgement);
    Ok(())
}
