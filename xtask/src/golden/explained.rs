//! Explanations of what the reference was asked: they end as the reference's answers do.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use uds_index::{Answer, Batch, Explanation, Index, Inspector, OpenOptions, Outcome, Standing};
use uds_volume::FileStorage;

use super::answers::Found;
use super::case::Case;
use super::names::name_of_counter;
use super::run::region_of;

/// Queries made between two groups of explanations.
const BATCH: u64 = 1024;

/// Explains three of every thousand counters that the reference was asked for, in their order and
/// with the others before them, from read-only storage. Those found have a copy on the volume
/// where the explanation says.
pub(super) fn check_explained(case: &Case, image: &Path) -> Result<()> {
    let storage = Arc::new(FileStorage::open_read_only(image)?);
    let options = OpenOptions { offset_blocks: case.offset_blocks, ..OpenOptions::default() };
    let index = Index::open(storage.clone(), &options)?;
    let inspector = Inspector::open(storage, case.offset_blocks)?;
    let counters = case.answers.counters();
    let mut explanations = Vec::new();
    for start in counters.clone().step_by(BATCH as usize) {
        let end = (start + BATCH).min(counters.end);
        let mut batch = Batch::new();
        (start..end).for_each(|counter| batch.query_no_update(name_of_counter(counter)));
        index.run(&mut batch)?;
        for counter in [start, (start + end) / 2, end - 1] {
            let explanation = check_one(case, &index, counter)
                .with_context(|| format!("explaining counter {counter}"))?;
            explanations.push((counter, explanation));
        }
    }
    check_copies(&inspector, &explanations)
}

/// Explains a counter, and holds that to the answer of the reference and to our own.
fn check_one(case: &Case, index: &Index, counter: u64) -> Result<Explanation> {
    let name = name_of_counter(counter);
    let explanation = index.explain(&name)?;
    let explained = match explanation.answer() {
        Ok(answer) => answer,
        Err(error) => anyhow::bail!("it fails: {error}"),
    };
    let answer = index.query_no_update(name)?;
    ensure!(explained == answer, "it ends with {explained:?}, but the answer is {answer:?}");
    let found = match explained {
        Answer::Found { data, location } => Some(Found { data, region: region_of(location) }),
        Answer::Absent => None,
    };
    match (case.answers.expected(counter), found) {
        (wanted, found) if !case.sparse => {
            ensure!(wanted == found, "it ends with {found:?}, not with {wanted:?}");
        }
        (Some(wanted), found) => {
            let data = found.map(|found| found.data);
            ensure!(data == Some(wanted.data), "it ends with {found:?}, not with {wanted:?}");
        }
        (None, Some(found)) => {
            ensure!(case.writes(counter, found.data), "it ends with {found:?}, never written");
        }
        (None, None) => {}
    }
    Ok(explanation)
}

/// Checks that what was found in a closed chapter is there, by the volume alone.
fn check_copies(inspector: &Inspector, explanations: &[(u64, Explanation)]) -> Result<()> {
    let names: Vec<_> = explanations.iter().map(|(_, explanation)| explanation.name).collect();
    let copies = inspector.copies(&names, &|_| std::ops::ControlFlow::Continue(()))?;
    ensure!(copies.damaged.is_empty(), "damaged slots: {:?}", copies.damaged);
    for (position, (counter, explanation)) in explanations.iter().enumerate() {
        let Outcome::Found { data, chapter, .. } = &explanation.outcome else { continue };
        if *chapter == explanation.newest {
            continue;
        }
        let mut of_name = copies.found.iter().filter(|copy| copy.position == position);
        let current = of_name.find(|copy| copy.standing(explanation) == Standing::Current);
        ensure!(
            current.is_some_and(|copy| copy.data == *data),
            "counter {counter} is not in chapter {chapter}: {current:?}"
        );
    }
    Ok(())
}
