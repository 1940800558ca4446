//! Scripts: what is done with an index, step by step, and the running of them.
//!
//! A [`Runner`] checks every answer on the way, and ends each step with a flush: whatever chapters
//! the step has filled are durable when it is over. So a script has the same writes and syncs each
//! time, although a thread of the index makes them.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use uds_index::{Batch, ErrorKind, Index, IndexError, OpenMode, Operation};
use uds_volume::Storage;
use uds_volume::sim::SimDisk;

use crate::oracle::{Moment, Oracle};
use crate::recorder::Recorder;
use crate::world::{World, create_options, data, open_options, zones};

/// A step of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Create an index in so many zones, over what is there.
    Create(u8),
    /// One request for each of a range of names, as one batch.
    Do(Operation, std::ops::Range<u32>),
    /// Save.
    Save,
    /// Close, and open as it was saved in so many zones.
    Reopen(u8),
    /// Drop it, and open it in so many zones, recovering it if need be.
    Crash(u8),
    /// Close, and leave it so: only at the end, and before a `Create`.
    Close,
}

/// A named list of steps, and the shape of the index.
#[derive(Clone, Debug)]
pub struct Script {
    /// What to call it.
    pub name: &'static str,
    /// The shape.
    pub world: Arc<World>,
    /// What to do.
    pub steps: Vec<Step>,
}

/// A save that was completed.
#[derive(Clone, Copy, Debug)]
pub struct SavePoint {
    /// Which index it is of: scripts may create one over another.
    pub generation: usize,
    /// What it holds.
    pub moment: Moment,
    /// The first of its epochs.
    pub first_epoch: usize,
    /// Its last epoch, in which the slot's header says that it is complete.
    pub commit_epoch: usize,
    /// The zones of the index.
    pub zones: u8,
}

/// A step that was carried out.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The step.
    pub step: Step,
    /// Its epochs.
    pub epochs: std::ops::Range<usize>,
    /// Which index it worked on.
    pub generation: usize,
    /// How many events of its oracle there were after it.
    pub events: usize,
    /// The chapters below were durable before it.
    pub durable: u32,
    /// The zones of the index, before a step that changes them.
    pub zones: u8,
}

/// Why a step was not carried out.
#[derive(Debug)]
pub enum Trouble {
    /// The index could not be created, opened, flushed or saved, or takes no changes.
    Refused(IndexError),
    /// It did something that it must not do.
    Wrong(anyhow::Error),
}

impl From<anyhow::Error> for Trouble {
    fn from(error: anyhow::Error) -> Self {
        Self::Wrong(error)
    }
}

/// Carries out steps.
pub struct Runner {
    world: Arc<World>,
    storage: Arc<dyn Storage>,
    source: Source,
    /// The index, while it is open.
    pub index: Option<Index>,
    zones: u8,
    /// The histories of the indexes that were created, one over the other.
    pub oracles: Vec<Oracle>,
    /// The saves that were completed, of all generations.
    pub saves: Vec<SavePoint>,
    /// The steps that were carried out.
    pub stages: Vec<Stage>,
    /// Requests that had no answer because a page could not be read, or was damaged.
    pub failed_requests: u64,
    /// Whether requests may fail so.
    pub may_fail: bool,
    /// The chapters below were durable after the last step that was carried out.
    pub durable: u32,
}

/// Where the bytes are.
enum Source {
    Recorder(Arc<Recorder>),
    Disk(Arc<SimDisk>),
}

impl Source {
    fn disk(&self) -> &SimDisk {
        match self {
            Self::Recorder(recorder) => recorder.disk(),
            Self::Disk(disk) => disk,
        }
    }

    fn epochs(&self) -> Option<usize> {
        match self {
            Self::Recorder(recorder) => Some(recorder.epochs()),
            Self::Disk(_) => None,
        }
    }
}

impl Runner {
    fn new(world: &Arc<World>, storage: Arc<dyn Storage>, source: Source) -> Self {
        Self {
            world: Arc::clone(world),
            storage,
            source,
            index: None,
            zones: 1,
            oracles: Vec::new(),
            saves: Vec::new(),
            stages: Vec::new(),
            failed_requests: 0,
            may_fail: false,
            durable: 0,
        }
    }

    /// A runner on a disk.
    #[must_use]
    pub fn on(world: &Arc<World>, disk: &Arc<SimDisk>) -> Self {
        Self::new(world, disk.clone(), Source::Disk(Arc::clone(disk)))
    }

    /// A runner on a disk with a recorder.
    #[must_use]
    pub fn recording(world: &Arc<World>, disk: SimDisk) -> (Self, Arc<Recorder>) {
        let recorder = Recorder::new(Arc::clone(world), disk);
        let source = Source::Recorder(Arc::clone(&recorder));
        (Self::new(world, recorder.clone(), source), recorder)
    }

    /// Goes on with an index of this history.
    #[must_use]
    pub fn with_oracle(mut self, oracle: Oracle) -> Self {
        self.durable = oracle.chapter;
        self.oracles.push(oracle);
        self
    }

    /// Carries out a step.
    ///
    /// # Errors
    ///
    /// Why it could not be.
    pub fn step(&mut self, step: &Step) -> Result<(), Trouble> {
        let first_epoch = self.epochs();
        let durable = self.durable;
        let zones = if let Step::Create(zones) = step { *zones } else { self.zones };
        match step {
            Step::Create(zones) => self.create(*zones)?,
            Step::Do(operation, names) => self.requests(*operation, names.clone())?,
            Step::Save => self.save(false)?,
            Step::Reopen(zones) => {
                self.save(true)?;
                self.open(*zones, OpenMode::NoRebuild)?;
            }
            Step::Crash(zones) => {
                self.index = None;
                self.open(*zones, OpenMode::Load)?;
            }
            Step::Close => self.save(true)?,
        }
        let Some(oracle) = self.oracles.last() else { return Ok(()) };
        // With several zones, one may not have closed its part of the last chapter yet.
        let is_level = self.zones == 1 || !matches!(step, Step::Do(..));
        self.durable = if is_level { oracle.chapter } else { oracle.chapter.saturating_sub(1) };
        self.stages.push(Stage {
            step: step.clone(),
            epochs: first_epoch..self.epochs(),
            generation: self.oracles.len() - 1,
            events: oracle.len(),
            durable,
            zones,
        });
        Ok(())
    }

    /// Carries out all steps of a script.
    ///
    /// # Errors
    ///
    /// Where any fails.
    pub fn run(&mut self, steps: &[Step]) -> Result<()> {
        for (number, step) in steps.iter().enumerate() {
            match self.step(step) {
                Ok(()) => {}
                Err(Trouble::Wrong(error)) => {
                    return Err(error.context(format!("step {number}, {step:?}")));
                }
                Err(Trouble::Refused(error)) => {
                    return Err(error).with_context(|| format!("step {number}, {step:?}"));
                }
            }
        }
        Ok(())
    }

    fn epochs(&self) -> usize {
        self.source.epochs().unwrap_or(0)
    }

    fn create(&mut self, zone_count: u8) -> Result<(), Trouble> {
        self.index = None;
        let generation = self.oracles.len() as u8;
        let options = create_options(zones(zone_count)?, generation);
        let index = Index::create(self.storage.clone(), &self.world.configuration, &options)
            .map_err(Trouble::Refused)?;
        self.zones = zone_count;
        self.durable = 0;
        self.oracles.push(Oracle::new());
        self.index = Some(index);
        Ok(())
    }

    fn open(&mut self, zone_count: u8, mode: OpenMode) -> Result<(), Trouble> {
        let options = open_options(zones(zone_count)?, mode);
        let index = Index::open(self.storage.clone(), &options).map_err(Trouble::Refused)?;
        let oracle = self.oracles.last_mut().context("no index was created")?;
        self.zones = zone_count;
        let statistics = index.statistics();
        let newest = statistics.newest_chapter.get() as u32;
        if index.recovery().is_some() {
            ensure((self.durable..=oracle.chapter).contains(&newest), || {
                format!("the recovered index opens {newest}, not {}", oracle.chapter)
            })?;
            oracle.crash(newest);
        } else if mode == OpenMode::Load {
            // As it was saved, or as it was: what was posted since the save is lost.
            let save = self.saves.last().context("an index was opened without a save")?;
            ensure(newest == save.moment.newest, || format!("the save is not of {newest}"))?;
            oracle.forget_since(save.moment.events);
        }
        (oracle.chapter, oracle.arrivals) = (newest, statistics.open_chapter_records as u32);
        self.index = Some(index);
        Ok(())
    }

    fn save(&mut self, closes: bool) -> Result<(), Trouble> {
        let first = self.epochs();
        if closes {
            let index = self.index.take().context("no index is open")?;
            index.close().map_err(Trouble::Refused)?;
        } else {
            self.index()?.save().map_err(Trouble::Refused)?;
            self.follow()?;
        }
        let Some(oracle) = self.oracles.last_mut() else { return Ok(()) };
        let epochs = self.source.epochs();
        if epochs == Some(first) {
            // The save on storage was as good.
            return Ok(());
        }
        // A copy of the disk has no faults.
        let disk = Arc::new(self.source.disk().snapshot());
        let info = uds_index::IndexInfo::read(disk, 0).map_err(Trouble::Refused)?;
        let uds_index::SaveState::Clean(saved) = info.save else {
            return Err(Trouble::Wrong(anyhow::anyhow!("after a save: {:?}", info.save)));
        };
        let newest = saved.newest_chapter.get() as u32;
        oracle.chapter = newest;
        let generation = self.stages.last().map_or(0, |stage| stage.generation);
        self.saves.push(SavePoint {
            generation,
            moment: Moment { events: oracle.len(), durable: newest, newest },
            first_epoch: first,
            commit_epoch: epochs.unwrap_or(1) - 1,
            zones: self.zones,
        });
        Ok(())
    }

    fn index(&self) -> Result<&Index> {
        self.index.as_ref().context("no index is open")
    }

    /// Carries out one request for each name. With one zone as one batch: then the index carries
    /// them out in order, and the oracle knows the chapter of each.
    fn requests(
        &mut self,
        operation: Operation,
        names: std::ops::Range<u32>,
    ) -> Result<(), Trouble> {
        if self.zones > 1 {
            for number in names {
                self.batch(operation, number..number + 1)?;
                self.index()?.flush().map_err(Trouble::Refused)?;
                self.follow()?;
            }
            return Ok(());
        }
        let outcome = self.batch(operation, names);
        let flushed = self.index()?.flush();
        outcome?;
        flushed.map_err(Trouble::Refused)?;
        let newest = self.index()?.statistics().newest_chapter.get() as u32;
        let chapter = self.oracles.last().map_or(0, |oracle| oracle.chapter);
        ensure(newest == chapter, || format!("chapter {newest} is open, not {chapter}"))?;
        Ok(())
    }

    /// Asks the index which chapter is open.
    fn follow(&mut self) -> Result<()> {
        let newest = self.index()?.statistics().newest_chapter.get() as u32;
        let oracle = self.oracles.last_mut().context("no index was created")?;
        if newest != oracle.chapter {
            (oracle.chapter, oracle.arrivals) = (newest, 0);
        }
        Ok(())
    }

    fn batch(&mut self, operation: Operation, names: std::ops::Range<u32>) -> Result<(), Trouble> {
        let index = self.index.as_ref().context("no index is open")?;
        let oracle = self.oracles.last_mut().context("no index was created")?;
        let first_version = oracle.versions();
        let mut batch = Batch::with_capacity(names.len());
        for number in names.clone() {
            let version = oracle.version(number);
            batch.push(operation, self.world.name(number), data(number, version));
        }
        // Each request's own answer says whether it failed.
        let _ = index.run(&mut batch);
        for ((number, version), request) in names.zip(first_version..).zip(batch.requests()) {
            let answer = match request.answer() {
                Some(Ok(answer)) => answer,
                Some(Err(error)) if error.kind() == ErrorKind::Poisoned => continue,
                Some(Err(error)) if self.may_fail && is_of_the_page(error) => {
                    self.failed_requests += 1;
                    continue;
                }
                other => return Err(wrong(format!("{operation:?} of {number}: {other:?}"))),
            };
            let chapters = match self.zones {
                1 => (oracle.chapter, oracle.chapter),
                _ => (oracle.chapter.saturating_sub(1), oracle.chapter),
            };
            if oracle.learn(&self.world, operation, number, version, answer, chapters)? {
                oracle.arrivals += 1;
                if self.zones == 1 && oracle.arrivals == self.world.records() {
                    oracle.chapter += 1;
                    oracle.arrivals = 0;
                }
            }
        }
        Ok(())
    }
}

/// Whether a request failed because of a page of the volume.
fn is_of_the_page(error: &IndexError) -> bool {
    matches!(error.kind(), ErrorKind::Io | ErrorKind::Damaged)
}

fn wrong(message: String) -> Trouble {
    Trouble::Wrong(anyhow::Error::msg(message))
}

fn ensure(holds: bool, message: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { bail!(message()) }
}
