//! F2 and F3: writes that arrive in part, in another order or not at all, and syncs that lie.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use uds_index::Operation::{Post, Query, Update};
use uds_volume::Storage as _;
use uds_volume::sim::{PowerCut, Random, SimDisk};

use crate::campaign::{Campaign, Outcome, Plan, Tally};
use crate::judge::{Opened, ask_what_can_be, judge, open};
use crate::script::Script;
use crate::script::Step::{Close, Create, Do, Save};
use crate::scripts;
use crate::trace::Trace;
use crate::world::{BLOCK, World, parse};

/// Row F2.
pub(super) const TORN: Campaign = Campaign {
    row: "F2",
    about: "torn writes: heads, tails, holes, masks of sectors; and by the byte",
    counts: [12_000, 300_000, 3_000_000],
    run: run_torn,
};

/// Row F3.
pub(super) const LOST: Campaign = Campaign {
    row: "F3",
    about: "lost and reordered sectors of unsynced writes; syncs that lie",
    counts: [10_000, 200_000, 2_000_000],
    run: run_lost,
};

/// Which sectors of a torn write arrive, of so many.
#[derive(Clone, Copy, Debug)]
enum Tear {
    Head(u64),
    Tail(u64),
    Hole(u64, u64),
    /// Of each so many sectors, those of the bits.
    Mask(u64, u64),
    /// So many bytes, from the first.
    Bytes(u64),
}

impl Tear {
    fn of(random: &mut Random, sectors: u64, bytes: u64) -> Self {
        match random.below(8) {
            0 | 1 => Self::Head(random.below(sectors + 1)),
            2 | 3 => Self::Tail(random.below(sectors + 1)),
            4 => {
                let start = random.below(sectors);
                Self::Hole(start, start + 1 + random.below(sectors - start))
            }
            5 => Self::Mask(8, random.below(1 << 8)),
            6 => Self::Mask(9, random.below(1 << 9)),
            _ => Self::Bytes(random.below(bytes)),
        }
    }

    const fn keeps(self, sector: u64) -> bool {
        match self {
            Self::Head(end) => sector < end,
            Self::Tail(start) => sector >= start,
            Self::Hole(start, end) => sector < start || sector >= end,
            Self::Mask(count, bits) => bits >> (sector % count) & 1 == 1,
            Self::Bytes(_) => false,
        }
    }
}

fn traces(seed: u64) -> Result<Vec<Trace>> {
    let mut scripts = scripts::all(0)?;
    let world = Arc::new(World::large_pages()?);
    let life = vec![Create(1), Do(Post, 0..3000), Do(Update, 0..900), Save, Do(Query, 1000..2000)];
    let steps = [life, vec![Do(Post, 3000..5500), Do(Post, 0..500), Close]].concat();
    // As often as the others together: this is the size that pages have.
    for _ in 0..scripts.len() / 2 {
        scripts.push(Script {
            name: "large pages",
            world: Arc::clone(&world),
            steps: steps.clone(),
        });
    }
    scripts.iter().map(|script| Trace::of(script, seed)).collect()
}

fn run_torn(plan: &Plan) -> Result<Outcome> {
    let traces = traces(plan.seed)?;
    Ok(plan.each(0..plan.count, |case, tally| {
        let mut random = Random::of(plan.seed, case);
        let trace = random.pick(&traces);
        let epoch = random.below(trace.epochs.len() as u64) as usize;
        let writes = trace.epochs[epoch].disk.unsynced_writes();
        // A write of pages, if there is one: short ones cannot be torn by sectors.
        let write = (0..writes.len()).max_by_key(|&write| writes[write].length).unwrap_or(0);
        let length = writes[write].length;
        let tear = Tear::of(&mut random, length.div_ceil(512), length);
        let others = random.below(3);
        let when = || {
            let step = trace.step_at(epoch);
            format!("\"{}\", {step}, epoch {epoch}, write {write} {tear:?}, {others}", trace.name)
        };
        let disk = tear_write(trace, epoch, write, tear, others);
        check_torn(trace, epoch, disk?, tear, tally).with_context(when)
    }))
}

/// The disk after one write of an epoch was torn, and all, none or half of the others were lost.
fn tear_write(
    trace: &Trace,
    epoch: usize,
    write: usize,
    tear: Tear,
    others: u64,
) -> Result<SimDisk> {
    let disk = trace.epochs[epoch].disk.snapshot();
    let writes = disk.unsynced_writes();
    let first = writes[write].offset / 512;
    let cut = disk.power_cut_with(0..writes.len(), |sector| {
        if sector.write == write {
            tear.keeps(sector.offset / 512 - first)
        } else {
            others == 0 || (others == 1 && sector.write % 2 == 0)
        }
    });
    if let Tear::Bytes(count) = tear {
        let mut bytes = vec![0; count as usize];
        disk.read_at(writes[write].offset, &mut bytes)?;
        cut.write_at(writes[write].offset, &bytes)?;
    }
    Ok(cut)
}

fn check_torn(
    trace: &Trace,
    epoch: usize,
    disk: SimDisk,
    tear: Tear,
    tally: &mut Tally,
) -> Result<()> {
    let mut expected = trace.expected(epoch)?;
    expected.tears_records = matches!(tear, Tear::Bytes(_));
    let zones = trace.zones_at(epoch);
    let judgement = judge(&trace.world, &Arc::new(disk), zones, &expected, trace.names)?;
    if expected.tears_records {
        ensure!(judgement.foreign <= 1, "{} records of two halves", judgement.foreign);
        tally.note("records of two halves after a tear by the byte (limit B7)", judgement.foreign);
    }
    tally.count(&judgement);
    Ok(())
}

fn run_lost(plan: &Plan) -> Result<Outcome> {
    let honest = traces(plan.seed)?;
    let lying = scripts::all(0)?
        .iter()
        .map(|script| Trace::of_lying(script, plan.seed))
        .collect::<Result<Vec<_>>>()?;
    Ok(plan.each(0..plan.count, |case, tally| {
        let mut random = Random::of(plan.seed, case);
        let is_honest = random.one_in(2);
        let trace = random.pick(if is_honest { &honest } else { &lying });
        let epoch = random.below(trace.epochs.len() as u64) as usize;
        let fate = PowerCut::Random(random.next());
        let disk = Arc::new(trace.epochs[epoch].disk.snapshot().power_cut(&fate));
        let when = || format!("\"{}\", epoch {epoch}, {fate:?}, {is_honest}", trace.name);
        if is_honest {
            let expected = trace.expected(epoch).with_context(when)?;
            let zones = trace.zones_at(epoch);
            let judgement =
                judge(&trace.world, &disk, zones, &expected, trace.names).with_context(when)?;
            tally.count(&judgement);
            return Ok(());
        }
        check_lying(trace, &disk, tally).with_context(when)
    }))
}

/// After syncs that did nothing, any write may be missing: there is no promise but that nothing
/// panics, and that no name has data that was never stored for it; where a save was complete but
/// for sectors of its open chapter, a record may have half of its data.
fn check_lying(trace: &Trace, disk: &Arc<SimDisk>, tally: &mut Tally) -> Result<()> {
    let (opened, index) = open(disk, 1)?;
    tally.count_opened(opened);
    tally.note("disks whose syncs lied", 1);
    let Ok(index) = index else { return Ok(()) };
    let (found, _) = ask_what_can_be(&trace.world, &index, 0..trace.names)?;
    let mut halves = 0;
    for (number, found) in (0..).zip(&found) {
        let Some(stored) = found else { continue };
        if parse(stored).is_none_or(|(of, _)| of != number) {
            // The records of a saved open chapter do not keep to sectors.
            halves += 1;
            ensure!(opened == Opened::Clean, "WRONG: name {number} has {stored}");
        }
    }
    let sectors = trace.world.sizes.open_chapter_blocks * BLOCK / 512;
    ensure!(halves <= sectors, "{halves} records of two halves in {sectors} sectors");
    tally.note("records of two halves after syncs that lied (no checksums)", halves);
    Ok(())
}
