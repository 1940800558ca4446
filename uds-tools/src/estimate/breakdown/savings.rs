//! Where the savings are, as it is told: the JSON object, from which text and charts are made.
//!
//! # Invariants
//!
//! 1. The rows of `by_directory` and of `by_type` each sum to all that was fed, and those of
//!    `by_age` to all duplicates whose age was told.
//! 2. A share is that of the same two numbers in the same row or list; of nothing it is 0.

use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use super::age::AgeRow;
use super::cut::cut;
use super::{AgeTally, AgeUnit, Breakdown, Sums};
use crate::estimate::compress::Compression;
use crate::units::fraction;

/// The least part of all savings that a file has a row for; the first has one anyway.
const LEAST_SHARE: f64 = 0.001;

/// How the data was read, so far as it changes the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) unit: AgeUnit,
    /// Whether only a sample of the names was followed, so that what is saved is an estimate.
    pub(crate) is_sampled: bool,
}

/// Where the savings are.
#[derive(Debug, Serialize)]
pub(crate) struct Savings {
    /// Whether `saved_bytes` below are estimates from a sample of the names.
    #[serde(rename = "sampled")]
    pub(super) is_sampled: bool,
    pub(super) by_directory: Vec<Directory>,
    pub(super) by_type: Vec<Kind>,
    pub(super) by_age: Vec<Age>,
    pub(super) top_files: Vec<File>,
    pub(super) compression: Option<Compression>,
    #[serde(skip)]
    pub(super) unit: AgeUnit,
}

/// A directory, or a file that was given by name.
#[derive(Debug, Serialize)]
pub(super) struct Directory {
    #[serde(serialize_with = "as_text")]
    pub(super) path: PathBuf,
    #[serde(rename = "rest")]
    pub(super) is_rest: bool,
    #[serde(flatten)]
    pub(super) figures: Figures,
}

/// A type of files.
#[derive(Debug, Serialize)]
pub(super) struct Kind {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(flatten)]
    pub(super) figures: Figures,
}

/// One of the files that save most.
#[derive(Debug, Serialize)]
pub(super) struct File {
    #[serde(serialize_with = "as_text")]
    pub(super) path: PathBuf,
    #[serde(flatten)]
    pub(super) figures: Figures,
}

/// What was read and saved in a row.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Figures {
    pub(super) bytes: u64,
    pub(super) zero_bytes: u64,
    pub(super) saved_bytes: u64,
    /// The part of `bytes` that is saved.
    pub(super) saved_share: f64,
    /// The part of all savings that are these.
    pub(super) share_of_all: f64,
    #[serde(skip)]
    pub(super) all_saved_bytes: u64,
}

/// Duplicates whose records were so far back.
#[derive(Debug, Serialize)]
pub(super) struct Age {
    #[serde(flatten)]
    pub(super) row: AgeRow,
    pub(super) share_of_all: f64,
    /// The part of all that are these or newer.
    pub(super) share_within: f64,
    #[serde(skip)]
    pub(super) within_bytes: u64,
    #[serde(skip)]
    pub(super) all_bytes: u64,
}

impl Savings {
    /// What compression would add, if it was tried on any block.
    pub(crate) fn compression(&self) -> Option<&Compression> {
        self.compression.as_ref().filter(|found| found.sampled_blocks > 0)
    }

    /// The same, where what deduplication saves may be so far off, as a share of all data.
    pub(crate) fn with_error(mut self, error: f64) -> Self {
        self.compression = self.compression.map(|found| found.with_duplicate_error(error));
        self
    }

    /// All of it. Without a compression, none was tried.
    pub(crate) fn new(
        breakdown: &Breakdown,
        ages: &AgeTally,
        compression: Option<Compression>,
        scope: Scope,
    ) -> Self {
        let all = breakdown.total.saved();
        let figures = |sums: &Sums| Figures::new(sums, all);
        let by_directory = cut(&breakdown.tree).into_iter().map(|row| Directory {
            figures: figures(&row.sums),
            path: row.path,
            is_rest: row.is_rest,
        });
        let by_type = breakdown
            .kinds
            .rows()
            .into_iter()
            .map(|row| Kind { figures: figures(&row.sums), kind: row.kind });
        let top_files = breakdown
            .top
            .files()
            .iter()
            .map(|file| File { figures: figures(&file.sums), path: file.path.clone() })
            .enumerate()
            .filter(|(place, file)| *place == 0 || file.figures.share_of_all >= LEAST_SHARE)
            .map(|(_, file)| file);
        Self {
            is_sampled: scope.is_sampled,
            by_directory: by_directory.collect(),
            by_type: by_type.collect(),
            by_age: by_age(&ages.settled(all)),
            top_files: top_files.collect(),
            compression,
            unit: scope.unit,
        }
    }

    /// Whether deduplication saves anything.
    pub(super) fn saves(&self) -> bool {
        self.by_directory.iter().any(|row| row.figures.saved_bytes > 0)
    }
}

impl Figures {
    fn new(sums: &Sums, all_saved_bytes: u64) -> Self {
        Self {
            bytes: sums.bytes,
            zero_bytes: sums.zero_bytes,
            saved_bytes: sums.saved(),
            // An estimate from a sample may say more of a small row than it holds.
            saved_share: fraction(sums.saved().min(sums.bytes), sums.bytes),
            share_of_all: fraction(sums.saved(), all_saved_bytes),
            all_saved_bytes,
        }
    }
}

fn by_age(ages: &AgeTally) -> Vec<Age> {
    let rows = ages.rows();
    let sum = |bytes: u64, row: &AgeRow| bytes.saturating_add(row.saved_bytes);
    let all_bytes = rows.iter().fold(0, sum);
    let mut within_bytes = 0;
    let age = |row: AgeRow| {
        within_bytes = sum(within_bytes, &row);
        Age {
            share_of_all: fraction(row.saved_bytes, all_bytes),
            share_within: fraction(within_bytes, all_bytes),
            row,
            within_bytes,
            all_bytes,
        }
    };
    rows.into_iter().map(age).collect()
}

/// A path as text, in which what is not UTF-8 is replaced.
fn as_text<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}
