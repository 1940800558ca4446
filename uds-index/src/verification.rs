//! Verification: whether an index is as it was written, from end to end, and what is wrong where.
//!
//! | step | module | in parallel |
//! |---|---|---|
//! | header blocks; whether the index was closed cleanly | `save` | |
//! | the latest save: open chapter, page map, volume index list by list | `save` | |
//! | each chapter: index pages and their lists, record pages | `chapter` | chapters |
//! | each record, as a query finds it | `records`, `room` | chapters |
//! | each entry of the volume index against the chapters | `deep` | chapters, then lists |
//! | which of that is damage | `judge` | |
//!
//! What is normal is no finding: slots that were never written, chapters that have been forgotten,
//! records for which a chapter's index had no room, an older save. What a power cut leaves behind
//! is one of severity [`Note`](Severity::Note): the chapter that was being written.
//!
//! # Invariants
//!
//! 1. Only reads.
//! 2. What cannot be read, or makes no sense, is a finding; the rest is examined all the same.
//! 3. Memory is bounded whatever the index holds: a chapter for each thread, and so many findings;
//!    for a deep verification, the volume index and a group of chapters' names.
//! 4. The findings do not depend on the number of threads, nor on their timing.

mod chapter;
mod checked;
mod control;
mod deep;
mod finding;
mod judge;
mod records;
mod room;
mod save;

use std::ops::Range;

use uds_geometry::{
    ChapterPage, IndexPageNumber, PhysicalChapter, VirtualChapter, VolumeIndexParameters,
};
use uds_volume::{Storage, Volume};

pub(crate) use self::chapter::{Examiner, SlotReport, has_nonce};
pub use self::checked::{Checked, DeepChecked};
pub use self::control::{VerifyControl, VerifyPhase, VerifyProgress};
use self::deep::{Comparison, Group, Outcome, Places};
use self::finding::Findings;
pub use self::finding::{Cause, Finding, Region, Severity};
use self::save::{LatestSave, SaveReport};
use crate::IndexError;
use crate::control::Control;
use crate::engine::open_volume;
use crate::error::UncleanReason;
use crate::layout::{Expected, Layout};
use crate::parallel::{threads, work_on_all};
use crate::sync::{Arc, Mutex, lock};

/// Findings that are kept of a verification; more are counted.
const MAX_FINDINGS: usize = 4096;
/// Findings that are kept of the latest save.
const MAX_OF_PART: usize = 1024;
/// The first page of every chapter.
const FIRST_PAGE: ChapterPage = ChapterPage::Index(IndexPageNumber::new(0));

/// What to verify.
#[derive(Clone, Debug, Default)]
pub struct VerifyOptions {
    /// The block of the storage where the index begins.
    pub offset_blocks: u64,
    /// Whether to compare every entry of the volume index with the chapters. It takes as much more
    /// memory as the open index does.
    pub deep: bool,
    /// How many threads examine chapters. 0 stands for one a core, 8 at most.
    pub threads: usize,
}

/// Whether an index can be used as it is.
#[derive(Debug)]
#[non_exhaustive]
pub enum VerifiedState {
    /// It was closed cleanly: it opens as its latest save has it.
    Clean,
    /// It was not closed cleanly, or never saved: it is recovered when it is opened.
    NeedsRecovery(UncleanReason),
    /// Its latest save is damaged, as the findings say: it is recovered when it is opened.
    SaveUnusable,
}

/// What a verification has found.
#[derive(Debug)]
#[non_exhaustive]
pub struct Verification {
    /// Whether the index can be used as it is.
    pub state: VerifiedState,
    /// The chapters that the index has, or should have: from the oldest to the one that is open,
    /// or is to be opened.
    pub window: Range<VirtualChapter>,
    /// The first findings, in the order of the storage; some thousands at most.
    pub findings: Vec<Finding>,
    /// Findings of severity [`Severity::Damage`], those that were not kept included.
    pub damage_count: u64,
    /// Findings of severity [`Severity::Note`], those that were not kept included.
    pub note_count: u64,
    /// What was looked at.
    pub checked: Checked,
}

impl Verification {
    /// Whether nothing is damaged. An index that has to be recovered can be sound.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.damage_count == 0
    }
}

/// Examines a whole index. Writes nothing.
///
/// Where the index was not closed cleanly there is no save to compare with: a deep verification is
/// like any other then, and [`Checked::deep`] is `None`.
///
/// ```
/// use std::sync::Arc;
/// use uds_geometry::{Configuration, LayoutSizes};
/// use uds_index::{CreateOptions, Index, VerifyControl, VerifyOptions, verify};
/// use uds_volume::MemoryStorage;
///
/// let configuration = Configuration::tiny(false);
/// let bytes = LayoutSizes::new(&configuration.geometry())?.total_bytes();
/// let storage = Arc::new(MemoryStorage::new(bytes));
/// Index::create(storage.clone(), &configuration, &CreateOptions::default())?.close()?;
///
/// let options = VerifyOptions { deep: true, ..VerifyOptions::default() };
/// let verification = verify(storage, &options, &VerifyControl::new())?;
/// assert!(verification.is_sound());
/// # Ok::<(), uds_index::IndexError>(())
/// ```
///
/// # Errors
///
/// Where nothing can be examined: what keeps the storage from holding an index (see
/// [`IndexError::kind`]), [`IndexError::Abandoned`], and want of memory or threads.
pub fn verify(
    storage: Arc<dyn Storage>,
    options: &VerifyOptions,
    control: &VerifyControl,
) -> Result<Verification, IndexError> {
    let result = run(storage, options, &control.control);
    control.control.enter_phase(VerifyPhase::Over, 0);
    result
}

fn run(
    storage: Arc<dyn Storage>,
    options: &VerifyOptions,
    control: &Control<VerifyPhase>,
) -> Result<Verification, IndexError> {
    control.enter_phase(VerifyPhase::Saves, 0);
    let mut layout = Layout::load_head(storage, options.offset_blocks, &Expected::default())?;
    let mut findings = Findings::new(MAX_FINDINGS);
    save::check_headers(&mut layout, &mut findings);
    let geometry = layout.geometry();
    let parameters = Arc::new(VolumeIndexParameters::new(&geometry)?);
    let volume = open_volume(&layout, geometry)?;
    let (state, latest) = save::state(&layout, &volume, &mut findings);
    let verifier = Verifier {
        layout: &layout,
        volume: &volume,
        parameters: &parameters,
        control,
        threads: threads(options.threads),
    };
    let mut verification = Verification {
        state,
        window: VirtualChapter::ZERO..VirtualChapter::ZERO,
        findings: Vec::new(),
        damage_count: 0,
        note_count: 0,
        checked: Checked::default(),
    };
    match latest {
        Some(latest) => {
            verifier.verify_saved(latest, options.deep, &mut verification, &mut findings)?;
        }
        None => verifier.verify_unsaved(&mut verification, &mut findings)?,
    }
    findings.kept.sort_by_key(|finding| finding.offset);
    verification.findings = findings.kept;
    (verification.damage_count, verification.note_count) = (findings.damage, findings.notes);
    Ok(verification)
}

/// What a verification works with.
struct Verifier<'a> {
    layout: &'a Layout,
    volume: &'a Volume,
    parameters: &'a Arc<VolumeIndexParameters>,
    control: &'a Control<VerifyPhase>,
    threads: usize,
}

/// What is to be examined: a slot, and the chapter that should be there, if that is known.
type Target = (PhysicalChapter, Option<VirtualChapter>);

impl Verifier<'_> {
    /// Examines an index whose latest save tells what its chapters are.
    fn verify_saved(
        &self,
        latest: LatestSave,
        is_deep: bool,
        verification: &mut Verification,
        findings: &mut Findings,
    ) -> Result<(), IndexError> {
        let chapters = save::chapters_of(&latest.save);
        let slot_of = |&chapter| (self.volume.geometry().physical_chapter(chapter), Some(chapter));
        let targets: Vec<Target> = chapters.iter().map(slot_of).collect();
        let check_save =
            || save::check(self.layout, self.volume, self.parameters, latest, self.control);
        self.control.enter_phase(VerifyPhase::Saves, 0);
        let (saved, reports) = if is_deep {
            let saved = check_save()?;
            let reports = self.compare_all(latest, &saved, &targets, verification, findings)?;
            (saved, reports)
        } else {
            self.control.enter_phase(VerifyPhase::Chapters, targets.len() as u64);
            std::thread::scope(|scope| {
                let saved = scope.spawn(check_save);
                let reports = self.examine(&targets, None)?.0;
                let saved = saved.join().map_err(|_| IndexError::Panicked)??;
                Ok::<_, IndexError>((saved, reports))
            })?
        };
        verification.window = latest.save.oldest..latest.save.newest;
        if !saved.is_usable && matches!(verification.state, VerifiedState::Clean) {
            verification.state = VerifiedState::SaveUnusable;
        }
        verification.checked.add(&saved.checked);
        for report in reports {
            if let Some(map) = &saved.page_map {
                let checked = &mut verification.checked;
                save::compare_page_map(self.layout, latest, map, &report, findings, checked);
            }
            verification.checked.add(&report.checked);
            findings.absorb(report.findings, false);
        }
        findings.absorb(saved.findings, false);
        Ok(())
    }

    /// Examines all slots of an index that has to be recovered.
    fn verify_unsaved(
        &self,
        verification: &mut Verification,
        findings: &mut Findings,
    ) -> Result<(), IndexError> {
        let slots = self.volume.geometry().chapters_per_volume();
        let targets: Vec<Target> =
            (0..slots).map(|slot| (PhysicalChapter::new(slot), None)).collect();
        self.control.enter_phase(VerifyPhase::Chapters, targets.len() as u64);
        let (reports, _) = self.examine(&targets, None)?;
        let checked = &mut verification.checked;
        verification.window = judge::judge(self.volume, reports, findings, checked);
        Ok(())
    }

    /// Examines slots, with all threads. Where the names are to be compared with the volume index,
    /// those of each thread come too.
    fn examine(
        &self,
        targets: &[Target],
        comparison: Option<&Comparison<'_>>,
    ) -> Result<(Vec<SlotReport>, Vec<Places>), IndexError> {
        let threads = self.threads.min(targets.len()).max(1);
        let begin = || {
            let places = comparison.map(|it| it.places(targets.len(), threads));
            Ok((Examiner::new(self.volume)?, places))
        };
        let (reports, workers) =
            work_on_all(targets.len(), threads, self.control, begin, |worker, number| {
                let (examiner, places) = worker;
                let (slot, expected) = targets[number];
                let report = examiner.examine(slot, expected);
                if let (Some(places), Some(comparison), Some(chapter)) =
                    (places, comparison, expected)
                {
                    if report.is_identified {
                        comparison.place_chapter(examiner, chapter, number, places);
                    }
                }
                report
            })?;
        Ok((reports, workers.into_iter().filter_map(|(_, places)| places).collect()))
    }

    /// Examines the chapters of a save group by group, and compares the volume index with each.
    fn compare_all(
        &self,
        latest: LatestSave,
        saved: &SaveReport,
        targets: &[Target],
        verification: &mut Verification,
        findings: &mut Findings,
    ) -> Result<Vec<SlotReport>, IndexError> {
        self.control.enter_phase(VerifyPhase::Chapters, targets.len() as u64);
        // Damaged lists would lead anywhere: they are told of already.
        if !saved.is_usable || saved.findings.damage > 0 {
            return Ok(self.examine(targets, None)?.0);
        }
        let names = &saved.open_names;
        let comparison =
            match Comparison::new(self.layout, self.volume, self.parameters, latest, names) {
                Ok(comparison) => comparison,
                Err(error @ (IndexError::OutOfMemory { .. } | IndexError::Storage(_))) => {
                    return Err(error);
                }
                Err(error) => {
                    judge::blame_save(self.layout, latest, error, findings);
                    verification.state = VerifiedState::SaveUnusable;
                    return Ok(self.examine(targets, None)?.0);
                }
            };
        let mut reports: Vec<SlotReport> = Vec::new();
        let mut outcome = Outcome::default();
        let size = comparison.group_size();
        // An index without chapters has an open one.
        let mut groups: Vec<&[Target]> = targets.chunks(size).collect();
        if groups.is_empty() {
            groups.push(&[]);
        }
        let count = groups.len();
        for (number, targets) in (1..).zip(groups) {
            let (of_group, mut places) = self.examine(targets, Some(&comparison))?;
            let has_open = number == count;
            if let Some(places) = places.first_mut().filter(|_| has_open) {
                comparison.place_open(targets.len(), places);
            }
            let chapters: Vec<_> = targets.iter().filter_map(|target| target.1).collect();
            let is_reliable: Vec<_> = of_group.iter().map(SlotReport::is_reliable).collect();
            let group = Group { chapters: &chapters, is_reliable: &is_reliable, has_open };
            outcome.add(self.compare(&comparison, &group, places)?);
            reports.extend(of_group);
        }
        judge::judge_dangling(self, latest, &outcome, &reports, names.len() as u64, findings);
        verification.checked.deep = Some(outcome.total());
        Ok(reports)
    }

    /// Compares the volume index with the names of a group, with all threads.
    fn compare(
        &self,
        comparison: &Comparison<'_>,
        group: &Group<'_>,
        places: Vec<Places>,
    ) -> Result<Outcome, IndexError> {
        let (buckets, mut outcome) = comparison.buckets(places);
        let buckets = Mutex::new(buckets);
        let work = || -> Result<Outcome, IndexError> {
            let mut outcome = Outcome::default();
            loop {
                self.control.check()?;
                let Some(bucket) = lock(&buckets).pop() else { return Ok(outcome) };
                outcome.add(comparison.compare(bucket, group));
            }
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.threads.max(1)).map(|_| scope.spawn(work)).collect();
            for worker in workers {
                outcome.add(worker.join().map_err(|_| IndexError::Panicked)??);
            }
            Ok(outcome)
        })
    }
}
