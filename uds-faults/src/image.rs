//! Images to damage: an index that was closed, or dropped, and what is known of it.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use uds_index::Operation::{Post, Query, Update};
use uds_index::{Index, IndexInfo, SaveState};
use uds_volume::sim::{Random, SimDisk};

use crate::campaign::Tally;
use crate::judge::{Opened, ask_what_can_be, check_typed, open, story};
use crate::oracle::{Damaged, Moment, Oracle};
use crate::script::Step::{Close, Create, Do, Save};
use crate::script::{Runner, Step};
use crate::world::{World, data};

/// An index on a disk.
#[derive(Debug)]
pub struct Image {
    /// Its shape.
    pub world: Arc<World>,
    /// Where it is.
    pub disk: SimDisk,
    /// Its history.
    pub oracle: Oracle,
    /// How it ended: the chapter that was open.
    pub moment: Moment,
    /// The slot of its latest save; none if it was not closed.
    pub slot: Option<u64>,
    /// The zones of that save.
    pub zones: u64,
}

/// What damage may do.
#[derive(Clone, Debug, Default)]
pub struct Allowed {
    /// The index may be no index any more, or damaged, or of another version.
    pub refusal: bool,
    /// Any name may be missing.
    pub misses: bool,
    /// Records of these chapters may be missing, or older copies.
    pub chapters: Vec<u32>,
    /// So many records may have wrong data.
    pub wrong: u64,
    /// An older save of the same chapter may be opened.
    pub older: Option<Moment>,
}

impl Image {
    /// An index whose volume has wrapped, with records that moved and changed, saved twice and
    /// closed, in so many zones.
    ///
    /// # Errors
    ///
    /// Where that fails.
    pub fn closed(world: &Arc<World>, zones: u8) -> Result<Self> {
        let mut steps = Self::life(world, zones);
        steps.push(Close);
        Self::of(world, &steps)
    }

    /// The same, not closed.
    ///
    /// # Errors
    ///
    /// Where that fails.
    pub fn dropped(world: &Arc<World>, zones: u8) -> Result<Self> {
        Self::of(world, &Self::life(world, zones))
    }

    /// One whose two saves are of the same chapter.
    ///
    /// # Errors
    ///
    /// Where that fails.
    pub fn saved_twice(world: &Arc<World>) -> Result<(Self, Moment)> {
        let records = world.records();
        let disk = Arc::new(SimDisk::new(world.bytes(), 1));
        let mut runner = Runner::on(world, &disk);
        runner.run(&[Create(1), Do(Post, 0..3 * records + 40), Save])?;
        runner.run(&[Do(Post, 3 * records + 40..3 * records + 60), Close])?;
        let older = runner.saves.first().context("there was a save")?.moment;
        Ok((Self::from_runner(world, runner, &disk)?, older))
    }

    fn life(world: &World, zones: u8) -> Vec<Step> {
        let all = world.records() * world.geometry.chapters_per_volume();
        let third = all / 3;
        vec![
            Create(zones),
            Do(Post, 0..third),
            Do(Update, third / 2..third),
            Save,
            Do(Query, 0..third / 3),
            Do(Post, third / 2..all + world.records() / 3),
        ]
    }

    fn of(world: &Arc<World>, steps: &[Step]) -> Result<Self> {
        let disk = Arc::new(SimDisk::new(world.bytes(), 1));
        let mut runner = Runner::on(world, &disk);
        runner.run(steps)?;
        Self::from_runner(world, runner, &disk)
    }

    fn from_runner(world: &Arc<World>, mut runner: Runner, disk: &Arc<SimDisk>) -> Result<Self> {
        runner.index = None;
        let durable = runner.durable;
        let oracle = runner.oracles.pop().context("no index was created")?;
        let info = IndexInfo::read(disk.clone(), 0)?;
        let (slot, zones) = match info.save {
            SaveState::Clean(saved) => (Some(saved.slot.into()), saved.zones.get().into()),
            _ => (None, 1),
        };
        let moment = Moment { events: oracle.len(), durable, newest: oracle.chapter };
        Ok(Self { world: Arc::clone(world), disk: disk.snapshot(), oracle, moment, slot, zones })
    }

    /// The chapter in a slot of the volume.
    #[must_use]
    pub fn chapter_in(&self, slot: u64) -> u32 {
        let slots = self.world.geometry.chapters_per_volume();
        let newest = self.moment.newest.max(slots) - 1;
        (newest + 1 - slots..=newest)
            .find(|chapter| u64::from(chapter % slots) == slot)
            .unwrap_or(0)
    }

    /// Opens a damaged copy of the image, and checks what it has.
    ///
    /// # Errors
    ///
    /// Where it is not what it may be.
    pub fn check(
        &self,
        disk: SimDisk,
        allowed: &Allowed,
        random: &mut Random,
        tally: &mut Tally,
    ) -> Result<()> {
        let disk = Arc::new(disk);
        let (opened, index) = open(&disk, 1)?;
        tally.count_opened(opened);
        let index = match index {
            Ok(index) => index,
            Err(error) => {
                ensure!(allowed.refusal, "it does not open: {}", story(&error));
                return Ok(());
            }
        };
        let names = self.oracle.names();
        let (found, failed) = ask_what_can_be(&self.world, &index, 0..names)?;
        tally.note("queries that failed alone", failed);
        let newest = index.statistics().newest_chapter.get() as u32;
        let mut chapters = allowed.chapters.clone();
        if allowed.misses {
            chapters.push(u32::MAX);
        }
        let is_older = allowed.older.is_some_and(|older| {
            opened == Opened::Clean
                && self.oracle.check_clean(&self.world, &older, true, &found).is_ok()
        });
        if is_older {
            tally.note("an older save of the same chapter was opened", 1);
            return Ok(());
        }
        let (durable, moment) = match opened {
            Opened::Clean => (u32::MAX, self.moment),
            _ => (self.moment.durable, Moment { newest, ..self.moment }),
        };
        let damaged = Damaged { chapters, durable, wrong: allowed.wrong };
        let damage = self.oracle.check_damaged(&self.world, &moment, &found, &damaged)?;
        tally.note("names missing", damage.missing);
        tally.note("names with older data", damage.stale);
        tally.note("records with damaged data (no checksums)", damage.wrong);
        tally.note(
            "without any effect",
            u64::from(opened == Opened::Clean && damage == Default::default()),
        );
        if random.one_in(4) {
            disk.clear_faults();
            go_on(&self.world, index, &disk, names)?;
        }
        Ok(())
    }
}

/// Stores more in an index that has met damage, and closes it: then it opens again.
fn go_on(world: &World, index: Index, disk: &Arc<SimDisk>, names: u32) -> Result<()> {
    for number in names..names + world.records() + 3 {
        if let Err(error) = index.post(world.name(number), data(number, 0)) {
            check_typed(&error)?;
        }
    }
    if let Err(error) = index.close() {
        check_typed(&error)?;
        return Ok(());
    }
    let (opened, again) = open(disk, 1)?;
    ensure!(opened != Opened::None, "closed, and does not open: {:?}", again.err());
    Ok(())
}
