//! One case, run with the library.

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use uds_geometry::{BLOCK_BYTES, LayoutSizes, RecordData, RecordName, ZoneCount};
use uds_index::{
    Answer, Batch, CreateOptions, ErrorKind, Index, IndexError, IndexInfo, Location, OpenMode,
    OpenOptions, Operation, VerifiedState, VerifyControl, VerifyOptions, verify,
};
use uds_volume::{FileOptions, FileStorage, Storage};

use super::answers::{AnswerChecker, Found, Region};
use super::case::Case;
use super::dumped;
use super::evidence::check_chapters;
use super::explained::check_explained;
use super::names::{data_of, name_of_counter};
use super::program::ProgramStep;
use super::rules::{self, Shape, Subject};

/// Requests made at once.
const BATCH: u64 = 1024;

/// How a case came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The library agrees with the reference.
    Passed,
    /// It does not, and where.
    Failed(String),
}

/// Opens the unpacked image, asks what the reference was asked, runs the program anew, and
/// compares. Where `emit` is given, keeps the image that the program makes there, as `NAME.img`.
/// Says also how many rules of the format were checked.
pub(crate) fn run_case(case: &Case, image: &Path, emit: Option<&Path>) -> (Outcome, String) {
    match try_case(case, image, emit) {
        Ok(rules) => (Outcome::Passed, rules),
        Err(error) => (Outcome::Failed(format!("{error:#}")), String::new()),
    }
}

/// Checks all of a case.
fn try_case(case: &Case, image: &Path, emit: Option<&Path>) -> Result<String> {
    extend(case, image)?;
    let theirs = check_rules(case, image, false).context("the image of the reference")?;
    check_verified(case, image).context("verifying the image of the reference")?;
    dumped::check(case, image).context("looking into the image of the reference")?;
    if !case.clean {
        check_refused(case, image).context("the image of the reference")?;
    }
    check_answers(case, image, None).context("the image of the reference")?;
    check_explained(case, image).context("the image of the reference")?;
    let ours = match emit {
        Some(folder) => folder.join(format!("{}.img", case.name)),
        None => image.with_extension("ours"),
    };
    // With the same nonce info even the headers of the pages must be the same.
    let info = IndexInfo::read(Arc::new(FileStorage::open(image)?), case.offset_blocks)?;
    let live = run_program(case, &ours, info.nonce_info).context("running the program")?;
    let own = check_rules(case, &ours, true).context("the image that the program made")?;
    if case.reproducible_chapters {
        check_chapters(case, &ours).context("the chapters that the program made")?;
    }
    if !case.clean {
        check_refused(case, &ours).context("the image that the program made")?;
    }
    check_verified(case, &ours).context("verifying the image that the program made")?;
    if case.reproducible_chapters {
        dumped::check(case, &ours).context("looking into the image that the program made")?;
    }
    // What several zones filled depends on their timing: such an index is held to itself.
    let expected = if case.reproducible_chapters { None } else { Some(&live[..]) };
    check_answers(case, &ours, expected).context("the image that the program made")?;
    if emit.is_none() {
        fs::remove_file(&ours)?;
    } else {
        // It was opened meanwhile, which must leave what is handed out as it was.
        check_rules(case, &ours, true).context("the image that is kept")?;
    }
    Ok(format!(", {theirs} rules kept; ours: {own} rules kept"))
}

/// Holds an image against the format, and returns how many rules it keeps.
fn check_rules(case: &Case, image: &Path, ours: bool) -> Result<usize> {
    let shape = Shape::of(&case.configuration()?);
    let (offset, nonce) = (case.offset_blocks, case.nonce.get());
    let subject = Subject { shape, offset, nonce, clean: case.clean, ours };
    let report = rules::check_file(&subject, image)?;
    ensure!(report.is_kept(), "it breaks the format: {report}");
    Ok(report.judged().len())
}

/// Checks that a verification finds nothing in an image, and knows whether it was closed.
fn check_verified(case: &Case, image: &Path) -> Result<()> {
    for deep in [false, true] {
        let options =
            VerifyOptions { offset_blocks: case.offset_blocks, deep, ..VerifyOptions::default() };
        let storage = Arc::new(FileStorage::open_read_only(image)?);
        let found = verify(storage, &options, &VerifyControl::new())?;
        if let Some(finding) = found.findings.first() {
            bail!("{finding}, and {} findings more", found.damage_count + found.note_count - 1);
        }
        let is_clean = matches!(found.state, VerifiedState::Clean);
        ensure!(is_clean == case.clean, "the state is said to be {:?}", found.state);
        ensure!(found.checked.deep.is_some() == (deep && case.clean), "it was not compared");
    }
    Ok(())
}

/// Gives an image its full length. The reference does not write the last blocks of an index, and
/// its files end before them; the library takes such a file for truncated.
pub(super) fn extend(case: &Case, image: &Path) -> Result<()> {
    let file = fs::OpenOptions::new().write(true).open(image)?;
    Ok(file.set_len(file.metadata()?.len().max(index_bytes(case)?))?)
}

/// The bytes of a case's index and of what lies before it.
fn index_bytes(case: &Case) -> Result<u64> {
    let sizes = LayoutSizes::new(&case.configuration()?.geometry())?;
    Ok(sizes.total_bytes() + case.offset_blocks * u64::from(BLOCK_BYTES))
}

/// Asks an index what the reference was asked, and holds it to `expected`, or to the reference's
/// answers.
fn check_answers(case: &Case, image: &Path, expected: Option<&[Option<Found>]>) -> Result<()> {
    let index = open(case, image, ZoneCount::ONE)?;
    let answers = ask(case, &index)?;
    if let Some(expected) = expected {
        let differs =
            answers.iter().zip(expected).position(|(answer, expected)| answer != expected);
        if let Some(at) = differs {
            bail!("answer {at} is {:?}, but was {:?} before", answers[at], expected[at]);
        }
        return check_written(case, &answers);
    }
    let mut checker = AnswerChecker::new(case);
    for (counter, answer) in case.answers.counters().zip(answers) {
        checker.check(counter, answer)?;
    }
    checker.finish()?;
    Ok(())
}

/// Checks that an index has for each name only what the program gave it.
fn check_written(case: &Case, answers: &[Option<Found>]) -> Result<()> {
    for (counter, answer) in case.answers.counters().zip(answers) {
        if let Some(found) = answer {
            ensure!(case.writes(counter, found.data), "counter {counter} has {}", found.data);
        }
    }
    Ok(())
}

/// The answers to the queries of a case.
fn ask(case: &Case, index: &Index) -> Result<Vec<Option<Found>>> {
    let counters = case.answers.counters();
    let mut answers = Vec::new();
    for start in counters.clone().step_by(BATCH as usize) {
        let mut batch = Batch::new();
        for counter in start..(start + BATCH).min(counters.end) {
            batch.query_no_update(name_of_counter(counter));
        }
        index.run(&mut batch)?;
        answers.extend(batch.answers().map(|answer| match answer {
            Some(Ok(Answer::Found { data, location })) => {
                Some(Found { data: *data, region: region_of(*location) })
            }
            _ => None,
        }));
    }
    Ok(answers)
}

pub(super) fn region_of(location: Location) -> Region {
    match location {
        Location::Open => Region::Open,
        Location::Dense => Region::Dense,
        Location::Sparse => Region::Sparse,
    }
}

/// Checks that an index that was not closed is not taken for one that was.
fn check_refused(case: &Case, image: &Path) -> Result<()> {
    match open_as(case, image, ZoneCount::ONE, OpenMode::NoRebuild) {
        Ok(_) => bail!("it opens, although it was not closed"),
        Err(error) => {
            let kind = error.downcast_ref::<IndexError>().map(IndexError::kind);
            ensure!(kind == Some(ErrorKind::NotSavedCleanly), "it is refused for {error:#}");
            Ok(())
        }
    }
}

/// Opens an index, and recovers it if it was not closed cleanly.
fn open(case: &Case, image: &Path, zones: ZoneCount) -> Result<Index> {
    open_as(case, image, zones, OpenMode::Load)
}

fn open_as(case: &Case, image: &Path, zones: ZoneCount, mode: OpenMode) -> Result<Index> {
    let options = OpenOptions {
        configuration: Some(case.configuration()?),
        nonce: Some(case.nonce),
        offset_blocks: case.offset_blocks,
        mode,
        zones,
        read_threads: read_threads(zones),
    };
    Ok(Index::open(Arc::new(FileStorage::open(image)?), &options)?)
}

/// None for one zone, so that the order of records, and so the chapters, are those of the program.
fn read_threads(zones: ZoneCount) -> usize {
    if zones == ZoneCount::ONE { 0 } else { OpenOptions::default().read_threads }
}

fn create(case: &Case, image: &Path, nonce_info: [u8; 32], zones: ZoneCount) -> Result<Index> {
    if image.exists() {
        fs::remove_file(image)?;
    }
    let storage: Arc<dyn Storage> =
        Arc::new(FileOptions::new().sparse(true).create(image, index_bytes(case)?)?);
    let options = CreateOptions {
        nonce: case.nonce,
        nonce_info: Some(nonce_info),
        offset_blocks: case.offset_blocks,
        zones,
        read_threads: read_threads(zones),
    };
    Ok(Index::create(storage, &case.configuration()?, &options)?)
}

/// Runs the program of a case, and leaves its index in `image`. Returns what the index answered
/// before it was closed last.
fn run_program(case: &Case, image: &Path, nonce_info: [u8; 32]) -> Result<Vec<Option<Found>>> {
    let mut index: Option<Index> = None;
    let mut answers = Vec::new();
    for step in &case.program {
        match step {
            ProgramStep::Create { zones } => index = Some(create(case, image, nonce_info, *zones)?),
            ProgramStep::Load { zones } => index = Some(open(case, image, *zones)?),
            ProgramStep::Close => {
                let index = index.take().context("close without an index")?;
                answers = ask(case, &index)?;
                index.close()?;
            }
            ProgramStep::Crash => {
                // The reference lets the chapter writer finish before it stops.
                index.take().context("crash without an index")?.flush()?;
            }
            ProgramStep::Flush => index.as_ref().context("flush without an index")?.flush()?,
            _ => run_requests(index.as_ref().context("requests without an index")?, step)?,
        }
    }
    Ok(answers)
}

fn run_requests(index: &Index, step: &ProgramStep) -> Result<()> {
    let (operation, counters, version) = match step {
        ProgramStep::Post { counters, version } => (Operation::Post, counters, Some(*version)),
        ProgramStep::Update { counters, version } => (Operation::Update, counters, Some(*version)),
        ProgramStep::Delete { counters } => (Operation::Delete, counters, None),
        ProgramStep::Query { counters } => (Operation::Query, counters, None),
        _ => bail!("{step:?} makes no requests"),
    };
    let mut batch = Batch::new();
    for counter in counters.clone() {
        let name: RecordName = name_of_counter(counter);
        let data = version.map_or(RecordData::default(), |version| data_of(counter, version));
        batch.push(operation, name, data);
        if batch.len() as u64 == BATCH || counter + 1 == counters.end {
            index.run(&mut batch)?;
            batch.clear();
        }
    }
    Ok(())
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => write!(f, "passed"),
            Self::Failed(why) => write!(f, "FAILED: {why}"),
        }
    }
}
