//! What a comparison gives.

use serde::{Deserialize, Serialize};
use uds_bench::Report;

use crate::store::Store;

/// What was measured of one store, in one run or as medians of several.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measured {
    /// Which store.
    pub store: Store,
    /// Its version.
    pub version: String,
    /// The most memory that no file backs, in bytes, as seen some 60 times in each million
    /// requests.
    pub peak_anonymous_bytes: Option<u64>,
    /// All phases.
    #[serde(flatten)]
    pub report: Report,
}

impl Measured {
    /// The medians of some runs of one store, of each number by itself; of memory the most.
    #[must_use]
    pub fn median(runs: &[Self]) -> Option<Self> {
        let reports: Vec<Report> = runs.iter().map(|run| run.report.clone()).collect();
        Some(Self {
            peak_anonymous_bytes: runs.iter().map(|run| run.peak_anonymous_bytes).max()?,
            report: Report::median(&reports)?,
            ..runs.first()?.clone()
        })
    }
}

/// What was measured of all stores.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// Records that each store holds after the phase `fill`.
    pub records: u64,
    /// Requests of each further phase.
    pub ops: u64,
    /// Memory that each store but ours was given for caches and write buffers, in bytes.
    pub memory_bytes: u64,
    /// How many runs these are the medians of.
    pub runs: usize,
    /// The stores, in the order of their columns.
    pub stores: Vec<Measured>,
}
