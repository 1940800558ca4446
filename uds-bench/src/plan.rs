//! How much of each phase.

use crate::report::PhaseName;

/// Requests that a caller hands over at once.
const BATCH: usize = 1024;
/// Random names of the whole window are the dearest; so many fewer are asked for.
const FEWER_RANDOM: u64 = 8;

/// What is done in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Records posted by `fill`.
    pub fill: u64,
    /// Requests of each other phase. `hit-random` has an eighth of it; `post-duplicate` at most
    /// the newer half of the window.
    pub ops: u64,
    /// Threads that run batches, 1 or more.
    pub callers: usize,
    /// Requests of a batch, 1 or more.
    pub batch: usize,
    /// Whether the store may miss names that it holds, except recent ones, as a sparse index does.
    pub sparse: bool,
}

impl Plan {
    /// A plan for one caller and batches of 1024 on a store that finds all that it holds.
    #[must_use]
    pub const fn new(fill: u64, ops: u64) -> Self {
        Self { fill, ops, callers: 1, batch: BATCH, sparse: false }
    }

    /// Requests of a phase, as far as the plan alone knows.
    pub(crate) fn count(&self, phase: PhaseName) -> u64 {
        match phase {
            PhaseName::Fill => self.fill,
            PhaseName::HitRandom => (self.ops / FEWER_RANDOM).max(1),
            PhaseName::Close | PhaseName::CleanOpen | PhaseName::UncleanOpen => 1,
            _ => self.ops,
        }
    }
}
