//! Power cuts: what a simulated disk holds when it comes up again.

use super::random::Random;
use super::{LoggedWrite, SECTOR_BYTES, SimDisk};
use crate::storage::SparseBytes;

/// A write that a power cut may lose, as [`SimDisk::unsynced_writes`] lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnsyncedWrite {
    /// Its first byte.
    pub offset: u64,
    /// Its bytes.
    pub length: u64,
}

/// The part of an unsynced write that lies in one sector of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sector {
    /// Position of the write in the log of unsynced writes.
    pub write: usize,
    /// Number of the sector within the write.
    pub number: u64,
    /// Sectors of the write.
    pub count: u64,
    /// The first byte of the part, on the disk.
    pub offset: u64,
}

/// What a power cut does to unsynced writes.
#[derive(Clone, Debug)]
pub enum PowerCut {
    /// All are lost.
    LoseUnsynced,
    /// All are kept: the disk was quick.
    KeepUnsynced,
    /// Those at these positions of the log are kept whole, in the order of the log; all others
    /// are lost. Positions that do not exist are ignored.
    Keep(Vec<usize>),
    /// The number decides: some writes are lost, some torn, some applied out of order.
    Random(u64),
}

impl SimDisk {
    /// What the disk holds after a power cut now: a new disk without faults, with honest syncs
    /// and the same clock.
    #[must_use]
    pub fn power_cut(&self, cut: &PowerCut) -> Self {
        let in_order = 0..self.unsynced_writes().len();
        match cut {
            PowerCut::LoseUnsynced => self.power_cut_with(in_order, |_| false),
            PowerCut::KeepUnsynced => self.power_cut_with(in_order, |_| true),
            PowerCut::Keep(kept) => {
                self.power_cut_with(in_order, |sector| kept.contains(&sector.write))
            }
            PowerCut::Random(seed) => self.power_cut_by_chance(*seed),
        }
    }

    /// As [`power_cut`](Self::power_cut), with the unsynced writes that `order` names applied in
    /// that order, each with just the sectors that `keep` wants. Writes that `order` leaves out are
    /// lost; a position twice is applied twice.
    ///
    /// ```
    /// use uds_volume::Storage;
    /// use uds_volume::sim::SimDisk;
    ///
    /// let disk = SimDisk::new(32768, 1);
    /// disk.write_at(0, &[7; 32768])?;
    /// // A page torn in the middle: only its head arrived.
    /// let torn = disk.power_cut_with([0], |sector| sector.number < sector.count / 2);
    /// assert_eq!(torn.to_vec()[16383..16385], [7, 0]);
    /// # Ok::<(), uds_volume::StorageError>(())
    /// ```
    #[must_use]
    pub fn power_cut_with(
        &self,
        order: impl IntoIterator<Item = usize>,
        mut keep: impl FnMut(Sector) -> bool,
    ) -> Self {
        let mut state = self.state();
        let mut bytes = state.durable.clone();
        for write in order {
            if let Some(logged) = state.unsynced.get(write) {
                apply_sectors(&mut bytes, write, logged, &mut keep);
            }
        }
        let seed = state.random.next();
        Self::holding(&bytes, state.now, seed)
    }

    fn power_cut_by_chance(&self, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let writes = self.unsynced_writes().len();
        let mut order: Vec<usize> = (0..writes).collect();
        match random.below(4) {
            // The disk wrote in order and stopped within a write.
            0 => {
                let last = random.below(writes as u64 + 1) as usize;
                let part = random.next();
                self.power_cut_with(order, |sector| {
                    sector.write < last
                        || (sector.write == last && sector.number < part % (sector.count + 1))
                })
            }
            // Whole writes, in any order.
            1 => {
                random.shuffle(&mut order);
                let fates: Vec<bool> = order.iter().map(|_| random.below(2) == 0).collect();
                self.power_cut_with(order, |sector| fates[sector.write])
            }
            // Few sectors are missing, or few have arrived; in any order.
            mode => {
                random.shuffle(&mut order);
                let rarity = 2 + random.below(40);
                self.power_cut_with(order, |_| (random.below(rarity) == 0) == (mode == 2))
            }
        }
    }
}

/// Writes the sectors of one logged write that `keep` wants.
fn apply_sectors(
    bytes: &mut SparseBytes,
    write: usize,
    logged: &LoggedWrite,
    keep: &mut impl FnMut(Sector) -> bool,
) {
    if logged.bytes.is_empty() {
        return;
    }
    let end = logged.offset + logged.bytes.len() as u64;
    let first = logged.offset / SECTOR_BYTES;
    let count = end.div_ceil(SECTOR_BYTES) - first;
    for number in 0..count {
        let sector_start = (first + number) * SECTOR_BYTES;
        let from = sector_start.max(logged.offset);
        let to = (sector_start + SECTOR_BYTES).min(end);
        if keep(Sector { write, number, count, offset: from }) {
            let part = (from - logged.offset) as usize..(to - logged.offset) as usize;
            bytes.write(from, &logged.bytes[part]);
        }
    }
}
