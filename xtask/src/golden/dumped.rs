//! What an inspector shows of an image, held to what the reference says of it.
//!
//! Every chapter of the case must be shown in its slot, every record with data that the program
//! wrote for that very name, and what the reference found must be where it found it: on a page of a
//! chapter whose index leads to it, or in the saved open chapter.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use uds_geometry::{RecordData, RecordName};
use uds_index::{Inspector, Naming, SlotState, Staleness};
use uds_volume::FileStorage;

use super::answers::Region;
use super::case::Case;
use super::names::{counter_and_version, name_of_counter};

/// What was looked at.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) chapters: usize,
    pub(super) records: u64,
    pub(super) answers: u64,
}

/// Checks what an inspector shows of an image that has its full length.
pub(super) fn check(case: &Case, image: &Path) -> Result<Shown> {
    let storage = Arc::new(FileStorage::open_read_only(image)?);
    let inspector = Inspector::open(storage, case.offset_blocks)?;
    let mut shown = Shown::default();
    // The data of the records that a query would find.
    let (mut closed, mut open) = (HashSet::new(), HashSet::new());
    let window = inspector.window(&mut |_| ControlFlow::Continue(()))?;
    for summary in inspector.slots(&window)? {
        let slot = summary.slot;
        let listed = case.chapters.iter().find(|listed| listed.slot == slot);
        let wanted = listed.map(|listed| listed.virtual_chapter);
        ensure!(summary.chapter == wanted, "slot {slot} is shown with {:?}", summary.chapter);
        let Some(chapter) = summary.chapter else {
            ensure!(summary.state == SlotState::NeverWritten, "slot {slot}: {:?}", summary.state);
            continue;
        };
        let forgotten = SlotState::Stale(Staleness::Forgotten);
        let is_current = window.chapters.contains(&chapter);
        let wanted = if is_current { SlotState::Sound } else { forgotten };
        ensure!(summary.state == wanted, "slot {slot}: {:?}", summary.state);
        let contents = inspector.chapter(chapter)?;
        let findings = contents.findings();
        ensure!(findings.is_empty(), "chapter {chapter}: {findings:?}");
        let (mut indexed, mut known) = (0, HashSet::new());
        for record in contents.record_pages().flat_map(|page| contents.records(page)) {
            check_record(case, record.name, record.data)?;
            shown.records += 1;
            match record.naming {
                Naming::Indexed => {
                    indexed += 1;
                    closed.extend(is_current.then_some(record.data));
                    known.insert(record.name);
                }
                Naming::Copy { .. } | Naming::NoRoom => {}
                other => anyhow::bail!("chapter {chapter}, {}: {other:?}", record.name),
            }
        }
        ensure!(known.len() as u64 == indexed, "chapter {chapter} names a record twice");
        let entries = summary.entries();
        ensure!(entries == Some(indexed), "chapter {chapter}: {entries:?}, {indexed} named");
        shown.chapters += 1;
    }
    if case.clean {
        for record in inspector.open_chapter()? {
            let record = record?;
            check_record(case, record.name, record.data)?;
            open.insert(record.data);
            shown.records += 1;
        }
    }
    shown.answers = check_answers(case, &closed, &open)?;
    Ok(shown)
}

/// Checks that a record is one that the program wrote.
fn check_record(case: &Case, name: RecordName, data: RecordData) -> Result<()> {
    let (counter, _) = counter_and_version(data);
    ensure!(name == name_of_counter(counter), "{name} is not the name of counter {counter}");
    ensure!(case.writes(counter, data), "{name} has data {data}, which nothing wrote");
    Ok(())
}

/// Checks that what the reference found is shown where it found it. Counts it.
fn check_answers(
    case: &Case,
    closed: &HashSet<RecordData>,
    open: &HashSet<RecordData>,
) -> Result<u64> {
    let mut count = 0;
    for counter in case.answers.counters() {
        let Some(found) = case.answers.expected(counter) else { continue };
        let place = if found.region == Region::Open { open } else { closed };
        let context = || format!("counter {counter}, found {:?}, is not shown", found.region);
        place.get(&found.data).with_context(context)?;
        count += 1;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::super::{DEFAULT_FOLDER, case, image, run};
    use super::*;
    use crate::workspace;

    // Guards what an inspector shows of what the reference wrote: all images, where they are.
    #[test]
    fn images_of_the_reference_are_shown() {
        let folder = workspace::root().join(DEFAULT_FOLDER);
        if !folder.is_dir() {
            let _ = writeln!(std::io::stderr().lock(), "SKIPPED: there is no {DEFAULT_FOLDER}");
            return;
        }
        let scratch = tempfile::tempdir().unwrap();
        let mut answers = 0;
        for path in case::list(&folder, "").unwrap() {
            let case = Case::load(&path).unwrap();
            let image = image::unpack(&path.with_file_name(&case.image), scratch.path()).unwrap();
            run::extend(&case, &image).unwrap();
            let shown = check(&case, &image).unwrap_or_else(|error| panic!("{path:?}: {error:#}"));
            assert_eq!(shown.chapters, case.chapters.len(), "{path:?}");
            answers += shown.answers;
            fs::remove_file(&image).unwrap();
        }
        assert!(answers > 0);
    }
}
