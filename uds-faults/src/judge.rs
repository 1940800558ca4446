//! The judge: opens what a fault left, in both modes, and says whether it is what must be there.
//!
//! Whatever the fault, these hold (promises U1 to U4): nothing panics; no answer is wrong; what
//! cannot be opened gives an error of a known kind; and a failed open has written nothing.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use uds_geometry::RecordData;
use uds_index::{Batch, ErrorKind, Index, IndexError, OpenMode};
use uds_volume::Storage;
use uds_volume::sim::SimDisk;

use crate::oracle::{Loss, Moment, Oracle, Torn};
use crate::world::{World, open_options, zones};

/// What may be found.
#[derive(Clone, Debug, Default)]
pub struct Expected<'a> {
    /// The saves that may be opened as they are.
    pub clean: Vec<Moment>,
    /// Whether one of them must be.
    pub must_be_clean: bool,
    /// Whether there may be no index at all.
    pub may_be_none: bool,
    /// What a recovery must find at least: its `newest` is the highest possible.
    pub recovered: Option<Moment>,
    /// The zones of the saves, where that is known: with others, records can be dropped.
    pub zones: Option<u8>,
    /// Whether a write was torn within a sector, so that a record can have the name of one and the
    /// data of another.
    pub tears_records: bool,
    /// The history of the index, unless it is a new one.
    pub oracle: Option<&'a Oracle>,
}

/// How something opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// As it was saved.
    Clean,
    /// Recovered from its volume.
    Recovered,
    /// Not at all: there is no index.
    None,
}

/// What the judge found.
#[derive(Debug)]
pub struct Judgement {
    /// How it opened.
    pub opened: Opened,
    /// What was lost.
    pub loss: Loss,
    /// Names whose data is of the chapter that was in the slot of the one being written.
    pub torn: u64,
    /// Names that have the data of another.
    pub foreign: u64,
    /// The moment that it was opened as.
    pub moment: Option<Moment>,
    /// What it has, by the numbers of the names.
    pub found: Vec<Option<RecordData>>,
    /// The index, open.
    pub index: Option<Index>,
}

/// Asks for the data of the first `count` names.
///
/// # Errors
///
/// Where a request fails.
pub fn ask_all(world: &World, index: &Index, count: u32) -> Result<Vec<Option<RecordData>>> {
    let mut batch = Batch::with_capacity(count as usize);
    for &name in &world.names[..count as usize] {
        batch.query_no_update(name);
    }
    index.run(&mut batch)?;
    let answer = |answer: Option<&Result<uds_index::Answer, _>>| match answer {
        Some(Ok(answer)) => Ok(answer.data()),
        other => bail!("a query has the answer {other:?}"),
    };
    batch.answers().map(answer).collect()
}

/// As [`ask_all`]; requests that fail because of a page count as not found. Returns how many.
///
/// # Errors
///
/// Where a request fails for another reason.
pub fn ask_what_can_be(
    world: &World,
    index: &Index,
    names: std::ops::Range<u32>,
) -> Result<(Vec<Option<RecordData>>, u64)> {
    let mut batch = Batch::with_capacity(names.len());
    for &name in &world.names[names.start as usize..names.end as usize] {
        batch.query_no_update(name);
    }
    let _ = index.run(&mut batch);
    let mut failed = 0;
    let mut found = Vec::with_capacity(names.len());
    for answer in batch.answers() {
        found.push(match answer {
            Some(Ok(answer)) => answer.data(),
            Some(Err(error)) => {
                let is_known = matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Io);
                ensure!(is_known, "a query failed: {}", story(&**error));
                failed += 1;
                None
            }
            None => bail!("a query has no answer"),
        });
    }
    Ok((found, failed))
}

/// An error and all its causes, in one line.
#[must_use]
pub fn story(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Whether an error is one that a caller can act on, and no bug.
///
/// # Errors
///
/// Where it is a bug, or says nothing.
pub fn check_typed(error: &IndexError) -> Result<()> {
    let is_bug = matches!(error.kind(), ErrorKind::Bug | ErrorKind::Closed);
    ensure!(!is_bug, "U1: {}", story(error));
    Ok(())
}

/// Opens `disk` as it was saved, or else recovers it. A failed open must not have written.
///
/// # Errors
///
/// Where one has, or the error is none of those that may be.
pub fn open(disk: &Arc<SimDisk>, zone_count: u8) -> Result<(Opened, Result<Index, IndexError>)> {
    let storage: Arc<dyn Storage> = disk.clone();
    let before = disk.counts().writes;
    let count = zones(zone_count)?;
    let clean = Index::open(storage.clone(), &open_options(count, OpenMode::NoRebuild));
    let error = match clean {
        Ok(index) => return Ok((Opened::Clean, Ok(index))),
        Err(error) => error,
    };
    ensure!(disk.counts().writes == before, "U4: a failed open has written");
    check_typed(&error)?;
    if error.kind() != ErrorKind::NotSavedCleanly {
        return Ok((Opened::None, Err(error)));
    }
    let recovered = Index::open(storage, &open_options(count, OpenMode::Load));
    ensure!(disk.counts().writes == before, "U4: a recovery has written");
    match recovered {
        Ok(index) => {
            ensure!(index.recovery().is_some(), "refused as unclean, and opened without recovery");
            Ok((Opened::Recovered, Ok(index)))
        }
        Err(error) => {
            check_typed(&error)?;
            Ok((Opened::None, Err(error)))
        }
    }
}

/// Opens what a fault left, and checks that it is what is expected.
///
/// # Errors
///
/// What is not.
pub fn judge(
    world: &World,
    disk: &Arc<SimDisk>,
    zone_count: u8,
    expected: &Expected<'_>,
    names: u32,
) -> Result<Judgement> {
    let (opened, index) = open(disk, zone_count)?;
    let (loss, moment, found) = (Loss::default(), None, Vec::new());
    let mut judgement = Judgement { opened, loss, torn: 0, foreign: 0, moment, found, index: None };
    let index = match index {
        Ok(index) => index,
        Err(error) if expected.may_be_none && is_none(&error, expected) => return Ok(judgement),
        Err(error) => bail!("it does not open: {}", story(&error)),
    };
    let found = ask_all(world, &index, names)?;
    let newest = index.statistics().newest_chapter.get() as u32;
    match (expected.oracle, opened) {
        (None, _) => {
            ensure!(found.iter().all(Option::is_none), "a new index has records");
            ensure!(expected.recovered.is_some(), "there should be no index");
        }
        (Some(oracle), Opened::Clean) => {
            let may_drop = expected.zones.is_some_and(|zones| zones != zone_count);
            let moment = check_clean(world, oracle, expected, newest, may_drop, &found)?;
            judgement.loss = oracle.loss_since(world, &moment, expected.recovered.as_ref(), &found);
            judgement.moment = Some(moment);
        }
        (Some(oracle), _) => {
            ensure!(!expected.must_be_clean, "a clean index had to be recovered");
            let Some(most) = expected.recovered else { bail!("nothing should be there") };
            ensure!(
                (most.durable..=most.newest).contains(&newest),
                "the recovered index opens chapter {newest}, which should be {} to {}",
                most.durable,
                most.newest
            );
            let moment = Moment { newest, ..most };
            let mut torn = Torn { may_be_foreign: expected.tears_records, ..Torn::default() };
            judgement.loss = oracle
                .check_recovered(world, &moment, &found, &mut torn)
                .with_context(|| format!("recovered at {moment:?}"))?;
            (judgement.torn, judgement.foreign) = (torn.older, torn.foreign);
            judgement.moment = Some(moment);
        }
    }
    (judgement.found, judgement.index) = (found, Some(index));
    Ok(judgement)
}

/// Whether an error says that there is no index. Half of a super block is a damaged one.
fn is_none(error: &IndexError, expected: &Expected<'_>) -> bool {
    match error.kind() {
        ErrorKind::NotAnIndex => true,
        ErrorKind::Damaged | ErrorKind::UnsupportedVersion => expected.tears_records,
        _ => false,
    }
}

/// Which save was opened: it must be exactly that.
fn check_clean(
    world: &World,
    oracle: &Oracle,
    expected: &Expected<'_>,
    newest: u32,
    may_drop: bool,
    found: &[Option<RecordData>],
) -> Result<Moment> {
    let mut why = None;
    for moment in expected.clean.iter().filter(|moment| moment.newest == newest) {
        match oracle.check_clean(world, moment, may_drop, found) {
            Ok(()) => return Ok(*moment),
            Err(error) => why = Some(error),
        }
    }
    match why {
        Some(error) => Err(error.context("opened as saved")),
        None => bail!("opened as saved with chapter {newest}, of {:?}", expected.clean),
    }
}
