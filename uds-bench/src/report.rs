//! What was measured.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::calibration::Calibration;
use crate::latency::Latency;

/// The phases, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PhaseName {
    /// New names are posted until the window is as full as it is to be.
    Fill,
    /// More new names: each that is stored lets an old one go, where the window is full.
    Steady,
    /// Names are asked for that were never stored.
    Miss,
    /// Names are asked for in the order in which they were stored, from the middle of the window
    /// on.
    HitSequential,
    /// Random names of the last chapters are asked for.
    HitRecent,
    /// Random names of the whole window are asked for.
    HitRandom,
    /// Names that are there are posted in the order in which they were stored, from the middle of
    /// the window on.
    PostDuplicate,
    /// Everything is saved.
    Close,
    /// The store is opened as it was saved.
    CleanOpen,
    /// The store is opened after it was left without a save.
    UncleanOpen,
}

impl PhaseName {
    /// The name, as in a report.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fill => "fill",
            Self::Steady => "steady",
            Self::Miss => "miss",
            Self::HitSequential => "hit-sequential",
            Self::HitRecent => "hit-recent",
            Self::HitRandom => "hit-random",
            Self::PostDuplicate => "post-duplicate",
            Self::Close => "close",
            Self::CleanOpen => "clean-open",
            Self::UncleanOpen => "unclean-open",
        }
    }
}

impl fmt::Display for PhaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a phase has cost.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Phase {
    /// Which.
    pub name: PhaseName,
    /// Requests; 1 for closing and opening.
    pub count: u64,
    /// Nanoseconds of the clock for each.
    pub wall_ns_per_op: f64,
    /// Nanoseconds of processor time for each, of all threads of the process: also of those that
    /// work in the background.
    pub cpu_ns_per_op: f64,
    /// The share of names that were found, 0 to 1. None for closing and opening.
    pub found: Option<f64>,
    /// How long the batches took. None for closing and opening.
    pub latency: Option<Latency>,
    /// The most memory that the process had meanwhile, in bytes. None where the system does not
    /// say, or says it of the whole run only.
    pub peak_resident_bytes: Option<u64>,
    /// Memory that the process has at the end, in bytes. None where the system does not say.
    pub resident_bytes: Option<u64>,
}

/// A run, or the medians of several.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// All phases, in their order.
    pub phases: Vec<Phase>,
    /// The most memory that the process had in the whole run, in bytes. None where the system does
    /// not say.
    pub peak_resident_bytes: Option<u64>,
    /// What the process has handed to the system to be written, in bytes.
    pub bytes_written: Option<u64>,
    /// What the process has asked of the system, in bytes, from its page cache or from storage.
    pub bytes_read: Option<u64>,
    /// What was or will be written to storage, in bytes.
    pub storage_bytes_written: Option<u64>,
    /// What was fetched from storage, in bytes.
    pub storage_bytes_read: Option<u64>,
    /// What the store takes on storage after the last phase, in bytes.
    pub bytes_on_storage: u64,
    /// What memory cost just after the run.
    pub calibration: Calibration,
}

impl Report {
    /// The phase of a name, if it was run.
    #[must_use]
    pub fn phase(&self, name: PhaseName) -> Option<&Phase> {
        self.phases.iter().find(|phase| phase.name == name)
    }
}
