//! What one source of names has posted last.

use crate::hash::Hash;

/// Samples that are remembered.
const RECENT: usize = 16;

/// The recent past of one source of names: a thread that reads, say. See the module `sparse` for
/// what it is good for. Each caller of [`Model::observe`](crate::Model::observe) keeps its own.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    /// Short hashes of the last names that are samples of a sparse index, in a ring.
    recent: [u32; RECENT],
    /// How many there were.
    count: u32,
}

impl Stream {
    /// Notes a sample.
    pub(crate) fn push(&mut self, sample: Hash) {
        self.recent[self.count as usize % RECENT] = sample.short();
        self.count = self.count.wrapping_add(1);
    }

    /// The last sample, or 0 if there was none.
    pub(crate) const fn last(&self) -> u32 {
        self.recent[(self.count as usize + RECENT - 1) % RECENT]
    }

    /// A number that stays the same until the next sample comes, and that no other stream has at
    /// the same time.
    pub(crate) const fn moment(&self) -> u64 {
        (self.count as u64) << 32 | self.last() as u64
    }

    /// Whether a sample was among the last ones.
    pub(crate) fn has_seen(&self, sample: u32) -> bool {
        sample != 0 && self.recent.contains(&sample)
    }
}
