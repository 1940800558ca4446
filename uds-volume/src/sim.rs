//! A simulated disk, for the tests of everything that stores something.
//!
//! A [`SimDisk`] is a [`Storage`] whose every fault the test chooses: operations that fail, a full
//! disk, syncs that lie, reads and writes that go astray, and power cuts. It runs on its own
//! clock and is deterministic: equal seeds and equal calls give equal bytes.
//!
//! # The model
//!
//! 1. Reads see every write at once.
//! 2. A write is *unsynced* until a sync after it succeeds. The disk logs unsynced writes.
//! 3. A power cut keeps what was synced, and any part of the unsynced writes, in any order. The
//!    smallest part is a sector of [`SECTOR_BYTES`], aligned on the disk: a sector is found old or
//!    new, never mixed.
//! 4. A write that fails has changed a number of its leading sectors that the seed chooses. They
//!    are unsynced like any other.
//! 5. A sync that fails makes nothing durable and forgets nothing.
//! 6. A [`Trick`] changes what one read or write does; it is reported as a success.
//!
//! A power cut gives a new disk and leaves the old one running, so that a test can look at every
//! cut from one run. [`SimDisk::power_off`] stops the old one.
//!
//! ```
//! use uds_volume::Storage;
//! use uds_volume::sim::{PowerCut, SimDisk};
//!
//! let disk = SimDisk::new(4096, 1);
//! disk.write_at(0, b"old")?;
//! disk.sync()?;
//! disk.write_at(0, b"new")?;
//!
//! let mut bytes = [0; 3];
//! disk.power_cut(&PowerCut::LoseUnsynced).read_at(0, &mut bytes)?;
//! assert_eq!(&bytes, b"old");
//! disk.power_cut(&PowerCut::KeepUnsynced).read_at(0, &mut bytes)?;
//! assert_eq!(&bytes, b"new");
//! # Ok::<(), uds_volume::StorageError>(())
//! ```

mod cut;
mod fault;
mod random;
mod trick;

use std::fmt;
use std::io;
use std::time::Duration;

pub use cut::{PowerCut, Sector, UnsyncedWrite};
pub use fault::Fault;
pub use random::Random;
pub use trick::Trick;

use crate::storage::{
    Operation, OperationCounts, SparseBytes, Storage, StorageError, check_read, check_write,
};
use crate::sync::{Arc, Mutex, MutexGuard, lock};

/// The bytes that a power cut keeps or loses as a whole.
pub const SECTOR_BYTES: u64 = 512;

/// Where the clock of a new disk stands: 1,700,000,000 seconds after the Unix epoch.
const START: Duration = Duration::from_secs(1_700_000_000);

/// A simulated disk. See the [module](self) for its model.
pub struct SimDisk {
    length: u64,
    state: Mutex<State>,
}

struct State {
    /// What a power cut keeps in any case.
    durable: SparseBytes,
    /// What reads see: `durable` with all of `unsynced` applied.
    current: SparseBytes,
    unsynced: Vec<LoggedWrite>,
    /// What each block of `current` held before it was written last.
    older: SparseBytes,
    faults: Vec<Fault>,
    tricks: Vec<trick::Planned>,
    counts: OperationCounts,
    space: Option<u64>,
    now: Duration,
    honours_syncs: bool,
    has_power: bool,
    random: Random,
}

/// A write since the last successful sync.
#[derive(Clone)]
struct LoggedWrite {
    offset: u64,
    bytes: Arc<[u8]>,
}

impl SimDisk {
    /// A disk of `length` zero bytes. `seed` decides all that is left to chance.
    #[must_use]
    pub fn new(length: u64, seed: u64) -> Self {
        Self::holding(&SparseBytes::new(length), START, seed)
    }

    /// A disk that holds a copy of `bytes`, synced.
    #[must_use]
    pub fn from_bytes(bytes: &[u8], seed: u64) -> Self {
        Self::holding(&SparseBytes::from_slice(bytes), START, seed)
    }

    fn holding(bytes: &SparseBytes, now: Duration, seed: u64) -> Self {
        Self::with_state(State::holding(bytes, now, Random::new(seed)))
    }

    fn with_state(state: State) -> Self {
        Self { length: state.durable.len(), state: Mutex::new(state) }
    }

    /// Adds a fault. Each operation consults all faults that it matches.
    pub fn inject(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    /// Lets the `n`-th read or write from now, whichever the trick is of, go astray; 1 is the next,
    /// as is 0.
    pub fn trick(&self, trick: Trick, n: u64) {
        self.state().tricks.push(trick::Planned::new(trick, n));
    }

    /// Removes all faults and tricks, so that the disk works again.
    pub fn clear_faults(&self) {
        let mut state = self.state();
        state.faults.clear();
        state.tricks.clear();
    }

    /// Limits the bytes that the disk can hold in blocks of 4096, like a thinly provisioned one.
    /// Writes to blocks that were never written fail beyond that, with
    /// [`io::ErrorKind::StorageFull`].
    pub fn limit_space(&self, bytes: Option<u64>) {
        self.state().space = bytes;
    }

    /// Chooses whether syncs do what they say. A disk that does not honour them reports
    /// success, and a power cut may lose all that was written since.
    pub fn honour_syncs(&self, yes: bool) {
        self.state().honours_syncs = yes;
    }

    /// Lets every later operation fail, as after the cut that [`power_cut`](Self::power_cut) took.
    pub fn power_off(&self) {
        self.state().has_power = false;
    }

    /// Sets the clock, forwards or backwards.
    pub fn set_now(&self, now: Duration) {
        self.state().now = now;
    }

    /// Moves the clock forwards.
    pub fn advance(&self, by: Duration) {
        self.state().now += by;
    }

    /// The operations so far, failed ones included.
    #[must_use]
    pub fn counts(&self) -> OperationCounts {
        self.state().counts
    }

    /// The writes that a power cut may lose, in the order in which they came.
    #[must_use]
    pub fn unsynced_writes(&self) -> Vec<UnsyncedWrite> {
        let writes = &self.state().unsynced;
        writes
            .iter()
            .map(|write| UnsyncedWrite { offset: write.offset, length: write.bytes.len() as u64 })
            .collect()
    }

    /// A copy of this disk: content, unsynced writes, clock and chance, but no faults, tricks and
    /// counts.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        let state = self.state();
        let mut copy = State::holding(&state.durable, state.now, state.random.clone());
        copy.current = state.current.clone();
        copy.unsynced.clone_from(&state.unsynced);
        Self::with_state(copy)
    }

    /// A copy of all bytes as reads see them: as many as the disk is long.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        self.state().current.to_vec()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    /// A working disk that holds `bytes`, synced.
    fn holding(bytes: &SparseBytes, now: Duration, random: Random) -> Self {
        Self {
            durable: bytes.clone(),
            current: bytes.clone(),
            unsynced: Vec::new(),
            older: SparseBytes::new(bytes.len()),
            faults: Vec::new(),
            tricks: Vec::new(),
            counts: OperationCounts::default(),
            space: None,
            now,
            honours_syncs: true,
            has_power: true,
            random,
        }
    }

    /// Makes all writes so far durable.
    fn settle(&mut self) {
        for write in self.unsynced.drain(..) {
            self.durable.adopt(&self.current, write.offset, write.bytes.len());
        }
    }

    /// Why this operation fails, if it does.
    fn failure(&mut self, operation: Operation, offset: u64, length: u64) -> Option<io::Error> {
        if !self.has_power {
            return Some(io::Error::new(io::ErrorKind::NotConnected, "the disk has no power"));
        }
        let random = &mut self.random;
        let mut failure = None;
        // Every matching fault counts the operation, also where an earlier one fails it.
        self.faults.retain_mut(|fault| {
            let (kind, stays) = fault.consult(operation, offset, length, random);
            failure = failure.or(kind);
            stays
        });
        failure.map(|kind| io::Error::new(kind, "a fault of the simulated disk"))
    }

    /// Whether the disk is too full for a write.
    fn is_full_for(&self, offset: u64, length: usize) -> bool {
        self.space.is_some_and(|space| {
            let missing = self.current.missing_bytes(offset, length);
            missing > 0 && self.current.allocated_bytes() + missing > space
        })
    }

    fn apply(&mut self, offset: u64, bytes: &[u8]) {
        self.older.adopt_or_clear(&self.current, offset, bytes.len());
        self.current.write(offset, bytes);
        self.unsynced.push(LoggedWrite { offset, bytes: Arc::from(bytes) });
    }
}

impl Storage for SimDisk {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), StorageError> {
        let length = buffer.len() as u64;
        let mut state = self.state();
        state.counts.reads += 1;
        state.counts.bytes_read += length;
        check_read(self.length, offset, buffer.len())?;
        if let Some(source) = state.failure(Operation::Read, offset, length) {
            return Err(StorageError::Io { operation: Operation::Read, offset, length, source });
        }
        match trick::next(&mut state.tricks, false) {
            Some(Trick::ReadOlder) => state.older.read(offset, buffer),
            Some(Trick::ReadElsewhere { from }) => {
                buffer.fill(0);
                let length = self.length.saturating_sub(from).min(length) as usize;
                state.current.read(from, &mut buffer[..length]);
            }
            _ => state.current.read(offset, buffer),
        }
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        let length = bytes.len() as u64;
        let operation = Operation::Write;
        let mut state = self.state();
        state.counts.writes += 1;
        state.counts.bytes_written += length;
        check_write(self.length, offset, bytes.len())?;
        if state.has_power && state.is_full_for(offset, bytes.len()) {
            let source = io::Error::new(io::ErrorKind::StorageFull, "the simulated disk is full");
            return Err(StorageError::Io { operation, offset, length, source });
        }
        if let Some(source) = state.failure(operation, offset, length) {
            if state.has_power {
                // Model, number 4: some leading sectors are written.
                let sectors = length.div_ceil(SECTOR_BYTES);
                let written = state.random.below(sectors + 1) * SECTOR_BYTES;
                let aligned_end = (offset + written) / SECTOR_BYTES * SECTOR_BYTES;
                let kept = aligned_end.saturating_sub(offset).min(length) as usize;
                state.apply(offset, &bytes[..kept]);
            }
            return Err(StorageError::Io { operation, offset, length, source });
        }
        let trick = trick::next(&mut state.tricks, true);
        if matches!(trick, None | Some(Trick::WriteTwice { .. })) {
            state.apply(offset, bytes);
        }
        if let Some(Trick::WriteElsewhere { to } | Trick::WriteTwice { to }) = trick {
            let kept = self.length.saturating_sub(to).min(length) as usize;
            state.apply(to, &bytes[..kept]);
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), StorageError> {
        let mut state = self.state();
        state.counts.syncs += 1;
        if let Some(source) = state.failure(Operation::Sync, 0, 0) {
            return Err(StorageError::Sync { source });
        }
        if state.honours_syncs {
            state.settle();
        }
        Ok(())
    }

    fn len(&self) -> u64 {
        self.length
    }

    fn now(&self) -> Duration {
        self.state().now
    }
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimDisk").field("length", &self.length).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
