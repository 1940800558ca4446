//! What the reference answered, and a checker that holds an index to it.

use std::ops::Range;

use anyhow::{Result, ensure};
use serde::Deserialize;
use uds_geometry::RecordData;

use super::case::Case;
use super::names::{counter_and_version, data_of};

/// What a later `load:1` answers when it is asked for every counter of a range, in order. What
/// else the file says here is prose.
#[derive(Debug, Deserialize)]
pub(crate) struct Answers {
    #[serde(default)]
    checked_from: u64,
    checked_up_to: u64,
    found_runs: Vec<FoundRun>,
}

/// Neighbouring counters that were found alike. Counters in no run were not found.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct FoundRun {
    start: u64,
    end: u64,
    version: u64,
    region: Region,
}

/// Where a record was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Region {
    /// In the open chapter.
    Open,
    /// In a chapter that the volume index knows whole.
    Dense,
    /// In a chapter that it knows by samples.
    Sparse,
}

/// The answer to one query, where the name was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) data: RecordData,
    pub(crate) region: Region,
}

/// What was wrong with an answer.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WrongAnswer {
    #[error(
        "counter {counter} was not found, but is {} in the {:?} chapters",
        .wanted.data, .wanted.region
    )]
    Missing { counter: u64, wanted: Found },
    #[error("counter {counter} was found with {}, but must not be found", .found.data)]
    Unexpected { counter: u64, found: Found },
    #[error("counter {counter} was found with {}, but its data is {}", .found.data, .wanted.data)]
    Data { counter: u64, found: Found, wanted: Found },
    #[error(
        "counter {counter} was found in the {:?} chapters, but is in {:?}",
        .found.region, .wanted.region
    )]
    Region { counter: u64, found: Found, wanted: Found },
    #[error("counter {counter} was found with {}, which the program never wrote", .found.data)]
    NeverWritten { counter: u64, found: Found },
    #[error("counter {counter} was asked out of turn, {wanted} is next")]
    Turn { counter: u64, wanted: u64 },
    #[error("the queries ended at counter {stopped}, but go on up to {end}")]
    Unfinished { stopped: u64, end: u64 },
}

impl Answers {
    /// Checks that the runs are in order, inside the range, and add up to `total`.
    pub(crate) fn check(&self, total: Option<u64>) -> Result<()> {
        let mut next = self.checked_from;
        let mut found = 0;
        for run in &self.found_runs {
            let FoundRun { start, end, .. } = *run;
            ensure!(start < end, "run {start}..{end} is empty");
            ensure!(next <= start, "run {start}..{end} begins before {next}");
            next = end;
            found += end - start;
        }
        let end = self.checked_up_to;
        ensure!(next <= end, "the runs end at {next}, beyond the {end} that were checked");
        let total = total.unwrap_or(found);
        ensure!(found == total, "the runs hold {found} counters, not {total}");
        Ok(())
    }

    /// The counters that were asked for.
    pub(crate) fn counters(&self) -> Range<u64> {
        self.checked_from..self.checked_up_to
    }

    /// What the reference answered for a counter, where it found something.
    pub(crate) fn expected(&self, counter: u64) -> Option<Found> {
        let at = self.found_runs.partition_point(|run| run.end <= counter);
        let run = self.found_runs.get(at).filter(|run| run.start <= counter)?;
        Some(Found { data: data_of(counter, run.version), region: run.region })
    }
}

/// Holds an index to the answers of a case, counter by counter.
///
/// A dense index must answer exactly as the reference did. A sparse one must find whatever the
/// reference found, with that data, wherever it is; it may find more, but only data that the
/// program wrote for that very name.
#[derive(Debug)]
pub(crate) struct AnswerChecker<'a> {
    case: &'a Case,
    next: u64,
    more: u64,
}

impl<'a> AnswerChecker<'a> {
    /// A checker that expects the first counter of the case.
    pub(crate) fn new(case: &'a Case) -> Self {
        Self { case, next: case.answers.counters().start, more: 0 }
    }

    /// Judges the answer for a counter. They come in increasing order, none left out.
    pub(crate) fn check(&mut self, counter: u64, answer: Option<Found>) -> Result<(), WrongAnswer> {
        if counter != self.next || counter >= self.case.answers.counters().end {
            return Err(WrongAnswer::Turn { counter, wanted: self.next });
        }
        self.next += 1;
        match (self.case.answers.expected(counter), answer) {
            (None, None) => Ok(()),
            (Some(wanted), None) => Err(WrongAnswer::Missing { counter, wanted }),
            (Some(wanted), Some(found)) if found.data != wanted.data => {
                Err(WrongAnswer::Data { counter, found, wanted })
            }
            (Some(wanted), Some(found)) if !self.case.sparse && found.region != wanted.region => {
                Err(WrongAnswer::Region { counter, found, wanted })
            }
            (Some(_), Some(_)) => Ok(()),
            (None, Some(found)) if !self.case.sparse => {
                Err(WrongAnswer::Unexpected { counter, found })
            }
            (None, Some(found)) if self.case.writes(counter, found.data) => {
                self.more += 1;
                Ok(())
            }
            (None, Some(found)) => Err(WrongAnswer::NeverWritten { counter, found }),
        }
    }

    /// Checks that every counter was asked for. Returns how many were found that the reference
    /// missed.
    pub(crate) fn finish(self) -> Result<u64, WrongAnswer> {
        let end = self.case.answers.counters().end;
        if self.next == end {
            Ok(self.more)
        } else {
            Err(WrongAnswer::Unfinished { stopped: self.next, end })
        }
    }
}

impl Case {
    /// Whether the program ever gave a counter's name this data.
    pub(crate) fn writes(&self, counter: u64, data: RecordData) -> bool {
        let (written_counter, version) = counter_and_version(data);
        written_counter == counter
            && self.program.iter().any(|step| step.writes(counter) == Some(version))
    }
}

#[cfg(test)]
mod tests;
