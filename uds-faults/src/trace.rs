//! A script that was run once on a simulated disk, and what may be found after a power cut in each
//! of its epochs.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use uds_volume::sim::SimDisk;

use crate::judge::Expected;
use crate::oracle::{Moment, Oracle};
use crate::recorder::Epoch;
use crate::script::{Runner, SavePoint, Script, Stage, Step};
use crate::world::World;

/// What a script has written, and what it knows of it.
#[derive(Debug)]
pub struct Trace {
    /// The script's name.
    pub name: &'static str,
    /// The shape of the index.
    pub world: Arc<World>,
    /// What was written.
    pub epochs: Vec<Epoch>,
    /// The disk at the end.
    pub end: SimDisk,
    /// The histories of the indexes.
    pub oracles: Vec<Oracle>,
    saves: Vec<SavePoint>,
    stages: Vec<Stage>,
    /// No name from here on was ever posted.
    pub names: u32,
}

impl Trace {
    /// Runs a script.
    ///
    /// # Errors
    ///
    /// Where it fails.
    pub fn of(script: &Script, seed: u64) -> Result<Self> {
        Self::on(script, SimDisk::new(script.world.bytes(), seed))
    }

    /// Runs a script on a disk whose syncs do nothing: each epoch has all writes so far.
    ///
    /// # Errors
    ///
    /// Where it fails.
    pub fn of_lying(script: &Script, seed: u64) -> Result<Self> {
        let disk = SimDisk::new(script.world.bytes(), seed);
        disk.honour_syncs(false);
        Self::on(script, disk)
    }

    fn on(script: &Script, disk: SimDisk) -> Result<Self> {
        let (mut runner, recorder) = Runner::recording(&script.world, disk);
        runner.run(&script.steps).with_context(|| format!("script \"{}\"", script.name))?;
        runner.index = None;
        let names = script.steps.iter().map(|step| match step {
            Step::Do(_, names) => names.end,
            _ => 0,
        });
        Ok(Self {
            name: script.name,
            world: Arc::clone(&script.world),
            names: names.max().unwrap_or(0),
            epochs: recorder.take(),
            end: recorder.disk().snapshot(),
            oracles: runner.oracles,
            saves: runner.saves,
            stages: runner.stages,
        })
    }

    /// The trace of steps that went on with an index.
    #[must_use]
    pub fn from_runner(
        name: &'static str,
        world: &Arc<World>,
        names: u32,
        runner: Runner,
        recorder: &crate::recorder::Recorder,
    ) -> Self {
        Self {
            name,
            world: Arc::clone(world),
            names,
            epochs: recorder.take(),
            end: recorder.disk().snapshot(),
            oracles: runner.oracles,
            saves: runner.saves,
            stages: runner.stages,
        }
    }

    /// What is expected after a power cut in an epoch.
    ///
    /// # Errors
    ///
    /// Where no step wrote in that epoch.
    pub fn expected(&self, epoch: usize) -> Result<Expected<'_>> {
        let stage = self.stages.iter().find(|stage| stage.epochs.contains(&epoch));
        let stage = stage.with_context(|| format!("epoch {epoch} is of no step"))?;
        if matches!(stage.step, Step::Create(_)) {
            return Ok(self.expected_at_creation(stage, epoch));
        }
        let written = self.epochs[stage.epochs.start..epoch].iter();
        let durable = stage.durable + written.filter(|epoch| epoch.has_chapter).count() as u32;
        // With several zones, one may not have closed its part of the chapter before yet.
        let most = durable + u32::from(stage.zones > 1);
        let newest = most + u32::from(self.epochs[epoch].has_chapter);
        let mut expected = Expected {
            recovered: Some(Moment { events: stage.events, durable, newest }),
            oracle: Some(&self.oracles[stage.generation]),
            ..Expected::default()
        };
        let saves = || self.saves.iter().filter(|save| save.generation == stage.generation);
        if let Some(save) = saves().rfind(|save| save.commit_epoch < epoch) {
            let since = &self.epochs[save.commit_epoch + 1..epoch];
            if !since.iter().any(|epoch| epoch.has_discard) {
                expected.clean.push(save.moment);
                expected.must_be_clean = !self.epochs[epoch].has_discard;
            }
        }
        expected
            .clean
            .extend(saves().filter(|save| save.commit_epoch == epoch).map(|save| save.moment));
        expected.zones = saves().rfind(|save| save.commit_epoch <= epoch).map(|save| save.zones);
        Ok(expected)
    }

    /// In the first epoch the old index may still be there, in the last the new one may be.
    fn expected_at_creation(&self, stage: &Stage, epoch: usize) -> Expected<'_> {
        let mut expected = Expected { may_be_none: true, ..Expected::default() };
        let old = stage.generation.checked_sub(1);
        if epoch == stage.epochs.start {
            if let Some(old) = old {
                expected.oracle = Some(&self.oracles[old]);
                let save = self.saves.iter().rfind(|save| save.generation == old);
                expected.clean.extend(save.map(|save| save.moment));
                expected.must_be_clean = true;
                expected.zones = save.map(|save| save.zones);
            }
        } else if epoch + 1 == stage.epochs.end {
            expected.recovered = Some(Moment { events: 0, durable: 0, newest: 0 });
        }
        expected
    }

    /// The step of an epoch, and its epochs.
    #[must_use]
    pub fn step_at(&self, epoch: usize) -> String {
        let stage = self.stages.iter().find(|stage| stage.epochs.contains(&epoch));
        stage.map_or_else(String::new, |stage| format!("{:?} {:?}", stage.step, stage.epochs))
    }

    /// In how many zones to open what a cut left: as many as there were, mostly.
    #[must_use]
    pub fn zones_at(&self, epoch: usize) -> u8 {
        let stage = self.stages.iter().find(|stage| stage.epochs.contains(&epoch));
        stage.map_or(1, |stage| stage.zones)
    }
}
